import type { Ask, Observation } from './compare-ask.ts';

/** Neutron: every 409 of a cleanup, the default group that is created again, paging, quotas. */
export async function networkScript(ask: Ask): Promise<void> {
  const project = await ask.project('network');
  const other = await ask.project('neighbor');
  const post = async (path: string, name: string, value: object, silent = false): Promise<string> =>
    ask.id(
      await ask('network', 'POST', `/v2.0/${path}`, {
        silent,
        json: { [name]: { project_id: project, ...value } },
      }),
    );
  const put = (path: string, name: string, value: unknown): Promise<Observation> =>
    ask('network', 'PUT', `/v2.0/${path}`, { json: name === '' ? value : { [name]: value } });
  const get = (path: string) => ask('network', 'GET', `/v2.0/${path}`);
  const remove = (path: string) => ask('network', 'DELETE', `/v2.0/${path}`);
  await ask('network', 'GET', '/');
  await ask('network', 'GET', '/v2.0/networks', { headers: { 'X-Auth-Token': 'nonsense' } });
  await get('vpn/vpnservices');
  await get(`networks?project_id=${project}&bogus=1`);

  const group = /"id": ?"([^"]+)"/.exec(
    (await get(`security-groups?project_id=${project}&fields=id`)).text,
  )?.[1];
  await remove(`security-groups/${group}`);
  await remove(`security-groups/${group}`);
  await get(`quotas/${project}/details`);
  await get(`security-groups?project_id=${project}`);
  await get(`security-group-rules?project_id=${project}&limit=1`);
  await get(`quotas/${project}`);
  await remove(`quotas/${project}`);
  await put(`quotas/${project}`, 'quota', { port: 77 });
  await remove(`quotas/${project}`);

  const net = await post('networks', 'network', { name: 'n' });
  const subnet = await post('subnets', 'subnet', {
    network_id: net,
    cidr: '10.9.0.0/24',
    ip_version: 4,
  });
  const outside = await post('networks', 'network', { name: 'outside', 'router:external': true });
  const outsideSubnet = await post('subnets', 'subnet', {
    network_id: outside,
    cidr: '203.0.113.0/24',
    ip_version: 4,
  });
  const router = await post('routers', 'router', { name: 'r' });
  await put(`routers/${router}/add_router_interface`, '', { subnet_id: subnet });
  const interfacePort = /"id": ?"([^"]+)"/.exec((await get(`ports?device_id=${router}`)).text)?.[1];
  for (const path of [
    `ports/${interfacePort}`,
    `routers/${router}`,
    `networks/${net}`,
    `subnets/${subnet}`,
  ])
    await remove(path);
  await put(`routers/${router}`, 'router', { external_gateway_info: { network_id: outside } });
  await get(`ports?device_id=${router}&device_owner=network:router_gateway`);
  await put(`routers/${router}`, 'router', {
    routes: [{ destination: '10.99.0.0/24', nexthop: '10.9.0.77' }],
  });
  await put(`routers/${router}/remove_router_interface`, '', { port_id: interfacePort });
  await put(`routers/${router}`, 'router', { routes: [] });

  const port = await post('ports', 'port', { network_id: net, name: 'p' });
  const address = /"ip_address": ?"([^"]+)"/.exec((await get(`ports/${port}`)).text)?.[1];
  const ip = await post('floatingips', 'floatingip', {
    floating_network_id: outside,
    port_id: port,
  });
  await put(`routers/${router}/remove_router_interface`, '', { port_id: interfacePort });
  await put(`routers/${router}`, 'router', { external_gateway_info: {} });
  await put(`floatingips/${ip}`, 'floatingip', { port_id: null });
  const forwarding = {
    internal_port_id: port,
    internal_ip_address: address,
    internal_port: 80,
    external_port: 8080,
    protocol: 'tcp',
  };
  await ask('network', 'POST', `/v2.0/floatingips/${ip}/port_forwardings`, {
    json: { port_forwarding: forwarding },
  });
  await get(`floatingips/${ip}`);
  await remove(`floatingips/${ip}`);
  const rule = /"id": ?"([^"]+)"/.exec((await get(`floatingips/${ip}/port_forwardings`)).text)?.[1];
  await remove(`floatingips/${ip}/port_forwardings/${rule}`);
  await remove(`floatingips/${ip}/port_forwardings/${rule}`);
  await remove(`floatingips/${ip}`);
  await remove(`floatingips/${ip}`);

  const sub = await post('ports', 'port', { network_id: net, name: 'sub' });
  const trunk = await post('trunks', 'trunk', {
    port_id: port,
    sub_ports: [{ port_id: sub, segmentation_type: 'vlan', segmentation_id: 7 }],
  });
  await get(`ports/${port}`);
  await remove(`ports/${port}`);
  await remove(`ports/${sub}`);
  await put(`trunks/${trunk}`, 'trunk', { admin_state_up: false });
  await remove(`trunks/${trunk}`);
  await put(`trunks/${trunk}`, 'trunk', { admin_state_up: true });
  await remove(`trunks/${trunk}`);
  await remove(`trunks/${trunk}`);
  await get('trunks?limit=1&marker=nope');
  await get('ports?limit=1&marker=nope');
  await get(`ports?project_id=${project}&limit=1&fields=id`);

  const [a, b] = [
    await post('security-groups', 'security_group', { name: 'a' }),
    await post('security-groups', 'security_group', { name: 'b' }),
  ];
  const cross = await post('security-group-rules', 'security_group_rule', {
    security_group_id: b,
    direction: 'ingress',
    ethertype: 'IPv4',
    remote_group_id: a,
  });
  await remove(`security-groups/${a}`);
  await get(`security-group-rules/${cross}`);
  const policy = await post('rbac-policies', 'rbac_policy', {
    object_type: 'network',
    object_id: net,
    action: 'access_as_shared',
    target_tenant: other,
  });
  await get(`rbac-policies?target_tenant=${other}`);
  const guest = await post('ports', 'port', { network_id: net, project_id: other });
  await remove(`networks/${net}`);
  await ask('network', 'DELETE', `/v2.0/ports/${guest}`);
  await remove(`rbac-policies/${policy}`);
  await remove(`rbac-policies/${policy}`);
  const qos = await post('qos/policies', 'policy', { name: 'q' });
  await put(`networks/${net}`, 'network', { qos_policy_id: qos });
  await remove(`qos/policies/${qos}`);
  const addresses = await post('address-groups', 'address_group', {
    name: 'ag',
    addresses: ['10.0.0.0/24'],
  });
  await post('security-group-rules', 'security_group_rule', {
    security_group_id: b,
    direction: 'ingress',
    ethertype: 'IPv4',
    remote_address_group_id: addresses,
  });
  await remove(`address-groups/${addresses}`);
  await remove(`security-groups/${b}`);
  await remove(`address-groups/${addresses}`);
  const scope = await post('address-scopes', 'address_scope', { name: 'as', ip_version: 4 });
  const pool = await post('subnetpools', 'subnetpool', {
    name: 'sp',
    prefixes: ['10.44.0.0/16'],
    default_prefixlen: 24,
    address_scope_id: scope,
  });
  const pooled = await post('networks', 'network', { name: 'pooled' }, true);
  await post('subnets', 'subnet', { network_id: pooled, subnetpool_id: pool, ip_version: 4 }, true);
  await remove(`address-scopes/${scope}`);
  await remove(`subnetpools/${pool}`);
  await remove(`networks/${pooled}`);
  await remove(`subnetpools/${pool}`);
  await remove(`address-scopes/${scope}`);

  await put(`routers/${router}/remove_router_interface`, '', { port_id: interfacePort });
  await put(`routers/${router}/remove_router_interface`, '', { port_id: interfacePort });
  for (const path of [
    `routers/${router}`,
    `ports/${sub}`,
    `ports/${port}`,
    `networks/${net}`,
    `subnets/${outsideSubnet}`,
    `networks/${outside}`,
    `qos/policies/${qos}`,
  ])
    await remove(path);
  for (const path of [
    'networks/x',
    'ports/x',
    'subnets/x',
    'routers/x',
    'address-groups/x',
    'address-scopes/x',
    'subnetpools/x',
    'qos/policies/x',
    'security-group-rules/x',
  ])
    await remove(path);
  await get(`quotas/${project}/details`);
  for (const owner of [project, other])
    for (const [, id] of (
      await ask('network', 'GET', `/v2.0/security-groups?project_id=${owner}&fields=id`, {
        silent: true,
      })
    ).text.matchAll(/"id": ?"([^"]+)"/g))
      await ask('network', 'DELETE', `/v2.0/security-groups/${id}`, { silent: true });
}
