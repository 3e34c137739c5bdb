import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { stringify } from 'yaml';
import { deleteQueue, projectCreated, sendToQueue } from './broker.ts';
import { CLOUD_SECONDS, Cloud, Row, rowsOf, text, until } from './cloud.ts';
import { describeView, isOver, isState, OPERATION_SECONDS, Propagator } from './driver.ts';
import { newPrefix } from './populate.ts';
import { removeLeftovers } from './remove-leftovers.ts';
import { leftoverLabels, settledSnapshot } from './snapshot.ts';

const CIDR = '10.77.0.0/24';

/** New projects are provisioned by a notification of Keystone, as their profile says. */
describe('a created project with a matching tag', () => {
  const prefix = newPrefix();
  const password = randomBytes(12).toString('base64url');
  const folder = mkdtempSync(`${tmpdir()}/propagator-policy-`);
  const propagator = new Propagator(`${prefix}-propagator`);
  const projects: string[] = [];
  let cloud: Cloud;
  let domain = '';
  let user = '';
  let image = '';
  let flavor = '';
  let external = '';
  let corporate = '';
  let deleted = '';

  const create = async (
    service: Parameters<typeof cloud.admin.call>[0],
    path: string,
    key: string,
    body: object,
  ): Promise<string> =>
    text(
      (await cloud.admin.call(service, 'POST', path, { json: { [key]: body } })).json,
      key,
      'id',
    );
  const createProject = async (name: string, tags: readonly string[]): Promise<string> => {
    const body = { name: `${prefix}-${name}`, domain_id: domain, tags };
    const id = await create('identity', '/projects', 'project', body);
    projects.push(id);
    return id;
  };
  const start = async () => {
    const domains = await cloud.admin.rows('identity', '/domains', 'domains');
    await propagator.start({
      mode: 'enforce',
      protectedDomains: domains.map((row) => text(row, 'id')).filter((id) => id !== domain),
      environment: { PROPAGATOR_POLICY: `${folder}/policy.yaml` },
    });
  };
  const provisioned = (project: string) =>
    propagator.operation({ project }, isState('finished'), OPERATION_SECONDS);

  /** The resources of a project in Neutron, from listings without a filter by project. */
  async function networkOf(project: string) {
    const own = async (collection: string) =>
      (await cloud.admin.rows('network', `/${collection.replaceAll('_', '-')}`, collection)).filter(
        (row) => row.project_id === project || row.target_tenant === project,
      );
    const [networks, subnets, routers, ports, shares, rules] = await Promise.all(
      ['networks', 'subnets', 'routers', 'ports', 'rbac_policies', 'security_group_rules'].map(own),
    );
    const gatewayOf = (row: Row): unknown =>
      Row.safeParse(row.external_gateway_info).data?.network_id;
    const owners = (ports ?? []).map((row) => text(row, 'device_owner'));
    return {
      networks: networks?.map((row) => text(row, 'name')),
      subnets: subnets?.map((row) => [text(row, 'cidr'), row.dns_nameservers]),
      routers: routers?.map((row) => [text(row, 'name'), gatewayOf(row)]),
      interfaces: owners.filter((owner) => owner.startsWith('network:router_interface')).length,
      shares: shares?.map((row) => row.object_id),
      rules: rules
        ?.filter((row) => row.direction === 'ingress' && row.remote_group_id === null)
        .map((row) => [row.protocol, row.port_range_min, row.port_range_max]),
    };
  }
  const wantedNetwork = () => ({
    networks: ['default'],
    subnets: [[CIDR, ['9.9.9.9']]],
    routers: [['default', external]],
    interfaces: 1,
    shares: [corporate],
    rules: [['tcp', 22, 22]],
  });
  const read = async (service: 'compute' | 'volume' | 'network' | 'identity', path: string) =>
    (await cloud.admin.call(service, 'GET', path)).json;
  async function limitsOf(project: string) {
    const of = async (service: 'compute' | 'volume', name: string) =>
      Row.parse(Row.parse(await read(service, `/os-quota-sets/${project}`)).quota_set)[name];
    const network = Row.parse(Row.parse(await read('network', `/quotas/${project}`)).quota).network;
    return [await of('compute', 'cores'), await of('volume', 'volumes'), network];
  }

  beforeAll(async () => {
    cloud = await Cloud.connect();
    domain = await create('identity', '/domains', 'domain', { name: prefix });
    [user, flavor, external, corporate] = await Promise.all([
      create('identity', '/users', 'user', {
        name: `${prefix}-user`,
        domain_id: domain,
        password,
      }),
      create('compute', '/flavors', 'flavor', {
        name: `${prefix}-flavor`,
        ram: 64,
        vcpus: 1,
        disk: 1,
        'os-flavor-access:is_public': false,
      }),
      create('network', '/networks', 'network', {
        name: `${prefix}-external`,
        'router:external': true,
      }),
      create('network', '/networks', 'network', { name: `${prefix}-corporate` }),
    ]);
    await create('network', '/subnets', 'subnet', {
      name: `${prefix}-external`,
      network_id: external,
      ip_version: 4,
      cidr: '203.0.113.0/24',
      enable_dhcp: false,
    });
    const body = { name: `${prefix}-image`, visibility: 'public' };
    const made = await cloud.admin.call('image', 'POST', '/images', {
      json: { ...body, disk_format: 'raw', container_format: 'bare' },
    });
    image = text(made.json, 'id');
    await cloud.admin.call('image', 'PUT', `/images/${image}/file`, {
      headers: { 'content-type': 'application/octet-stream' },
      body: new Uint8Array(4096),
    });
    // With Barbican's default policy only a `creator` sees keys.
    const roles = (await cloud.admin.rows('identity', '/roles', 'roles'))
      .map((row) => text(row, 'name'))
      .filter((name) => ['member', 'creator'].includes(name));
    const policy = {
      version: 1,
      rules: [
        {
          match: { domain: prefix, tags: ['trial'] },
          on: {
            'project.created': { action: 'provision', profile: 'small', mode: 'enforce' },
            'project.deleted': { action: 'cleanup', after: '0s', mode: 'enforce' },
          },
        },
      ],
      profiles: {
        small: {
          keystone: { roles: roles.map((role) => ({ role, user })), tags: ['provisioned'] },
          nova: { quota: { cores: 21, instances: 11 }, flavors: [`${prefix}-flavor`] },
          cinder: { quota: { volumes: 7 } },
          neutron: {
            quota: { network: 8 },
            network: {
              name: 'default',
              cidr: CIDR,
              dns: ['9.9.9.9'],
              router: { external: `${prefix}-external` },
            },
            sharedNetworks: [`${prefix}-corporate`],
            securityGroupRules: [{ protocol: 'tcp', port: 22 }],
          },
          octavia: { quota: { loadbalancer: 3 } },
          designate: { quota: { zones: 12 } },
          manila: { quota: { shares: 3 } },
          swift: { quota: { bytes: 1_000_000 } },
        },
      },
    };
    writeFileSync(`${folder}/policy.yaml`, stringify(policy));
    await start();
    // The cleanup waits two minutes for the last call of the provision, while the tests go on.
    deleted = await createProject('deleted', ['trial']);
    await until('its network', CLOUD_SECONDS, async () =>
      (await networkOf(deleted)).networks?.includes('default') ? true : undefined,
    );
    await cloud.admin.call('identity', 'DELETE', `/projects/${deleted}`);
  });
  afterAll(async () => {
    await propagator.dispose();
    await deleteQueue(propagator.queue);
    rmSync(folder, { recursive: true, force: true });
    const left = await removeLeftovers(cloud, [prefix], projects);
    if (left.length > 0) console.log(`could not be removed:\n${left.join('\n')}`);
    for (const id of [external, corporate])
      await cloud.admin.call('network', 'DELETE', `/networks/${id}`, { accept: [404, 409] });
    await cloud.admin.call('image', 'DELETE', `/images/${image}`, { accept: [404] });
  });

  it('is provisioned, and its user can start a server without further steps', async () => {
    const control = await createProject('control', ['customer']);
    const before = { network: await networkOf(control), limits: await limitsOf(control) };
    const shop = await createProject('shop', ['trial']);
    const view = await provisioned(shop);
    console.log(describeView(view));
    expect(await networkOf(shop)).toEqual(wantedNetwork());
    expect(await limitsOf(shop)).toEqual([21, 7, 8]);
    const { project } = Row.parse(await read('identity', `/projects/${shop}`));
    expect(Row.parse(project).tags).toEqual(expect.arrayContaining(['provisioned', 'trial']));

    const session = await cloud.logInAs({ id: user, password }, shop);
    const own = await session.rows('network', '/networks?name=default', 'networks');
    const server = await session.call('compute', 'POST', '/servers', {
      json: {
        server: {
          name: `${prefix}-server`,
          imageRef: image,
          flavorRef: flavor,
          networks: own.map((row) => ({ uuid: text(row, 'id') })),
        },
      },
    });
    const id = text(server.json, 'server', 'id');
    await until('the server runs', CLOUD_SECONDS, async () => {
      const { json } = await session.call('compute', 'GET', `/servers/${id}`);
      const status = text(json, 'server', 'status');
      if (status === 'ERROR') throw new Error(JSON.stringify(json));
      return status === 'ACTIVE' ? true : undefined;
    });

    // The project is announced a second time, and an administrator provisions it a second time.
    await sendToQueue(propagator.queue, [projectCreated(shop)]);
    const asked = JSON.stringify({ reason: 'once more' });
    const opened = await propagator.api('POST', `/v1/projects/${shop}/provision`, asked);
    expect(opened.status).toBe(202);
    await propagator.operation(
      { project: shop },
      ({ operation }) => operation.id !== view.operation.id && operation.state === 'finished',
      OPERATION_SECONDS,
    );
    expect(await networkOf(shop)).toEqual(wantedNetwork());
    expect({ network: await networkOf(control), limits: await limitsOf(control) }).toEqual(before);
    expect(await propagator.operations({ project: control })).toEqual([]);
  });

  it('has each resource exactly once although the propagator was killed during the provision', async () => {
    const killed = await createProject('killed', ['trial']);
    await until(
      'its network',
      CLOUD_SECONDS,
      async () => ((await networkOf(killed)).networks?.includes('default') ? true : undefined),
      50,
    );
    await propagator.kill();
    await start();
    await provisioned(killed);
    expect(await networkOf(killed)).toEqual(wantedNetwork());
    expect(await limitsOf(killed)).toEqual([21, 7, 8]);
  });

  it('shows drift, and nothing is changed by the comparison', async () => {
    const [shop] = projects.slice(2);
    const path = `/os-quota-sets/${shop}`;
    await cloud.admin.call('compute', 'PUT', path, { json: { quota_set: { cores: 99 } } });
    const { json } = await propagator.api('GET', `/v1/projects/${shop}/drift`);
    const differing = rowsOf(json, 'services').flatMap((service) =>
      rowsOf(service, 'items').filter((item) => item.state !== 'as-wanted'),
    );
    expect(differing).toEqual([
      { type: 'quota', name: 'cores', state: 'differs', wanted: '21', found: '99' },
    ]);
    expect(await limitsOf(String(shop))).toEqual([99, 7, 8]);
  });

  it('is cleaned up completely if it is deleted during the provision', async () => {
    const view = await propagator.operation(
      { project: deleted },
      (one) => one.operation.action === 'cleanup' && isOver(one),
      OPERATION_SECONDS,
    );
    console.log(describeView(view));
    const operations = await propagator.operations({ project: deleted });
    expect(operations.map(({ operation }) => [operation.action, operation.state])).toContainEqual([
      'provision',
      'superseded',
    ]);
    const now = await settledSnapshot(cloud, [deleted], []);
    expect(leftoverLabels(now, deleted)).toEqual([]);
    expect((await networkOf(deleted)).networks).toEqual([]);
  });
});
