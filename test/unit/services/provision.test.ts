import { barbican } from '../../../lib/services/barbican.ts';
import { designate } from '../../../lib/services/designate.ts';
import { keystone } from '../../../lib/services/keystone.ts';
import { magnum } from '../../../lib/services/magnum.ts';
import { neutron } from '../../../lib/services/neutron.ts';
import { nova } from '../../../lib/services/nova.ts';
import { trove } from '../../../lib/services/trove.ts';
import { type FakeCall, fakeApi, provisionWith, TARGET } from './provision-api.ts';

type Rows = Record<string, Record<string, unknown>[]>;

/** A Neutron whose listings ignore every filter. Another project has the same names. */
function neutronCloud() {
  const rows: Rows = {
    networks: [
      { id: 'ext', name: 'public', project_id: 'cleaner' },
      { id: 'theirs', name: 'default', project_id: 'other' },
    ],
    subnets: [{ id: 's0', network_id: 'theirs', cidr: '10.0.0.0/24', project_id: 'other' }],
    routers: [
      {
        id: 'r0',
        name: 'default',
        project_id: 'other',
        external_gateway_info: { network_id: 'ext' },
      },
    ],
    ports: [{ id: 'p0', device_id: 'r0', fixed_ips: [{ subnet_id: 's0' }] }],
    'security-groups': [
      { id: 'g0', name: 'default', project_id: 'other' },
      { id: 'g1', name: 'default', project_id: TARGET },
    ],
    'security-group-rules': [],
    'rbac-policies': [],
  };
  const { api, calls, writes } = fakeApi('neutron', ({ method, path, json }: FakeCall) => {
    const [, collection = '', id = ''] = path.replace(/\?.*/, '').split('/').slice(1);
    if (collection === 'quotas') return { quota: { network: 100 } };
    const key = collection.replaceAll('-', '_');
    if (method === 'GET') return { [key]: rows[collection] };
    if (path.endsWith('/add_router_interface')) {
      const { subnet_id } = json as { subnet_id: string };
      rows.ports?.push({ id: `p${subnet_id}`, device_id: id, fixed_ips: [{ subnet_id }] });
      return {};
    }
    const [body] = Object.values(json as Rows);
    if (method === 'PUT') Object.assign(rows[collection]?.find((row) => row.id === id) ?? {}, body);
    else rows[collection]?.push({ id: `new-${collection}`, ...body });
    return {};
  });
  return { api, calls, rows, writes };
}
const NETWORK = { name: 'default', cidr: '10.0.0.0/24', router: { external: 'public' } };
const RULES = [
  { protocol: 'tcp', port: 22 },
  { protocol: 'tcp', port: [80, 90] },
];

describe('the provision of a network in Neutron', () => {
  it('creates a network, subnet, router and rules, and never uses those of another project', async () => {
    const { api, rows, writes } = neutronCloud();
    const wish = { network: NETWORK, securityGroupRules: RULES };
    const others = structuredClone(rows);
    const { outcome } = await provisionWith(neutron, api, wish);
    expect(outcome).toEqual({ kind: 'finished' });
    const added = Object.entries(rows).map(([key, all]) => [key, all.slice(others[key]?.length)]);
    expect(Object.fromEntries(added)).toMatchObject({
      networks: [{ name: 'default', project_id: TARGET }],
      subnets: [{ network_id: 'new-networks', cidr: '10.0.0.0/24', project_id: TARGET }],
      routers: [{ name: 'default', external_gateway_info: { network_id: 'ext' } }],
      ports: [{ device_id: 'new-routers', fixed_ips: [{ subnet_id: 'new-subnets' }] }],
      'security-groups': [],
      'security-group-rules': [
        { security_group_id: 'g1', port_range_min: 22, port_range_max: 22, project_id: TARGET },
        { security_group_id: 'g1', port_range_min: 80, port_range_max: 90 },
      ],
    });
    const count = writes().length;
    await provisionWith(neutron, api, wish);
    expect(writes()).toHaveLength(count);
  });

  it('changes nothing and creates no security group while it only compares', async () => {
    const { api, calls, writes } = neutronCloud();
    const wish = { network: NETWORK, securityGroupRules: RULES };
    const { counts } = await provisionWith(neutron, api, wish, { phase: 'plan' });
    expect(counts['neutron.network' as never]).toEqual({ listed: 1, gone: 0, left: 1 });
    expect(writes()).toEqual([]);
    // Neutron creates the group `default` of the first project in the filter.
    const groups = calls.filter(({ path }) => path.includes('/security-groups?'));
    expect(groups.map(({ path }) => /project_id=(\w+)/.exec(path)?.[1])).toEqual(['cleaner']);
  });

  it('waits for a person when the external network does not exist', async () => {
    const { api, rows } = neutronCloud();
    const network = { ...NETWORK, router: { external: 'internet' } };
    const { outcome, conditions } = await provisionWith(neutron, api, { network });
    expect(outcome.kind).toBe('again');
    expect(conditions).toContainEqual(
      expect.objectContaining({
        class: 'Blocked',
        message: 'there is no external network "internet" for the gateway of router default',
      }),
    );
    expect(rows.networks).toHaveLength(3);
    expect(rows.routers).toHaveLength(1);
  });

  it('leaves a subnet with another range, and reports it', async () => {
    const { api, rows, writes } = neutronCloud();
    rows.networks?.push({ id: 'n1', name: 'default', project_id: TARGET });
    rows.subnets?.push({ id: 's1', network_id: 'n1', cidr: '10.8.0.0/16', project_id: TARGET });
    const network = { name: 'default', cidr: '10.0.0.0/24' };
    const { outcome, conditions } = await provisionWith(neutron, api, { network });
    expect(outcome.kind).toBe('finished');
    expect(writes()).toEqual([]);
    expect(conditions[0]?.message).toBe(
      'drift: 10.0.0.0/24 is 10.8.0.0/16, and the profile says 10.0.0.0/24; not changed',
    );
  });
});

describe('the provision of a zone in Designate', () => {
  it('creates a zone below a zone of another project in that project, and transfers it', async () => {
    const zones: Record<string, unknown>[] = [
      { id: 'z0', name: 'example.org.', project_id: 'dns', status: 'ACTIVE' },
    ];
    const { api, writes } = fakeApi('designate', ({ method, path, json, headers }) => {
      const owner = headers['x-auth-sudo-project-id'];
      if (method === 'GET')
        return path.includes('transfer') ? { transfer_requests: [] } : { zones };
      if (path === '/v2/zones') zones.push({ id: 'z1', ...(json as object), project_id: owner });
      if (path.endsWith('transfer_requests')) return { id: 't1', key: 'k' };
      if (path.endsWith('transfer_accepts')) Object.assign(zones[1] ?? {}, { project_id: owner });
      return {};
    });
    const zone = { name: '{name}.example.org.', email: 'dns@example.org' };
    const { outcome } = await provisionWith(designate, api, { zone });
    expect(outcome.kind).toBe('finished');
    expect(zones).toMatchObject([
      { name: 'example.org.', project_id: 'dns' },
      { name: 'shop-7.example.org.', project_id: TARGET },
    ]);
    const count = writes().length;
    await provisionWith(designate, api, { zone });
    expect(writes()).toHaveLength(count);
  });
});

describe('the limits in a profile', () => {
  it('are recorded for Trove, because showing them would create rows', async () => {
    const { api, calls } = fakeApi('trove', () => ({}));
    const records = new Map<string, unknown>();
    const wish = { quota: { instances: 3 } };
    await provisionWith(trove, api, wish, {}, records);
    await provisionWith(trove, api, wish, {}, records);
    expect(calls.map(({ method, path, json }) => [method, path, json])).toEqual([
      ['PUT', `/mgmt/quotas/${TARGET}`, { quotas: { instances: 3 } }],
    ]);
  });

  it('are kept for Barbican if the profile does not name them', async () => {
    let quotas: unknown = { secrets: null, orders: 9 };
    const { api } = fakeApi('barbican', ({ method, json }) => {
      if (method === 'PUT') quotas = (json as { project_quotas: unknown }).project_quotas;
      return { project_quotas: quotas };
    });
    await provisionWith(barbican, api, { quota: { secrets: 5 } });
    expect(quotas).toEqual({ secrets: 5, orders: 9 });
  });

  it('are created for Magnum, or changed where Magnum has a row already', async () => {
    const { api, writes } = fakeApi('magnum', ({ method }) => {
      if (method === 'GET') return { id: 4, project_id: TARGET, hard_limit: 7 };
      return method === 'POST' ? 409 : {};
    });
    const wish = { quota: { clusters: 2 } };
    await provisionWith(magnum, api, wish, { reconcile: true, mayContinue: once() });
    expect(writes().map(({ method }) => method)).toEqual(['POST', 'PATCH']);
  });

  it('are set for Nova together with the access to flavors; an unknown flavor waits for a person', async () => {
    const { api, writes } = fakeApi('nova', ({ path }) =>
      path.startsWith('/flavors')
        ? { flavors: [{ id: 'f1', name: 'small', 'os-flavor-access:is_public': true }] }
        : { quota_set: { cores: 20 } },
    );
    const wish = { quota: { cores: 20 }, flavors: ['small', 'gpu'] };
    const { conditions, counts } = await provisionWith(nova, api, wish);
    expect(counts['nova.flavor-access' as never]).toEqual({ listed: 2, gone: 1, left: 1 });
    expect(conditions.map(({ message }) => message)).toEqual(['there is no flavor "gpu"']);
    expect(writes()).toEqual([]);
  });
});

describe('a name in a profile that belongs to two items', () => {
  it('is blocked, and the advice asks for the id of one of them', async () => {
    const flavors = ['f1', 'f2'].map((id) => ({ id, name: 'gpu' }));
    const cloud = neutronCloud();
    cloud.rows.networks?.push({ id: 'ours', name: 'default', project_id: TARGET });
    const reports = await Promise.all([
      provisionWith(nova, fakeApi('nova', () => ({ flavors })).api, { flavors: ['gpu'] }),
      provisionWith(neutron, cloud.api, { sharedNetworks: ['default'] }),
    ]);
    const conditions = reports.flatMap((report) => report.conditions);
    expect(conditions.map(({ message, advice }) => [message, advice])).toEqual([
      ['there are 2 flavors "gpu"', 'Write the id of one of these flavors in the profile.'],
      ['there are 2 networks "default"', 'Write the id of one of these networks in the profile.'],
    ]);
    expect(cloud.writes()).toEqual([]);
  });

  it('has a different message in Keystone than a name that does not exist', async () => {
    const lists: Record<string, object[]> = {
      roles: [{ id: 'r1', name: 'member' }],
      domains: [{ id: 'd1', name: 'customers' }],
      users: ['u1', 'u2'].map((id) => ({ id, name: 'ann' })),
      groups: [],
    };
    const { api, calls, writes } = fakeApi('keystone', ({ path }) => {
      const [, , collection = '', id] = path.split('/');
      return id === undefined ? { [collection]: lists[collection] } : 404;
    });
    const { conditions } = await provisionWith(keystone, api, {
      roles: [
        { role: 'member', user: 'ann', domain: 'customers' },
        { role: 'member', group: 'staff' },
        { role: 'reader', user: 'ann' },
        { role: 'member', user: 'ann', domain: 'suppliers' },
      ],
    });
    expect(conditions.map(({ message, advice }) => [message, advice])).toEqual([
      ['there are 2 users "ann"', 'Write the id of one of these users in the profile.'],
      ['there is no domain "suppliers"', 'Create the domain, or correct the name in the profile.'],
      [
        'there is no group "staff"',
        'Create the group, or correct the name in the profile. A name also needs its domain.',
      ],
      ['there is no role "reader"', 'Create the role, or correct the name in the profile.'],
    ]);
    expect(writes()).toEqual([]);
    expect(calls.some(({ path }) => path.includes('/roles/undefined'))).toBe(false);
  });
});

/** The run may make one change, and then stops. */
function once(): () => Promise<boolean> {
  let asked = 0;
  return async () => {
    asked += 1;
    return asked <= 2;
  };
}
