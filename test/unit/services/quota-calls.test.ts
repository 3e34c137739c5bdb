import { cinder } from '../../../lib/services/cinder.ts';
import { manila } from '../../../lib/services/manila.ts';
import { neutron } from '../../../lib/services/neutron.ts';
import { nova } from '../../../lib/services/nova.ts';
import { octavia } from '../../../lib/services/octavia.ts';
import type { Service } from '../../../lib/task/service.ts';
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

  it('are set to zero by a suspension, and put back by a resume', async () => {
    const { api, writes } = cloud(one);
    const type = service.suspension?.types
      .map((define) => define(service.name))
      .find(({ resourceType }) => resourceType.endsWith('.quota'));
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
    const [row] = (await type?.list(context)) ?? [];
    const assessment = row?.assess('quota-zero');
    const limits = { [first]: 7, [second]: 10 };
    expect(assessment).toEqual({ kind: 'switch', before: { limits } });
    await row?.suspend({ limits });
    const [suspended] = (await type?.list(context)) ?? [];
    expect(suspended?.compare({ limits })).toEqual({ kind: 'suspended' });
    await row?.resume({ limits });
    expect(writes().map(({ method, path, json }) => [method, path, json])).toEqual([
      ['PUT', put, { [key]: { [first]: 0, [second]: 0, ...force } }],
      ['PUT', put, { [key]: { ...limits, ...force } }],
    ]);
  });
});
