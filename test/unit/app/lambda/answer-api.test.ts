import { answerApi } from '../../../../lib/app/lambda/answer-api.ts';
import type { InvocationContext } from '../../../../lib/engine/aws/lambda/context.ts';
import { SteppedEngine } from '../../../../lib/engine/memory/stepped.ts';
import type { TokenFacts } from '../../../../lib/openstack/token-validation.ts';
import { NO_POLICY } from '../../../../lib/policy/schema.ts';
import { readSettings } from '../../../../lib/shared/settings.ts';

const AUTH_URL = 'https://keystone.example/v3';
const HOUR = 3_600_000;
const PRINCIPAL = 'arn:aws:iam::000000000000:user/operator';

/** The answer of Keystone about a valid token of this user, with one role on the system. */
const factsOf = (name: string, role: string): TokenFacts => ({
  user: { id: `id-of-${name}`, name },
  roles: [role],
  scope: { kind: 'system' },
  isDelegated: false,
  expiresAt: Date.now() + HOUR,
});
const FACTS_BY_TOKEN: Readonly<Record<string, TokenFacts>> = {
  'token-rita': factsOf('rita', 'reader'),
  'token-otto': factsOf('otto', 'propagator-operator'),
};

/** The API's function with these settings. `validated`: the tokens that Keystone was asked about. */
function apiFunction(environment: Record<string, string>) {
  const engine = new SteppedEngine();
  const validated: string[] = [];
  const propagator = {
    engine,
    loggingEngine: engine,
    cloud: {
      keystone: {},
      async validateToken(token: string) {
        validated.push(token);
        return FACTS_BY_TOKEN[token];
      },
    },
    authUrl: AUTH_URL,
    settings: readSettings(environment),
    log: { warn() {}, error() {} },
    services: ['nova'],
    protection: async () => ({ projects: [], domains: [], ownProject: 'own' }),
    countMetrics() {},
    flushMetrics() {},
  } as unknown as InvocationContext['propagator'];
  const call = async (
    route: string,
    { token, signed }: { readonly token?: string; readonly signed?: boolean } = {},
  ) => {
    const [method, rawPath] = route.split(' ');
    const answer = (await answerApi(
      {
        version: '2.0',
        rawPath,
        rawQueryString: '',
        headers: {
          host: 'api.example.org',
          'content-type': 'application/json',
          ...(token === undefined ? {} : { 'x-auth-token': token }),
        },
        requestContext: {
          domainName: 'api.example.org',
          requestId: 'request-1',
          http: { method, path: rawPath, sourceIp: '192.0.2.1' },
          ...(signed ? { authorizer: { iam: { userArn: PRINCIPAL } } } : {}),
        },
        ...(method === 'GET' ? {} : { body: '{"type":"reporting","reason":"a test"}' }),
        isBase64Encoded: false,
      },
      { awsRequestId: 'request-1', propagator },
      NO_POLICY,
    )) as { statusCode: number; headers: Record<string, string>; body: string };
    return { ...answer, json: JSON.parse(answer.body) as { error?: { code: string } } };
  };
  const auditEntries = async () => (await engine.reads.auditRows(1, 10)).map(({ entry }) => entry);
  return { call, validated, auditEntries };
}

describe('the API on AWS with PROPAGATOR_API_AUTH=keystone', () => {
  const apiWithKeystone = () => apiFunction({ PROPAGATOR_API_AUTH: 'keystone' });

  it.each([
    ['has no token', undefined],
    ['has a forged token', 'token-forged'],
  ])('refuses a call that %s, and names Keystone', async (_title, token) => {
    const { call } = apiWithKeystone();
    for (const route of ['GET /v1/status', 'POST /v1/waivers', 'POST /v1/notifications']) {
      const { statusCode, headers } = await call(route, token === undefined ? {} : { token });
      expect([route, statusCode]).toEqual([route, 401]);
      expect(headers['www-authenticate']).toBe(`Keystone uri="${AUTH_URL}"`);
    }
  });

  it('does not accept an IAM principal in place of a token', async () => {
    const { call } = apiWithKeystone();
    expect((await call('GET /v1/status', { signed: true })).statusCode).toBe(401);
  });

  it('permits the requests of the level of a role, and records the user of Keystone', async () => {
    const { call, auditEntries } = apiWithKeystone();
    expect((await call('GET /v1/status', { token: 'token-rita' })).statusCode).toBe(200);
    const refused = await call('POST /v1/waivers', { token: 'token-rita' });
    expect([refused.statusCode, refused.json.error?.code]).toEqual([403, 'api.role']);
    expect(await auditEntries()).toEqual([]);
    expect((await call('POST /v1/waivers', { token: 'token-otto' })).statusCode).toBe(201);
    expect(await auditEntries()).toEqual([
      expect.objectContaining({
        what: 'waiver.added',
        by: { kind: 'keystone', name: 'otto', id: 'id-of-otto' },
        from: '192.0.2.1',
      }),
    ]);
  });

  it('asks Keystone once about a token, also in later invocations of the same process', async () => {
    const { call, validated } = apiWithKeystone();
    for (let count = 0; count < 3; count += 1)
      expect((await call('GET /v1/status', { token: 'token-rita' })).statusCode).toBe(200);
    expect(validated).toEqual(['token-rita']);
  });

  it('limits the calls of one user in a process', async () => {
    const { call } = apiFunction({
      PROPAGATOR_API_AUTH: 'keystone',
      PROPAGATOR_API_RATE_LIMIT: '2',
    });
    const statuses: number[] = [];
    for (let count = 0; count < 3; count += 1)
      statuses.push((await call('GET /v1/status', { token: 'token-rita' })).statusCode);
    expect(statuses).toEqual([200, 200, 429]);
  });

  it('refuses an event stream, because Lambda sends a response only as a whole', async () => {
    const { call } = apiWithKeystone();
    const { statusCode, json } = await call('GET /v1/operations/events', { token: 'token-rita' });
    expect([statusCode, json.error?.code]).toEqual([406, 'api.stream']);
  });

  it('shows a caller without a token only whether the propagator works', async () => {
    const { call } = apiWithKeystone();
    expect((await call('GET /healthz')).json).toEqual({ ok: true });
  });
});

describe('the API on AWS by default', () => {
  it('accepts the principal that API Gateway names, and no token of Keystone', async () => {
    const { call, validated } = apiFunction({});
    expect((await call('GET /v1/status', { signed: true })).statusCode).toBe(200);
    const answer = await call('GET /v1/status', { token: 'token-otto' });
    expect([answer.statusCode, answer.json.error?.code]).toEqual([403, 'api.principal']);
    expect(validated).toEqual([]);
  });
});
