import { ROUTE_ACCESS, type RouteAccess, routesOf } from '../../../lib/api/access.ts';
import type { Authentication } from '../../../lib/api/authentication.ts';
import type { TokenFacts } from '../../../lib/openstack/token-validation.ts';
import { PropagatorError } from '../../../lib/shared/errors.ts';
import { apiUnderTest, BASE } from './api-under-test.ts';

const LOGIN = 'https://keystone.example/v3';
const MINUTE = 60_000;

const tokenFacts = (roles: readonly string[], more: Partial<TokenFacts> = {}): TokenFacts => ({
  user: { id: 'u-ann', name: 'ann' },
  roles,
  scope: { kind: 'system' },
  isDelegated: false,
  expiresAt: Number.MAX_SAFE_INTEGER,
  ...more,
});

/**
 * The API with a Keystone that accepts these tokens. `validated`: the tokens that Keystone was
 * asked about, in order.
 */
function apiWithTokens(
  tokens: Record<string, TokenFacts | PropagatorError>,
  { scopes = ['system'], callsPerMinute = 1000, parts = {} } = {},
) {
  const validated: string[] = [];
  const factsByToken = new Map(Object.entries(tokens));
  const authentication: Authentication = {
    by: 'keystone',
    authUrl: LOGIN,
    validate: async (token) => {
      validated.push(token);
      const answer = factsByToken.get(token);
      if (answer instanceof PropagatorError) throw answer;
      return answer;
    },
    policy: {
      roles: {
        reader: ['reader'],
        operator: ['propagator-operator'],
        admin: ['admin', 'propagator-admin'],
      },
      scopes,
    },
    callsPerMinute,
  };
  const testApi = apiUnderTest({ authentication, health: () => ({ ok: true, ...parts }) });
  const call = (token: string | undefined, route = 'GET /v1/status', body?: unknown) => {
    const [method = '', path = ''] = route.split(' ');
    return testApi.app.request(`${BASE}${path.replace(/:\w+(\{[^}]*\})?/g, 'x')}`, {
      method,
      headers: {
        ...(token === undefined ? {} : { 'x-auth-token': token }),
        ...(method === 'GET' ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  };
  return { ...testApi, call, validated, factsByToken };
}

const answerOf = async (response: Response) => {
  const body = (await response.json()) as { error?: { code: string; message: string } };
  return { status: response.status, code: body.error?.code, message: body.error?.message ?? '' };
};
const keystoneUnreachable = new PropagatorError({
  code: 'keystone.unreachable',
  class: 'Transient',
  message: 'keystone at 10.0.0.5:5000: nothing listens there',
  advice: 'Check Keystone.',
});

describe('each route', () => {
  const testApi = apiWithTokens({
    reader: tokenFacts(['reader']),
    operator: tokenFacts(['propagator-operator']),
    admin: tokenFacts(['member', 'admin']),
    'other admin': tokenFacts(['propagator-admin']),
    none: tokenFacts(['member']),
  });
  const BELOW = { reader: 'none', operator: 'reader', admin: 'operator' } as const;
  const levels: Readonly<Record<string, RouteAccess>> = ROUTE_ACCESS;
  const protectedRoutes = routesOf(testApi.app).flatMap((route) => {
    const access = levels[route];
    return access === undefined || access === 'public' ? [] : [[route, access] as const];
  });

  it.each(protectedRoutes)('%s refuses a request without a token', async (route) => {
    const response = await testApi.call(undefined, route);
    expect(response.headers.get('www-authenticate')).toBe(`Keystone uri="${LOGIN}"`);
    expect(await answerOf(response)).toMatchObject({ status: 401, code: 'api.token' });
  });

  it.each(protectedRoutes)('%s refuses the level below %s', async (route, access) => {
    const { status, code } = await answerOf(await testApi.call(BELOW[access], route));
    expect([status, code]).toEqual([403, access === 'reader' ? 'api.scope' : 'api.role']);
  });

  it.each(protectedRoutes)('%s accepts the level %s', async (route, access) => {
    // Without a body a change ends in 400, after authentication and authorization.
    const response = await testApi.call(access, route);
    if (response.headers.get('content-type')?.startsWith('text/event-stream')) {
      // A stream of events stays open.
      await response.body?.cancel();
      expect(response.status).toBe(200);
      return;
    }
    const { status, code } = await answerOf(response);
    expect([401, 403, 429, 500]).not.toContain(status);
    expect(['api.token', 'api.scope', 'api.role']).not.toContain(code);
  });

  it('stored nothing for a refused request', async () => {
    const { reads } = testApi.engine;
    const stored = [
      await reads.coverageWaivers(),
      await reads.stopDecision(),
      await reads.decisions({ limit: 9 }),
    ];
    expect(stored).toEqual([[], undefined, []]);
  });
});

describe('a token of Keystone', () => {
  it.each([
    ['forged', 'gAAAAAforged', 'the token is invalid, expired or revoked; nothing was changed'],
    ['with a space', 'a b', 'the header X-Auth-Token contains no token; nothing was changed'],
    [
      'too long',
      'x'.repeat(8193),
      'the header X-Auth-Token contains no token; nothing was changed',
    ],
  ])('is refused if it is %s', async (_, token, message) => {
    const { call } = apiWithTokens({});
    expect(await answerOf(await call(token))).toEqual({ status: 401, code: 'api.token', message });
  });

  it.each([
    ['a project of a customer', { kind: 'project', id: 'p1' }, 'the token is scoped to project:p1'],
    ['a domain of a customer', { kind: 'domain', id: 'd1' }, 'the token is scoped to domain:d1'],
    ['nothing', { kind: 'none' }, 'the token has no scope'],
  ] as const)('is refused with the role admin on %s', async (_, scope, message) => {
    const { call } = apiWithTokens({ t: tokenFacts(['admin', 'reader'], { scope }) });
    expect(await answerOf(await call('t'))).toEqual({
      status: 403,
      code: 'api.scope',
      message: `${message}, and the API accepts only system`,
    });
  });

  it('is accepted on a project or a domain that the settings name, and only there', async () => {
    const at = (kind: 'project' | 'domain', id: string) =>
      tokenFacts(['admin'], { scope: { kind, id } });
    const { call } = apiWithTokens(
      { ours: at('project', 'p1'), domain: at('domain', 'd1'), swapped: at('domain', 'p1') },
      { scopes: ['project:p1', 'domain:d1'] },
    );
    const statuses = ['ours', 'domain', 'swapped'].map(async (token) => (await call(token)).status);
    expect(await Promise.all(statuses)).toEqual([200, 200, 403]);
  });

  it('is refused if it is a token of a trust, because such a token may name another user', async () => {
    const { call } = apiWithTokens({ t: tokenFacts(['admin'], { isDelegated: true }) });
    expect(await answerOf(await call('t'))).toMatchObject({ status: 403, code: 'api.scope' });
  });

  it('names the user in the audit records, and a body cannot name another user', async () => {
    const user = { id: 'u-1', name: 'Ann\u001b[31m' };
    const { call, engine } = apiWithTokens({ t: tokenFacts(['propagator-operator'], { user }) });
    const waiver = { type: 'rating', reason: 'billed elsewhere' };
    const forged = await call('t', 'POST /v1/waivers', { ...waiver, by: 'root' });
    expect([forged.status, engine.waivers.size]).toEqual([400, 0]);
    expect((await call('t', 'POST /v1/waivers', waiver)).status).toBe(201);
    expect(engine.waivers.get('rating')?.by).toBe('Ann [31m (u-1)');
  });

  it('is not needed for the health check, which then shows only whether all is well', async () => {
    const { call } = apiWithTokens({}, { parts: { relay: { url: 'rabbit.internal' } } });
    const response = await call(undefined, 'GET /healthz');
    expect([response.status, await response.json()]).toEqual([200, { ok: true }]);
  });

  it('is checked before an unknown path is reported', async () => {
    const { call } = apiWithTokens({ t: tokenFacts(['reader']) });
    expect((await call(undefined, 'GET /v1/unknown')).status).toBe(401);
    expect((await call('t', 'GET /v1/unknown')).status).toBe(404);
  });

  it('may reach the API under any host name', async () => {
    const { app } = apiWithTokens({ t: tokenFacts(['reader']) });
    const headers = { 'x-auth-token': 't', host: 'propagator.example' };
    const response = await app.request('http://propagator.example/v1/status', { headers });
    expect(response.status).toBe(200);
  });

  it('is refused from a web page of another origin', async () => {
    const { app } = apiWithTokens({ t: tokenFacts(['reader']) });
    const headers = { 'x-auth-token': 't', origin: 'https://evil.example' };
    const response = await app.request(`${BASE}/v1/status`, { headers });
    expect(await answerOf(response)).toMatchObject({ status: 403, code: 'api.origin' });
  });
});

describe('the validation of a token', () => {
  it('is repeated after a minute, so that a revoked token is refused then', async () => {
    const { call, validated, factsByToken, engine } = apiWithTokens({ t: tokenFacts(['reader']) });
    expect([(await call('t')).status, (await call('t')).status]).toEqual([200, 200]);
    factsByToken.delete('t');
    engine.time += MINUTE - 1;
    expect((await call('t')).status).toBe(200);
    expect(validated).toEqual(['t']);
    engine.time += 1;
    expect((await call('t')).status).toBe(401);
    expect(validated).toEqual(['t', 't']);
  });

  it('is repeated when the token expires', async () => {
    const { call, factsByToken, engine } = apiWithTokens({});
    factsByToken.set('t', tokenFacts(['reader'], { expiresAt: engine.time + 5000 }));
    expect((await call('t')).status).toBe(200);
    factsByToken.delete('t');
    engine.time += 5000;
    expect((await call('t')).status).toBe(401);
  });

  it('is cached for ten seconds if Keystone refused the token', async () => {
    const { call, validated, factsByToken, engine } = apiWithTokens({});
    expect((await call('t')).status).toBe(401);
    factsByToken.set('t', tokenFacts(['reader']));
    expect([(await call('t')).status, validated.length]).toEqual([401, 1]);
    engine.time += 10_000;
    expect((await call('t')).status).toBe(200);
  });

  it('is shared by concurrent requests', async () => {
    const { call, validated } = apiWithTokens({ t: tokenFacts(['reader']) });
    await Promise.all([call('t'), call('t'), call('t')]);
    expect(validated).toEqual(['t']);
  });

  it('refuses the request with 503 if it fails; the next request tries again', async () => {
    const { call, factsByToken, lines, engine } = apiWithTokens({ t: keystoneUnreachable });
    const response = await call('t', 'POST /v1/waivers', { type: 'rating', reason: 'x' });
    expect(response.headers.get('retry-after')).toBe('5');
    const answer = await answerOf(response);
    expect(answer).toMatchObject({ status: 503, code: 'api.keystone' });
    expect(answer.message).not.toContain('10.0.0.5');
    expect(engine.waivers.size).toBe(0);
    expect(lines).toEqual([
      expect.objectContaining({ level: 'warn', message: expect.stringContaining('validated') }),
    ]);
    factsByToken.set('t', tokenFacts(['reader']));
    expect((await call('t')).status).toBe(200);
  });

  it('stays valid for the rest of the minute while Keystone does not answer', async () => {
    const { call, factsByToken, engine } = apiWithTokens({ t: tokenFacts(['reader']) });
    await call('t');
    factsByToken.set('t', keystoneUnreachable);
    engine.time += MINUTE - 1;
    expect((await call('t')).status).toBe(200);
    engine.time += 1;
    expect((await call('t')).status).toBe(503);
  });
});

describe('the rate limit', () => {
  it('answers 429 with the seconds to wait, for one caller only', async () => {
    const bob = tokenFacts(['reader'], { user: { id: 'u-bob', name: 'bob' } });
    const { call, engine } = apiWithTokens(
      { ann: tokenFacts(['reader']), again: tokenFacts(['reader']), bob },
      { callsPerMinute: 6 },
    );
    for (let n = 0; n < 6; n += 1) expect((await call('ann')).status).toBe(200);
    // Another token of the same user counts as the same caller.
    const refused = await call('again');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '10']);
    expect((await call('bob')).status).toBe(200);
    engine.time += 10_000;
    expect((await call('ann')).status).toBe(200);
  });

  it('limits the number of forged tokens per address that reach Keystone', async () => {
    const { call, validated } = apiWithTokens(
      { ann: tokenFacts(['reader']) },
      { callsPerMinute: 6 },
    );
    await call('ann');
    const statuses: number[] = [];
    for (let n = 0; n < 7; n += 1) statuses.push((await call(`forged-${n}`)).status);
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429]);
    expect(validated).toHaveLength(6);
    // A caller whose token is known is not affected.
    expect((await call('ann')).status).toBe(200);
  });
});
