import { cinder } from '../../../lib/services/cinder.ts';
import { manila } from '../../../lib/services/manila.ts';
import { neutron } from '../../../lib/services/neutron.ts';
import { nova } from '../../../lib/services/nova.ts';
import { octavia } from '../../../lib/services/octavia.ts';
import type { Service, ServiceApi } from '../../../lib/task/service.ts';
import { fakeApi, provisionWith, TARGET } from './provision-api.ts';

/** The calls of one service for the limits of the project. */
interface Case {
  readonly service: Service;
  readonly own: string;
  readonly defaults: string;
  readonly put: string;
  readonly key: 'quota_set' | 'quota';
  /** Two limits that a suspension sets to zero. */
  readonly names: readonly [string, string];
  readonly force: object;
}

const CASES: readonly Case[] = [
  {
    service: nova,
    own: '/os-quota-sets/target',
    defaults: '/os-quota-sets/target/defaults',
    put: '/os-quota-sets/target',
    key: 'quota_set',
    names: ['cores', 'ram'],
    force: { force: true },
  },
  {
    service: cinder,
    own: '/os-quota-sets/target',
    defaults: '/os-quota-sets/target/defaults',
    put: '/os-quota-sets/target',
    key: 'quota_set',
    names: ['volumes', 'gigabytes'],
    force: {},
  },
  {
    service: manila,
    own: '/quota-sets/target',
    defaults: '/quota-sets/target/defaults',
    put: '/quota-sets/target',
    key: 'quota_set',
    names: ['shares', 'gigabytes'],
    force: { force: true },
  },
  {
    service: neutron,
    own: '/v2.0/quotas/target',
    defaults: '/v2.0/quotas/target/default',
    put: '/v2.0/quotas/target',
    key: 'quota',
    names: ['network', 'router'],
    force: {},
  },
  {
    service: octavia,
    own: '/v2.0/lbaas/quotas',
    defaults: '/v2.0/lbaas/quotas/target/default',
    put: '/v2.0/lbaas/quotas/target',
    key: 'quota',
    names: ['loadbalancer', 'pool'],
    force: {},
  },
];

/** A service in which the project has the limits 7 and 10. The defaults are 10. */
function cloud({ service, own, defaults, key, names: [first, second] }: Case) {
  let limits: Record<string, unknown> = { [first]: 7, [second]: 10 };
  return fakeApi(service.name, ({ method, path, json }) => {
    if (method === 'PUT') {
      const { force: _, ...wanted } = (json as Record<string, Record<string, unknown>>)[key] ?? {};
      limits = { ...limits, ...wanted };
      return {};
    }
    if (path.startsWith('/v2.0/extensions')) return { extensions: [{ alias: 'quotas' }] };
    if (path === defaults) return { [key]: { [first]: 10, [second]: 10 } };
    if (path !== own) throw new TypeError(`unexpected call: ${method} ${path}`);
    return service.name === 'octavia'
      ? {
          quotas: [
            { project_id: 'other', [first]: 1 },
            {
              project_id: TARGET,
              ...limits,
              [second]: limits[second] === 10 ? null : limits[second],
            },
          ],
        }
      : { [key]: limits };
  });
}

/** Returns a function that lists the limits of the project for a suspension. */
function quotaRows(service: Service, api: ServiceApi) {
  const type = service.suspension?.types
    .map((define) => define(service.name))
    .find(({ resourceType }) => resourceType.endsWith('.quota'));
  if (!type) throw new TypeError(`${service.name} has no suspension of its limits`);
  const context = {
    region: 'one',
    api,
    project: TARGET,
    projectApi: undefined,
    members: undefined,
    now: () => 1,
    memoize: <T>(_key: string, work: () => Promise<T>) => work(),
    apiOf: async () => undefined,
  };
  return () => type.list(context);
}

/** Suspends and resumes the limits of the project, and returns the limits after each step. */
async function suspendAndResume(service: Service, api: ServiceApi, limits: () => object) {
  const list = quotaRows(service, api);
  const [row] = await list();
  const assessment = row?.assess('quota-zero');
  if (assessment?.kind !== 'suspend') return { assessment };
  await row?.suspend(assessment.recordedState);
  const suspended = { ...limits() };
  const [lowered] = await list();
  const comparison = lowered?.compare(assessment.recordedState);
  await lowered?.resume(assessment.recordedState);
  return { assessment, suspended, comparison, resumed: { ...limits() } };
}

describe('the limits of a project with usage', () => {
  const REFUSED = 'Quota limit must be equal or greater than existing resources';

  /** Cinder: it refuses a limit below the usage if the project has a limit of its own. */
  function cinderCloud(own: Record<string, number>) {
    const used: Record<string, number> = { volumes: 1, gigabytes: 5 };
    const defaults = { volumes: 10, gigabytes: 1000, snapshots: -1 };
    const { api } = fakeApi('cinder', ({ method, json, query }) => {
      if (method === 'PUT') {
        const wanted = (json as { quota_set: Record<string, number> }).quota_set;
        for (const [name, limit] of Object.entries(wanted))
          if (name in own && limit !== -1 && limit < (used[name] ?? 0)) throw new Error(REFUSED);
        Object.assign(own, wanted);
      }
      const limits = { ...defaults, ...own };
      if (query?.usage !== 'true') return { quota_set: limits };
      const rows = Object.entries(limits).map(([name, limit]) => [
        name,
        { limit, in_use: used[name] ?? 0, reserved: 0 },
      ]);
      return { quota_set: { id: TARGET, ...Object.fromEntries(rows) } };
    });
    return { api, limits: () => ({ ...defaults, ...own }) };
  }

  it('of Cinder are lowered to the usage, twice in a row, and restored', async () => {
    const { api, limits } = cinderCloud({});
    for (let count = 0; count < 2; count += 1)
      expect(await suspendAndResume(cinder, api, limits)).toMatchObject({
        suspended: { volumes: 1, gigabytes: 5, snapshots: 0 },
        comparison: { kind: 'suspended' },
        resumed: { volumes: 10, gigabytes: 1000, snapshots: -1 },
      });
  });

  it('of Cinder are not changed if they are already below the usage', async () => {
    const { api, limits } = cinderCloud({ volumes: 0 });
    const { suspended, resumed } = await suspendAndResume(cinder, api, limits);
    expect(suspended).toEqual({ volumes: 0, gigabytes: 5, snapshots: 0 });
    expect(resumed).toEqual({ volumes: 0, gigabytes: 1000, snapshots: -1 });
  });

  it('of Neutron since 2025.1 are set with force', async () => {
    let own: Record<string, number> = { network: 10, subnet: 2 };
    const used: Record<string, number> = { network: 1, subnet: 3 };
    const { api } = fakeApi('neutron', ({ method, path, json }) => {
      if (path.startsWith('/v2.0/extensions'))
        return { extensions: [{ alias: 'quotas' }, { alias: 'quota-check-limit-default' }] };
      if (method === 'PUT') {
        const { force, ...wanted } = (json as { quota: Record<string, number | boolean> }).quota;
        for (const [name, limit] of Object.entries(wanted))
          if (force !== true && Number(limit) < (used[name] ?? 0)) throw new Error(REFUSED);
        own = { ...own, ...(wanted as Record<string, number>) };
      }
      return { quota: own };
    });
    expect(await suspendAndResume(neutron, api, () => own)).toMatchObject({
      suspended: { network: 0, subnet: 0 },
      comparison: { kind: 'suspended' },
      resumed: { network: 10, subnet: 2 },
    });
  });
});

describe.each(CASES)('the limits of $service.name', (one) => {
  const { service, own, defaults, put, key, names, force } = one;
  const [first, second] = names;

  it('are read and set by a provision', async () => {
    const { api, calls, writes } = cloud(one);
    const { outcome } = await provisionWith(service, api, { quota: { [second]: 25 } });
    expect(outcome).toMatchObject({ kind: 'finished' });
    expect(writes()).toEqual([
      { method: 'PUT', path: put, json: { [key]: { [second]: 25 } }, headers: {} },
    ]);
    const reads = new Set(calls.filter(({ method }) => method === 'GET').map(({ path }) => path));
    expect([...reads].sort()).toEqual([own, defaults].sort());
  });

  it('are set to zero by a suspension, and restored by a resume', async () => {
    const { api, writes } = cloud(one);
    const list = quotaRows(service, api);
    const [row] = await list();
    const assessment = row?.assess('quota-zero');
    const limits = { [first]: 7, [second]: 10 };
    expect(assessment).toEqual({ kind: 'suspend', recordedState: { limits } });
    await row?.suspend({ limits });
    const [suspended] = await list();
    expect(suspended?.compare({ limits })).toEqual({ kind: 'suspended' });
    await suspended?.resume({ limits });
    expect(writes().map(({ method, path, json }) => [method, path, json])).toEqual([
      ['PUT', put, { [key]: { [first]: 0, [second]: 0, ...force } }],
      ['PUT', put, { [key]: { ...limits, ...force } }],
    ]);
  });
});
