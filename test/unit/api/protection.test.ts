import { NOTIFICATIONS_PATH } from '../../../lib/api/body.ts';
import { isRead } from '../../../lib/api/methods.ts';
import { headersOf, tokenOf } from '../../api-tokens.ts';
import { apiUnderTest, BASE } from './api-under-test.ts';

/** The routes come from the router itself, so that the test includes each new route. */
const { routes } = apiUnderTest().app;
const isMiddleware = ({ path, method }: { path: string; method: string }) =>
  path === '/*' && method === 'ALL';
const allRoutes = [
  ...new Set(
    routes.filter((route) => !isMiddleware(route)).map(({ method, path }) => `${method} ${path}`),
  ),
];
const changeRoutes = allRoutes.filter((route) => !isRead(route.split(' ')[0] ?? ''));
const readRoutes = allRoutes.filter((route) => isRead(route.split(' ')[0] ?? ''));
const requestOf = (route: string) => {
  const [method = '', path = ''] = route.split(' ');
  return { method, path: path.replace(/:\w+(\{[^}]*\})?/g, 'x') };
};

const token = { authorization: `Bearer ${tokenOf('ann')}` };
const json = { 'content-type': 'application/json' };
const ATTACKS: readonly (readonly [string, Record<string, string>, number, string])[] = [
  ['plain text', { ...token, 'content-type': 'text/plain' }, 415, 'api.content-type'],
  [
    'plain text that says JSON',
    { ...token, 'content-type': 'text/plain; application/json' },
    415,
    'api.content-type',
  ],
  [
    'a form',
    { ...token, 'content-type': 'application/x-www-form-urlencoded' },
    415,
    'api.content-type',
  ],
  [
    'a form with a file',
    { ...token, 'content-type': 'multipart/form-data; boundary=x' },
    415,
    'api.content-type',
  ],
  [
    'another JSON',
    { ...token, 'content-type': 'application/json-patch+json' },
    415,
    'api.content-type',
  ],
  ['a foreign origin', { ...token, ...json, origin: 'https://evil.example' }, 403, 'api.origin'],
  ['the origin of a file', { ...token, ...json, origin: 'null' }, 403, 'api.origin'],
  [
    'another port of this machine',
    { ...token, ...json, origin: 'http://127.0.0.1:3000' },
    403,
    'api.origin',
  ],
  [
    'a page of another site',
    { ...token, ...json, 'sec-fetch-site': 'cross-site' },
    403,
    'api.origin',
  ],
  [
    'a page of the same site',
    { ...token, ...json, 'sec-fetch-site': 'same-site' },
    403,
    'api.origin',
  ],
  ['an unknown relation', { ...token, ...json, 'sec-fetch-site': 'odd' }, 403, 'api.origin'],
  [
    'a form that navigates',
    {
      ...token,
      ...json,
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
    },
    403,
    'api.origin',
  ],
  ['no token', json, 401, 'api.token'],
  ['a wrong token', { ...json, authorization: `Bearer ${'x'.repeat(43)}` }, 401, 'api.token'],
  [
    'half a token',
    { ...json, authorization: `Bearer ${tokenOf('ann').slice(0, -1)}` },
    401,
    'api.token',
  ],
  ['an empty token', { ...json, authorization: 'Bearer ' }, 400, 'api.token'],
  [
    'a password',
    { ...json, authorization: `Basic ${btoa(`ann:${tokenOf('ann')}`)}` },
    400,
    'api.token',
  ],
  ['another host', { ...token, ...json, host: 'rebound.example:8787' }, 403, 'api.host'],
];

describe.each(changeRoutes)('%s', (route) => {
  const { method, path } = requestOf(route);
  const attack = async (
    headers: Record<string, string>,
    url = `${BASE}${path}`,
    body: string | ReadableStream = '{}',
  ) => {
    const { app, engine, lines } = apiUnderTest();
    const forbidden = () => {
      throw new Error('something was changed');
    };
    Object.assign(engine, { commit: forbidden, redrive: forbidden, discard: forbidden });
    const answer = await app.request(url, { method, headers, body, duplex: 'half' } as RequestInit);
    return {
      status: answer.status,
      id: answer.headers.get('x-request-id'),
      body: await answer.json(),
      lines,
    };
  };

  it.each(ATTACKS)('refuses %s', async (_, headers, status, code) => {
    const answer = await attack(headers);
    expect(answer).toMatchObject({
      status,
      body: { error: { code }, requestId: answer.id },
      lines: [],
    });
    expect(answer.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(JSON.stringify(answer.body)).not.toContain('[redacted]');
  });

  it('refuses a foreign host name that resolves to this machine, even with a valid token', async () => {
    const answer = await attack({ ...token, ...json }, `http://rebound.example:8787${path}`);
    expect(answer).toMatchObject({ status: 403, body: { error: { code: 'api.host' } } });
  });

  it('refuses a body that is too large before it is read', async () => {
    let sent = 0;
    const endlessBody = new ReadableStream({
      pull(controller) {
        sent += 65_536;
        controller.enqueue(new Uint8Array(65_536).fill(32));
      },
    });
    expect(await attack({ ...token, ...json }, undefined, endlessBody)).toMatchObject({
      status: 413,
      body: { error: { code: 'api.too-large' } },
    });
    expect(sent).toBeLessThan(6 * 1024 * 1024);
    const declared = await attack({ ...token, ...json, 'content-length': '17000000' });
    expect(declared).toMatchObject({ status: 413, body: { error: { code: 'api.too-large' } } });
  });

  it('does not read the body of a request without a token', async () => {
    const unreadBody = new ReadableStream(
      {
        pull() {
          throw new Error('the body was read');
        },
      },
      { highWaterMark: 0 },
    );
    expect(await attack(json, undefined, unreadBody)).toMatchObject({ status: 401 });
  });

  it('accepts a token, JSON and loopback, so that only the content of the request can be refused', async () => {
    const { app } = apiUnderTest();
    for (const moreHeaders of [
      {},
      { origin: BASE },
      { 'sec-fetch-site': 'same-origin' },
      { 'sec-fetch-site': 'none' },
    ]) {
      const answer = await app.request(`${BASE}${path}`, {
        method,
        headers: { ...headersOf('ann'), ...moreHeaders },
        body: '[',
      });
      expect([401, 403, 413, 415]).not.toContain(answer.status);
    }
  });
});

describe.each(readRoutes)('%s', (route) => {
  const { method, path } = requestOf(route);

  it.each([
    ['a foreign origin', { origin: 'https://evil.example' }],
    ['a page of another site', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }],
    [
      'an embedded frame',
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' },
    ],
    ['another host', { host: 'rebound.example' }],
  ])('is not read by %s', async (_, headers: Record<string, string>) => {
    expect((await apiUnderTest().app.request(`${BASE}${path}`, { method, headers })).status).toBe(
      403,
    );
  });

  it('needs no token on this machine, and can be opened from a link', async () => {
    const link = {
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
    };
    for (const headers of [{}, link]) {
      const answer = await apiUnderTest().app.request(`${BASE}${path}`, { method, headers });
      expect([401, 403]).not.toContain(answer.status);
      expect(answer.headers.get('access-control-allow-origin')).toBeNull();
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
      expect(answer.headers.get('cross-origin-resource-policy')).toBe('same-origin');
    }
  });
});

it.each([
  ['/v1/operations', {}, 200],
  ['/v1/operations/op-000000000000', {}, 404],
  ['/v1/operations?state=x', {}, 400],
  ['/v1/status', { 'sec-fetch-site': 'cross-site' }, 403],
] as const)(
  'a response is stored by no proxy, and forces no HTTPS: %s',
  async (path, headers, status) => {
    const answer = await apiUnderTest().app.request(`${BASE}${path}`, { headers });
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([status, 'no-store']);
    expect(answer.headers.get('strict-transport-security')).toBeNull();
  },
);

it('the list of routes under test has every route that changes something', () => {
  expect(changeRoutes).toEqual(
    expect.arrayContaining([
      'POST /v1/operations',
      'POST /v1/operations/:id/release',
      'POST /v1/waivers',
      'DELETE /v1/waivers/:type',
      'POST /v1/dead-letters/redrive',
      'POST /v1/dead-letters/discard',
      `POST ${NOTIFICATIONS_PATH}`,
    ]),
  );
});
