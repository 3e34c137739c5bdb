import { request } from 'node:http';
import { CONSOLE_PATH, consoleApp, withConsole } from '../../../lib/api/console.ts';
import { type HttpServer, serveHttp } from '../../../lib/api/http-server.ts';
import { apiUnderTest, BASE } from './api-under-test.ts';

const FILES = ['', 'console.css', 'console.js', 'icon.svg'];
const localApp = () => withConsole(apiUnderTest().app, { isLoopbackOnly: true });
const requestPath = async (path: string, init: RequestInit = {}, app = localApp()) =>
  app.fetch(new Request(`${BASE}${path}`, init));

describe('the files of the console', () => {
  it.each(FILES)('are served without a token and with strict headers: "%s"', async (file) => {
    const answer = await requestPath(`${CONSOLE_PATH}${file}`);
    expect(answer.status).toBe(200);
    expect((await answer.text()).length).toBeGreaterThan(100);
    const policy = answer.headers.get('content-security-policy')?.split('; ').sort();
    expect(policy).toEqual([
      "base-uri 'none'",
      "connect-src 'self'",
      "default-src 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "img-src 'self'",
      "require-trusted-types-for 'script'",
      "script-src 'self'",
      "style-src 'self'",
      "trusted-types 'none'",
    ]);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-cache',
    });
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    expect(answer.headers.get('set-cookie')).toBeNull();
    // The header would force HTTPS on Keystone and Horizon of the same host.
    expect(answer.headers.get('strict-transport-security')).toBeNull();
  });

  it.each([
    ['', 'text/html; charset=utf-8'],
    ['console.css', 'text/css; charset=utf-8'],
    ['console.js', 'text/javascript; charset=utf-8'],
    ['icon.svg', 'image/svg+xml'],
  ])('have the media type of their content: "%s"', async (file, type) => {
    expect((await requestPath(`${CONSOLE_PATH}${file}`)).headers.get('content-type')).toBe(type);
  });

  it('are not sent again while they are unchanged', async () => {
    const etag = (await requestPath(CONSOLE_PATH)).headers.get('etag') ?? '';
    const secondAnswer = await requestPath(CONSOLE_PATH, { headers: { 'if-none-match': etag } });
    expect([secondAnswer.status, await secondAnswer.text()]).toEqual([304, '']);
  });

  it('are served with and without the final slash; no other path is served', async () => {
    const answer = await requestPath('/console');
    expect([answer.status, answer.headers.get('location')]).toEqual([308, CONSOLE_PATH]);
    for (const path of ['index.html', 'main.ts', 'static/index.html', '.', 'console.js/x'])
      expect([path, (await requestPath(`${CONSOLE_PATH}${path}`)).status]).toEqual([
        path,
        path === '.' ? 200 : 404,
      ]);
    expect((await requestPath('/consolefoo')).status).toBe(404);
  });

  it.each(['POST', 'PUT', 'PATCH', 'DELETE'])('cannot be changed: %s', async (method) => {
    expect((await requestPath(CONSOLE_PATH, { method })).status).toBe(404);
  });
});

describe('a request about the console', () => {
  const attacks: [string, Record<string, string>][] = [
    ['a foreign origin', { origin: 'https://evil.example' }],
    ['another port of this machine', { origin: 'http://127.0.0.1:3000' }],
    ['a page of another site', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }],
    ['a page of the same site', { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'cors' }],
    [
      'an embedded frame',
      {
        'sec-fetch-site': 'cross-site',
        'sec-fetch-mode': 'navigate',
        'sec-fetch-dest': 'iframe',
      },
    ],
    ['a rebound host', { host: 'rebound.example:8787' }],
  ];
  it.each(attacks)(
    'is refused from %s, and so are the reads of the console',
    async (_, headers) => {
      for (const path of [CONSOLE_PATH, `${CONSOLE_PATH}console.js`, '/v1/status'])
        expect((await requestPath(path, { headers })).status).toBe(403);
    },
  );

  it('is refused for a host name that resolves to this machine', async () => {
    const rebound = new Request('http://rebound.example:8787/console/');
    expect((await localApp().fetch(rebound)).status).toBe(403);
  });

  it('is accepted from the console itself, on its own path and on the paths of the API', async () => {
    const headers = { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors' };
    for (const path of [`${CONSOLE_PATH}console.js`, '/v1/status', '/v1/operations'])
      expect((await requestPath(path, { headers })).status).toBe(200);
  });

  it('is accepted from a link and from the address bar', async () => {
    const navigation = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
    for (const site of ['none', 'cross-site'])
      expect(
        (await requestPath(CONSOLE_PATH, { headers: { ...navigation, 'sec-fetch-site': site } }))
          .status,
      ).toBe(200);
  });

  it('may name any host where the API requires a token of Keystone for every read', async () => {
    const answer = await consoleApp({ isLoopbackOnly: false }).request(
      'https://propagator.example/console/',
    );
    expect(answer.status).toBe(200);
  });

  it('is not answered by the API of AWS, which has no console', async () => {
    expect((await apiUnderTest().app.request(`${BASE}${CONSOLE_PATH}`)).status).toBe(404);
  });
});

describe('a path to a file outside the folder of the console', () => {
  let server: HttpServer;
  beforeAll(async () => {
    server = await serveHttp(localApp(), 0);
  });
  afterAll(() => server.close());

  /** Sends the path unchanged. `fetch` would resolve `..` and `.` in the path first. */
  const requestRawPath = (path: string) =>
    new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port: server.port, path }, (answer) => {
        let body = '';
        answer.setEncoding('utf8').on('data', (part: string) => {
          body += part;
        });
        answer.on('end', () => resolve({ status: answer.statusCode, body }));
      });
      sent.on('error', reject).end();
    });

  it.each([
    '/console/../package.json',
    '/console/../../package.json',
    '/console/..%2fpackage.json',
    '/console/..%2f..%2fpackage.json',
    '/console/%2e%2e/package.json',
    '/console/%2e%2e%2fpackage.json',
    '/console/..\\package.json',
    '/console/....//package.json',
    '/console//etc/passwd',
    '/console/%00',
    '/console/static/..%2f..%2f..%2fetc%2fpasswd',
    '/console/console.js%00.html',
    '/console/__proto__',
    '/console/constructor',
  ])('finds no file: %s', async (path) => {
    const { status, body } = await requestRawPath(path);
    expect([400, 403, 404]).toContain(status);
    expect(body).not.toMatch(/keystone-propagator"|root:/);
  });
});
