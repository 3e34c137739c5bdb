import type { Table } from './resource-store.ts';
import type { NetworkRow } from './rows.ts';
import { at, openTestCloud, rows, type TestCloud } from './test-cloud.ts';

let testCloud: TestCloud;
afterEach(() => testCloud.close());

const remove = async (path: string): Promise<unknown> => {
  const { status, json } = await testCloud.ask('network', 'DELETE', `/v2.0/${path}`);
  return status === 204 ? 'gone' : `${status} ${at(json, 'NeutronError.type')}`;
};
const put = async (path: string, json: object): Promise<unknown> => {
  const answer = await testCloud.ask('network', 'PUT', `/v2.0/${path}`, { json });
  return answer.status === 200
    ? 'done'
    : `${answer.status} ${at(answer.json, 'NeutronError.type')}`;
};
const find = (
  table: Table<NetworkRow>,
  wanted: (row: NetworkRow) => boolean = () => true,
): NetworkRow => {
  const [row] = table.where((each) => each.project_id === testCloud.project && wanted(each));
  if (!row) throw new Error(`nothing of that resource type: ${table.resourceType}`);
  return row;
};
const named = (table: Table<NetworkRow>, name: string): NetworkRow =>
  find(table, (row) => row.name === name);

describe('the Neutron of the rehearsal cloud', () => {
  beforeEach(async () => {
    testCloud = await openTestCloud();
    testCloud.cloud.seed.fill(testCloud.project, 'small');
  });

  it('refuses to delete a resource that is in use, with the error name of Neutron', async () => {
    const { network } = testCloud.cloud.state;
    const interfacePort = find(
      network.ports,
      (row) =>
        row.device_owner === 'network:router_interface' &&
        row.device_id === named(network.routers, 'router-0').id,
    );
    const forwarded = network.floatingips.get(String(find(network.portForwardings).floatingip_id));
    const router = named(network.routers, 'router-0');
    expect(await remove(`ports/${interfacePort.id}`)).toBe('409 ServicePortInUse');
    expect(await remove(`ports/${named(network.ports, 'parent').id}`)).toBe(
      '409 PortInUseAsTrunkParent',
    );
    expect(await remove(`ports/${named(network.ports, 'sub').id}`)).toBe('409 PortInUseAsSubPort');
    expect(await remove(`trunks/${named(network.trunks, 'disabled-trunk').id}`)).toBe(
      '409 TrunkDisabled',
    );
    expect(await remove(`floatingips/${forwarded?.id}`)).toBe('409 FipInUseByPortForwarding');
    expect(await remove(`routers/${named(network.routers, 'router-1').id}`)).toBe(
      '409 RouterInUse',
    );
    expect(
      await put(`routers/${router.id}/remove_router_interface`, { port_id: interfacePort.id }),
    ).toBe('409 RouterInterfaceInUseByRoute');
    await put(`routers/${router.id}`, { router: { routes: [] } });
    expect(
      await put(`routers/${router.id}/remove_router_interface`, { port_id: interfacePort.id }),
    ).toBe('409 RouterInterfaceInUseByFloatingIP');
    expect(await put(`routers/${router.id}`, { router: { external_gateway_info: {} } })).toBe(
      '409 RouterExternalGatewayInUseByFloatingIp',
    );
    expect(await remove(`networks/${named(network.networks, 'net-0').id}`)).toBe(
      '409 NetworkInUse',
    );
    expect(await remove(`subnets/${named(network.subnets, 'subnet-0').id}`)).toBe(
      '409 SubnetInUse',
    );
    expect(await remove(`security-groups/${named(network.securityGroups, 'default').id}`)).toBe(
      '409 SecurityGroupInUse',
    );
    expect(await remove(`qos/policies/${named(network.qosPolicies, 'slow').id}`)).toBe(
      '409 QosPolicyInUse',
    );
    expect(await remove(`address-groups/${named(network.addressGroups, 'offices').id}`)).toBe(
      '409 AddressGroupInUse',
    );
    expect(await remove(`address-scopes/${named(network.addressScopes, 'scope').id}`)).toBe(
      '409 AddressScopeInUse',
    );
    expect(await remove(`subnetpools/${named(network.subnetpools, 'pool').id}`)).toBe(
      '400 SubnetPoolDeleteError',
    );
  });

  it('deletes everything in the right order', async () => {
    const { network } = testCloud.cloud.state;
    const own = (table: Table<NetworkRow>): NetworkRow[] =>
      table.where((row) => row.project_id === testCloud.project);
    for (const row of own(network.portForwardings))
      expect(await remove(`floatingips/${row.floatingip_id}/port_forwardings/${row.id}`)).toBe(
        'gone',
      );
    for (const row of own(network.floatingips))
      expect(await remove(`floatingips/${row.id}`)).toBe('gone');
    for (const row of own(network.trunks))
      await put(`trunks/${row.id}`, { trunk: { admin_state_up: true } });
    for (const row of own(network.trunks)) expect(await remove(`trunks/${row.id}`)).toBe('gone');
    for (const row of own(network.routers))
      await put(`routers/${row.id}`, { router: { routes: [] } });
    for (const row of own(network.ports).filter(
      (port) => port.device_owner === 'network:router_interface',
    ))
      expect(
        await put(`routers/${row.device_id}/remove_router_interface`, { port_id: row.id }),
      ).toBe('done');
    for (const row of own(network.routers)) expect(await remove(`routers/${row.id}`)).toBe('gone');
    for (const row of own(network.ports).filter((port) => port.device_owner !== 'network:dhcp'))
      expect(await remove(`ports/${row.id}`)).toBe('gone');
    for (const row of own(network.networks))
      expect(await remove(`networks/${row.id}`)).toBe('gone');
    expect(own(network.ports)).toEqual([]);
    expect(own(network.subnets)).toEqual([]);
    for (const row of own(network.securityGroups))
      expect(await remove(`security-groups/${row.id}`)).toBe('gone');
    for (const [path, table] of [
      ['subnetpools', network.subnetpools],
      ['address-scopes', network.addressScopes],
      ['address-groups', network.addressGroups],
      ['qos/policies', network.qosPolicies],
      ['rbac-policies', network.rbacPolicies],
    ] as const)
      for (const row of own(table)) expect(await remove(`${path}/${row.id}`)).toBe('gone');
    expect(await remove(`quotas/${testCloud.project}`)).toBe('gone');
    expect(await remove(`quotas/${testCloud.project}`)).toBe('404 TenantQuotaNotFound');
    expect(
      testCloud.cloud.store
        .resources(testCloud.project)
        .filter(({ resourceType }) => resourceType.startsWith('neutron.')),
    ).toEqual([]);
  });

  it('creates the default group again when groups are listed, also for a deleted project', async () => {
    const project = testCloud.cloud.seed.makeProject(testCloud.domain, 'empty');
    const count = (): number => testCloud.cloud.store.count(project)['neutron.security-group'] ?? 0;
    await testCloud.ask('network', 'GET', `/v2.0/ports?project_id=${project}`);
    await testCloud.ask('network', 'GET', `/v2.0/quotas/${project}/details`);
    await testCloud.ask('network', 'GET', '/v2.0/security-groups');
    expect(count()).toBe(0);
    await testCloud.ask('identity', 'DELETE', `/projects/${project}`);
    await testCloud.ask('network', 'GET', `/v2.0/security-group-rules?tenant_id=${project}`);
    expect(count()).toBe(1);
    const [group] = rows(
      (await testCloud.ask('network', 'GET', `/v2.0/security-groups?project_id=${project}`)).json,
      'security_groups',
    );
    expect(await remove(`security-groups/${group?.id}`)).toBe('gone');
    expect(count()).toBe(0);
    await put(`quotas/${project}`, { quota: { security_group_rule: 0 } });
    expect(
      await testCloud.status('network', 'GET', `/v2.0/security-groups?project_id=${project}`),
    ).toBe(409);
    expect(count()).toBe(0);
  });

  it('deletes rules of other groups with the group that they name', async () => {
    const { securityGroupRules: rules } = testCloud.cloud.state.network;
    const group = find(
      testCloud.cloud.state.network.securityGroups,
      (row) =>
        row.name !== 'default' &&
        !testCloud.cloud.state.network.ports.some(
          (port) => Array.isArray(port.security_groups) && port.security_groups.includes(row.id),
        ),
    );
    expect(
      rules.some(
        (rule) => rule.remote_group_id === group.id && rule.security_group_id !== group.id,
      ),
    ).toBe(true);
    expect(await remove(`security-groups/${group.id}`)).toBe('gone');
    expect(rules.some((rule) => rule.remote_group_id === group.id)).toBe(false);
  });

  it('keeps a network shared while another project uses it', async () => {
    const { network } = testCloud.cloud.state;
    const policy = find(network.rbacPolicies);
    const guest = await testCloud.ask('network', 'POST', '/v2.0/ports', {
      json: { port: { project_id: policy.target_tenant, network_id: policy.object_id } },
    });
    expect(await remove(`rbac-policies/${policy.id}`)).toBe('409 RbacPolicyInUse');
    expect(await remove(`ports/${at(guest.json, 'port.id')}`)).toBe('gone');
    expect(await remove(`rbac-policies/${policy.id}`)).toBe('gone');
  });

  it('restarts a list after an unknown marker, except for ports', async () => {
    const page = async (path: string) =>
      testCloud.ask('network', 'GET', `/v2.0/${path}?limit=1&marker=nothing`);
    expect(rows((await page('security-groups')).json, 'security_groups')).toHaveLength(1);
    expect((await page('ports')).status).toBe(404);
  });

  it('refuses an invalid filter', async () => {
    expect(
      await testCloud.status('network', 'GET', `/v2.0/networks?projekt=${testCloud.project}`),
    ).toBe(400);
  });
});

describe('a Neutron without trunks', () => {
  it('neither names the extension nor has the path', async () => {
    testCloud = await openTestCloud({ withoutExtensions: ['trunk'] });
    const { json } = await testCloud.ask('network', 'GET', '/v2.0/extensions');
    expect(rows(json, 'extensions').some((row) => row.alias === 'trunk')).toBe(false);
    expect(await testCloud.status('network', 'GET', '/v2.0/trunks')).toBe(404);
  });
});
