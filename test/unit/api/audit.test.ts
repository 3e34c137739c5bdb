import * as z from 'zod';
import { DomainId, ProjectId } from '../../../events/ids.ts';
import type { AccountRecord } from '../../../lib/account/inventory.ts';
import { routesOf } from '../../../lib/api/access.ts';
import { isRead } from '../../../lib/api/methods.ts';
import { verifyLog } from '../../../lib/audit/verify.ts';
import { StoredAuditEntry } from '../../../lib/engine/audit.ts';
import { NO_POLICY } from '../../../lib/policy/schema.ts';
import { changeBy } from '../../api-tokens.ts';
import { operation, requested, unique } from '../../engine/samples.ts';
import { CONTROL, Simulation } from '../../property/simulation.ts';
import { apiUnderTest, BASE } from './api-under-test.ts';

const DOMAIN = DomainId.parse('shops');

/** The API with a Keystone that shows one project, `shop`, and one domain. */
function apiWithShopProject() {
  const { deps } = new Simulation({
    resources: [0, 0, 0],
    lingers: 0,
    failures: 0,
    failWith: 'Transient',
  });
  const account = { type: 'project', id: CONTROL, name: 'shop', enabled: true } as const;
  const domain = { type: 'domain', id: DOMAIN, name: 'shops', enabled: true } as const;
  const show: typeof deps.cloud.keystone.show = async (_, id) =>
    id === CONTROL
      ? { kind: 'present', account }
      : id === DOMAIN
        ? { kind: 'present', account: domain }
        : { kind: 'absent' };
  const keystone = { ...deps.cloud.keystone, show, projects: async () => [] };
  const contents = async () => ({ resources: [], check: { refusals: [], unknown: [] } });
  const domainAdmin = { ...deps.cloud.domainAdmin, contents };
  const policy = { ...NO_POLICY, profiles: { small: {} } };
  return apiUnderTest({ cloud: { ...deps.cloud, keystone, domainAdmin }, policy });
}
type TestApi = ReturnType<typeof apiUnderTest>;
interface DecisionExample {
  readonly path: string;
  readonly body?: object | ((testApi: TestApi) => Promise<object>);
  readonly what: string;
  readonly target: object;
  /** Stores the object that the decision is about. */
  readonly before?: (testApi: TestApi) => Promise<unknown> | unknown;
}

const HELD = operation({
  state: 'held',
  hold: { reason: 'a cap', since: 1, advice: 'release it', about: 'cap' },
});
const REQUESTED = operation({
  state: 'running',
  request: { by: 'bob', reason: 'contract ended', at: 1, enabled: true },
});
const ENDED = operation({ state: 'finished', endedAt: 1 });
const PLAN = operation({
  action: 'plan',
  state: 'observed',
  endedAt: 1,
  scope: { type: 'project', id: CONTROL, name: 'shop' },
  request: { by: 'bob', reason: 'contract ended', at: 1, enabled: true },
});
const digestOfPlan = async ({ app }: TestApi): Promise<object> => {
  const answer = await app.request(`${BASE}/v1/operations/${PLAN.id}/plan`);
  return z.object({ digest: z.string() }).parse(await answer.json());
};
const storeOperation = (stored: typeof HELD) => (testApi: TestApi) =>
  testApi.engine.commit({ operations: [stored] });
const suspiciousRecord = (id: string): AccountRecord => ({
  account: { type: 'project', id: ProjectId.parse(id) },
  seenAt: 1,
  deletedAt: 1,
  members: undefined,
  unannounced: undefined,
  suspicion: {
    cause: { messageId: unique(), eventType: 'identity.project.deleted', at: 1 },
    at: 1,
    keystone: 'absent',
    dropped: undefined,
  },
});
const deadMessage = requested('nova', 1);
const storeDeadLetter = (testApi: TestApi) =>
  testApi.engine.commit({
    deadLetters: [
      { message: deadMessage, error: { code: 'x', class: 'Denied', message: 'm', advice: 'a' } },
    ],
  });
const accounts = [{ type: 'project', id: 'p1' }];
const suspendShop = (testApi: TestApi) =>
  testApi.app.request(
    `${BASE}/v1/projects/${CONTROL}/suspend`,
    changeBy('bob', { reason: 'unpaid' }),
  );
const addWaiver = (testApi: TestApi) =>
  testApi.app.request(`${BASE}/v1/waivers`, changeBy('bob', { type: 'rating', reason: 'none' }));

/** By method and route: a decision of a person, as the audit log records it. */
const EXAMPLES: Readonly<Record<string, DecisionExample>> = {
  'POST /v1/operations': {
    path: '/v1/operations',
    body: { action: 'cleanup', project: CONTROL, name: 'shop' },
    what: 'operation.requested',
    target: { type: 'operation' },
  },
  'POST /v1/operations/:id/rerun': {
    path: `/v1/operations/${ENDED.id}/rerun`,
    what: 'operation.rerun',
    target: { type: 'operation' },
    before: storeOperation(ENDED),
  },
  'POST /v1/operations/:id/release': {
    path: `/v1/operations/${HELD.id}/release`,
    what: 'operation.released',
    target: { type: 'operation', id: HELD.id, operations: [HELD.id] },
    before: storeOperation(HELD),
  },
  'POST /v1/operations/:id/cancel': {
    path: `/v1/operations/${REQUESTED.id}/cancel`,
    what: 'operation.canceled',
    target: { type: 'operation', id: REQUESTED.id, operations: [REQUESTED.id] },
    before: storeOperation(REQUESTED),
  },
  'POST /v1/projects/:id/plan': {
    path: `/v1/projects/${CONTROL}/plan`,
    what: 'plan.requested',
    target: { type: 'operation' },
  },
  'POST /v1/operations/:id/approve': {
    path: `/v1/operations/${PLAN.id}/approve`,
    body: digestOfPlan,
    what: 'operation.approved',
    target: { type: 'operation', operations: [expect.any(String), PLAN.id] },
    before: storeOperation(PLAN),
  },
  'POST /v1/domains/:id/plan': {
    path: `/v1/domains/${DOMAIN}/plan`,
    what: 'plan.requested',
    target: { type: 'operation', name: 'domain shops' },
  },
  'POST /v1/projects/:id/suspend': {
    path: `/v1/projects/${CONTROL}/suspend`,
    what: 'project.suspended',
    target: { type: 'project', id: CONTROL },
  },
  'POST /v1/projects/:id/resume': {
    path: `/v1/projects/${CONTROL}/resume`,
    what: 'project.resumed',
    target: { type: 'project', id: CONTROL },
    before: suspendShop,
  },
  'POST /v1/projects/:id/provision': {
    path: `/v1/projects/${CONTROL}/provision`,
    body: { profile: 'small' },
    what: 'project.provisioned',
    target: { type: 'project', id: CONTROL },
  },
  'POST /v1/holds': {
    path: '/v1/holds',
    body: { project: CONTROL },
    what: 'hold.added',
    target: { type: 'project', id: CONTROL },
  },
  'DELETE /v1/holds/:target/:id{.+}': {
    path: `/v1/holds/project/${CONTROL}`,
    what: 'hold.removed',
    target: { type: 'project', id: CONTROL },
    before: ({ app }) =>
      app.request(`${BASE}/v1/holds`, changeBy('bob', { project: CONTROL, reason: 'court' })),
  },
  'POST /v1/waivers': {
    path: '/v1/waivers',
    body: { type: 'rating' },
    what: 'waiver.added',
    target: { type: 'catalog-type', id: 'rating' },
  },
  'DELETE /v1/waivers/:type': {
    path: '/v1/waivers/rating',
    what: 'waiver.removed',
    target: { type: 'catalog-type', id: 'rating' },
    before: addWaiver,
  },
  'POST /v1/dead-letters/redrive': {
    path: '/v1/dead-letters/redrive',
    body: { service: 'nova' },
    what: 'dead-letters.redriven',
    target: {
      type: 'dead-letters',
      id: 'service-nova',
      operations: [deadMessage.data.operationId],
    },
    before: storeDeadLetter,
  },
  'POST /v1/dead-letters/discard': {
    path: '/v1/dead-letters/discard',
    body: { service: 'nova' },
    what: 'dead-letters.discarded',
    target: {
      type: 'dead-letters',
      id: 'service-nova',
      operations: [deadMessage.data.operationId],
    },
    before: storeDeadLetter,
  },
  'POST /v1/suspicious/release': {
    path: '/v1/suspicious/release',
    body: { accounts },
    what: 'suspicious.released',
    target: { type: 'accounts', id: 'project/p1' },
    before: ({ engine }) => engine.commit({ accounts: [suspiciousRecord('p1')] }),
  },
  'POST /v1/suspicious/drop': {
    path: '/v1/suspicious/drop',
    body: { accounts },
    what: 'suspicious.dropped',
    target: { type: 'accounts', id: 'project/p1' },
    before: ({ engine }) => engine.commit({ accounts: [suspiciousRecord('p1')] }),
  },
  'POST /v1/stop-all': {
    path: '/v1/stop-all',
    what: 'work.stopped',
    target: { type: 'propagator', id: 'destructive-work' },
  },
  'POST /v1/resume-all': {
    path: '/v1/resume-all',
    what: 'work.resumed',
    target: { type: 'propagator', id: 'destructive-work' },
  },
};

/** Routes to which programs send reports and notifications. These routes record no decision. */
const ROUTES_WITHOUT_DECISION = ['POST /v1/tasks/:id{.+}/report', 'POST /v1/notifications'];

describe('the audit log of the API', () => {
  it('has an example of every route that changes something', () => {
    const routes = routesOf(apiUnderTest().app).filter(
      (route) => !isRead(route.split(' ')[0] ?? ''),
    );
    expect(routes.sort()).toEqual([...Object.keys(EXAMPLES), ...ROUTES_WITHOUT_DECISION].sort());
  });

  it.each(Object.entries(EXAMPLES))('records %s once', async (route, example) => {
    const testApi = apiWithShopProject();
    const { app, engine } = testApi;
    await example.before?.(testApi);
    const { length } = engine.auditRows;
    const [method = ''] = route.split(' ');
    const { body: exampleBody } = example;
    const fields = typeof exampleBody === 'function' ? await exampleBody(testApi) : exampleBody;
    const body = { ...fields, reason: 'token=s3cr3t because' };
    const init = method === 'DELETE' ? undefined : body;
    const answer = await app.request(
      `${BASE}${example.path}`,
      changeBy('ann', init, method as 'POST' | 'DELETE'),
    );
    expect(answer.status).toBeLessThan(300);
    const addedEntries = engine.auditRows
      .slice(length)
      .map(({ entry }) => StoredAuditEntry.parse(entry));
    expect(addedEntries).toMatchObject([
      {
        what: example.what,
        by: { kind: 'token', name: 'ann' },
        requestId: answer.headers.get('x-request-id'),
        target: example.target,
        ...(init ? { reason: 'token=[redacted] because' } : {}),
      },
    ]);
    expect(Object.keys(addedEntries[0] ?? {})).toEqual(expect.arrayContaining(['before', 'after']));
    expect(await verifyLog(engine.reads, { pause: async () => {} })).toMatchObject({ ok: true });
  });

  it.each(Object.entries(EXAMPLES))('records no refused %s', async (route, example) => {
    const testApi = apiWithShopProject();
    await example.before?.(testApi);
    const { length } = testApi.engine.auditRows;
    const [method = ''] = route.split(' ');
    const headers = { 'content-type': 'application/json' };
    const answer = await testApi.app.request(`${BASE}${example.path}`, {
      method,
      headers,
      body: method === 'DELETE' ? null : JSON.stringify({ ...example.body, reason: 'x' }),
    });
    expect([answer.status, testApi.engine.auditRows.length]).toEqual([401, length]);
  });
});
