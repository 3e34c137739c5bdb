import { ProjectId, UserId } from '../../../events/ids.ts';
import { aodh } from '../../../lib/services/aodh.ts';
import { heat } from '../../../lib/services/heat.ts';
import { SERVICES } from '../../../lib/services/index.ts';
import { keystone } from '../../../lib/services/keystone.ts';
import { magnum } from '../../../lib/services/magnum.ts';
import { nova } from '../../../lib/services/nova.ts';
import type { ServiceApi, UserContext } from '../../../lib/task/context.ts';
import type { Service } from '../../../lib/task/service.ts';
import { reportUserResources } from '../../../lib/task/user-report-run.ts';

const ANN = UserId.parse('a'.repeat(32));
const BOB = UserId.parse('b'.repeat(32));
type Lists = Readonly<Record<string, readonly object[]>>;

/** Returns an API that answers from a table by path and records every call. */
function apiOf(lists: Lists, calls: string[] = []): ServiceApi {
  return {
    service: 'x',
    region: 'one',
    endpoint: 'https://cloud/v1/cleaner',
    ownProject: 'cleaner',
    async request(method, path) {
      calls.push(`${method} ${path}`);
      const [json] = lists[path] ?? [];
      return { status: json ? 200 : 404, headers: new Headers(), json, requestId: undefined };
    },
    async list(path, { query, row }) {
      calls.push(`GET ${path}?${new URLSearchParams(query as never)}`);
      const rows = lists[path];
      if (!rows) throw new Error(`${path} is away`);
      return { rows: rows.map((one) => row.parse(one)), hasMore: false } as never;
    },
  };
}

async function run(service: Service, lists: Lists, keystoneLists: Lists = {}) {
  const calls: string[] = [];
  const context: UserContext = {
    region: 'one',
    api: apiOf(lists, calls),
    projectApi: undefined,
    apiOf: async () => apiOf(keystoneLists),
    now: () => 0,
    memoize: (_key, ask) => ask(),
    user: ANN,
    userName: 'ann',
    projects: [ProjectId.parse('p1')],
  };
  const report = await reportUserResources({
    service: service.name,
    reportTypes: service.userReports,
    action: 'suspend',
    context,
    suspensionRecords: {
      all: async () => [],
      add: async () => [],
      replace: async () => {},
      remove: async () => {},
    },
  });
  return {
    calls,
    counts: report.counts,
    messages: report.conditions.map(({ message }) => message),
  };
}

const trust = { trustee_user_id: 'heat-id', project_id: 'p1', roles: [] };
const KEYSTONE = {
  '/v3/OS-TRUST/trusts': [
    { ...trust, id: 't1', trustor_user_id: ANN },
    { ...trust, id: 't2', trustor_user_id: ANN, trustee_user_id: 'gone' },
    { ...trust, id: 't3', trustor_user_id: BOB },
  ],
  '/v3/users/heat-id': [{ user: { id: 'heat-id', name: 'heat' } }],
  [`/v3/users/${ANN}/application_credentials`]: [{ id: 'c1', name: 'terraform', project_id: 'p1' }],
  '/v3/credentials': [
    { id: 'e1', type: 'ec2', user_id: ANN, project_id: 'p2', blob: '{"secret":"SECRET"}' },
    { id: 'e2', type: 'totp', user_id: ANN, project_id: null, blob: 'SECRET' },
    { id: 'e3', type: 'ec2', user_id: BOB, project_id: 'p2', blob: 'SECRET' },
  ],
};

describe('the list that a suspension of a user makes', () => {
  it('names the project and the service that acts with a trust; rows of others do not count', async () => {
    const { counts, messages } = await run(keystone, KEYSTONE);
    expect(counts).toEqual({
      'keystone.trust': { listed: 2, gone: 0, left: 2 },
      'keystone.application-credential': { listed: 1, gone: 0, left: 1 },
      'keystone.ec2-credential': { listed: 1, gone: 0, left: 1 },
    });
    expect(messages).toEqual([
      'project p1: programs that log in with an application credential of the user are refused until the user is enabled',
      'project p2: programs that sign with an EC2 credential of the user (S3, EC2) are refused until the user is enabled',
      'project p1: gone acts with a trust of the user, which Keystone refuses until the user is enabled',
      'project p1: heat acts with a trust of the user, which Keystone refuses until the user is enabled',
    ]);
  });

  it('filters by the user, and reads no secret', async () => {
    const { calls, messages } = await run(keystone, KEYSTONE);
    expect(calls).toContain(`GET /v3/OS-TRUST/trusts?trustor_user_id=${ANN}`);
    expect(calls).toContain(`GET /v3/credentials?user_id=${ANN}&type=ec2`);
    expect(calls.every((call) => call.startsWith('GET '))).toBe(true);
    expect(JSON.stringify(messages)).not.toContain('SECRET');
  });

  it('shows keypairs and running servers in Nova', async () => {
    const server = { user_id: ANN, tenant_id: 'p1', status: 'ACTIVE' };
    const { messages, calls } = await run(nova, {
      '/os-keypairs': [{ keypair: { name: 'laptop' } }],
      '/os-keypairs/laptop': [{ keypair: { name: 'laptop', user_id: ANN } }],
      '/servers/detail': [
        { ...server, id: 's1' },
        { ...server, id: 's2', status: 'SHUTOFF' },
        { ...server, id: 's3', user_id: BOB },
      ],
    });
    expect(messages).toEqual([
      'the key of this keypair still gives access to servers that were started with the keypair: OpenStack cannot remove the key from these servers',
      'project p1: servers that the user created keep running, because they belong to the project',
    ]);
    expect(calls).toContain(`GET /servers/detail?all_tenants=1&user_id=${ANN}`);
  });

  it('shows stacks of Heat, also while Keystone still lists the disabled user', async () => {
    const stack = { stack_name: 'web', stack_status: 'CREATE_COMPLETE', stack_owner: 'ann' };
    const stacks = { '/stacks': [{ ...stack, id: 'h1', project: 'p1' }] };
    const users = (...ids: string[]) => ({
      '/v3/domains': [{ id: 'd1' }],
      '/v3/users': ids.map((id) => ({ id })),
    });
    expect((await run(heat, stacks, users(ANN))).messages).toEqual([
      'project p1: stacks that use a trust of the user no longer scale, and take no signals, until the user is enabled',
    ]);
    // Another user of that name may own the stack.
    expect((await run(heat, stacks, users(ANN, BOB))).messages).toEqual([]);
  });

  it('shows clusters of Magnum and alarms of Aodh that use a trust of the user', async () => {
    const cluster = { uuid: 'k1', name: 'k8s', project_id: 'p1', user_id: ANN };
    const clusters = { '/clusters/detail': [cluster, { ...cluster, uuid: 'k2', user_id: BOB }] };
    expect((await run(magnum, clusters)).counts).toEqual({
      'magnum.cluster-of-user': { listed: 1, gone: 0, left: 1 },
    });
    const path = `/v2/alarms?q.field=all_projects&q.op=eq&q.value=true&q.field=user_id&q.op=eq&q.value=${ANN}`;
    const alarm = { alarm_id: 'a1', project_id: 'p1', user_id: ANN };
    const alarms = [
      { ...alarm, alarm_actions: ['trust+http://heat/signal'] },
      { ...alarm, alarm_id: 'a2', alarm_actions: ['http://elsewhere'] },
    ];
    expect((await run(aodh, { [path]: alarms })).messages).toEqual([
      'project p1: the actions of alarms that use a trust of the user fail until the user is enabled',
    ]);
  });

  it('has at most 20 reasons per type, and exact counts', async () => {
    const trusts = Array.from({ length: 30 }, (_, n) => ({
      ...trust,
      id: `t${n}`,
      trustor_user_id: ANN,
      project_id: `p${n}`,
    }));
    const { messages, counts } = await run(keystone, {
      ...KEYSTONE,
      '/v3/OS-TRUST/trusts': trusts,
      [`/v3/users/${ANN}/application_credentials`]: [],
      '/v3/credentials': [],
    });
    expect(messages).toHaveLength(20);
    expect(messages).toContain('the same is true in further projects (11)');
    expect(counts['keystone.trust' as never]).toEqual({ listed: 30, gone: 0, left: 30 });
  });

  it('has one sentence for each type with the reason why nothing is changed', () => {
    const reports = SERVICES.flatMap(({ userReports }) => userReports);
    expect(reports.length).toBeGreaterThanOrEqual(8);
    for (const { because, advice } of reports) {
      expect(because).toMatch(/^[A-Z].*\.$/);
      expect(because).not.toMatch(/\. /);
      expect(advice).toMatch(/\.$/);
    }
  });
});
