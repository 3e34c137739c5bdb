import { withApiToken } from '../../../lib/cli/token.ts';
import { withKeystoneLogin } from '../../../lib/cli/with-login.ts';
import { readCredentials } from '../../../lib/openstack/credentials.ts';
import { PropagatorError } from '../../../lib/shared/errors.ts';

const LOCAL = 'http://127.0.0.1:8787';
const REMOTE = 'https://propagator.example';

/** A command whose API accepts these tokens of Keystone, and the requests that it sent. */
function commandWith(
  validTokens: Set<string>,
  { base = LOCAL, environment = {}, isKeystone = true, logins = ['first', 'second'] } = {},
) {
  const sent: string[] = [];
  const send = async (url: string, init: RequestInit): Promise<Response> => {
    const headers = new Headers(init.headers);
    const token = headers.get('x-auth-token') ?? headers.get('authorization') ?? 'bare';
    sent.push(`${init.method ?? 'GET'} ${new URL(url).pathname} ${token}${init.body ? ' +' : ''}`);
    if (!isKeystone || validTokens.has(token)) return Response.json({});
    return Response.json(
      {},
      { status: 401, headers: { 'www-authenticate': 'Keystone uri="https://k.example/v3"' } },
    );
  };
  const logIn = async () => {
    const token = logins.shift();
    if (token !== undefined) return token;
    throw new PropagatorError({
      code: 'openstack.credentials',
      class: 'Denied',
      message: 'OS_AUTH_URL is missing',
      advice: 'Set it.',
    });
  };
  const sendWithLocalToken = withApiToken(base, environment, () => undefined, send);
  const call = withKeystoneLogin(base, sendWithLocalToken, logIn, send);
  return { sent, call: (method: string) => call(`${base}/v1/x`, requestOptions(method)) };
}
const requestOptions = (method: string): RequestInit =>
  method === 'GET' ? { method } : { method, body: '{}' };

describe('a command whose API requires a token of Keystone', () => {
  it('logs in once, and sends the token with every later call', async () => {
    const { sent, call } = commandWith(new Set(['first']));
    for (const method of ['GET', 'POST', 'GET']) expect((await call(method)).status).toBe(200);
    expect(sent).toEqual([
      'GET /v1/x bare',
      'GET /v1/x first',
      'POST /v1/x first +',
      'GET /v1/x first',
    ]);
  });

  it('sends a change first without its body when there is no local token', async () => {
    const { sent, call } = commandWith(new Set(['first']), { base: REMOTE });
    expect((await call('POST')).status).toBe(200);
    expect(sent).toEqual(['HEAD /v1/x bare', 'POST /v1/x first +']);
  });

  it('logs in again when the token has expired, and only once for each call', async () => {
    const validTokens = new Set(['first']);
    const { sent, call } = commandWith(validTokens);
    await call('GET');
    validTokens.clear();
    expect((await call('GET')).status).toBe(401);
    expect(sent.slice(2)).toEqual(['GET /v1/x first', 'GET /v1/x second']);
  });

  it('sends no token over plain HTTP to another machine', async () => {
    const { sent, call } = commandWith(new Set(['first']), { base: 'http://propagator.example' });
    await expect(call('GET')).rejects.toThrow('unencrypted; nothing was sent');
    expect(sent).toEqual(['GET /v1/x bare']);
  });

  it('names the API and the setting when the login is incomplete', async () => {
    const { call } = commandWith(new Set(), { logins: [] });
    await expect(call('GET')).rejects.toMatchObject({
      report: {
        message: `the API at ${LOCAL} needs a token of Keystone; the login failed: OS_AUTH_URL is missing`,
        advice: expect.stringContaining('--os-cloud, OS_CLOUD or the OS_* variables'),
      },
    });
  });
});

describe('a command whose API does not require a token of Keystone', () => {
  it('does not log in', async () => {
    const { sent, call } = commandWith(new Set(), { isKeystone: false, logins: [] });
    expect((await call('GET')).status).toBe(200);
    expect(sent).toEqual(['GET /v1/x bare']);
  });

  it('reports the missing local token, and sends no change', async () => {
    const { sent, call } = commandWith(new Set(), { isKeystone: false, base: REMOTE });
    await expect(call('POST')).rejects.toThrow('PROPAGATOR_API_TOKEN is not set; nothing was sent');
    expect(sent).toEqual(['HEAD /v1/x bare']);
  });
});

describe('the login of a command', () => {
  const scopeOfLogin = (moreVariables: Record<string, string>) =>
    readCredentials(
      {
        env: {
          OS_AUTH_URL: 'https://k.example',
          OS_USERNAME: 'ann',
          OS_PASSWORD: 'p',
          ...moreVariables,
        },
        readFile: () => undefined,
        home: '/nowhere',
        cwd: '/nowhere',
      },
      'any',
    ).scope;
  const user = { OS_USER_DOMAIN_ID: 'default' };

  it.each([
    ['the system', { OS_SYSTEM_SCOPE: 'all' }, { system: { all: true } }],
    ['a domain', { OS_DOMAIN_ID: 'd1' }, { domain: { id: 'd1' } }],
    ['a domain by its name', { OS_DOMAIN_NAME: 'D' }, { domain: { name: 'D' } }],
    ['a project', { OS_PROJECT_ID: 'p1' }, { project: { id: 'p1' } }],
    [
      'the system before a project',
      { OS_PROJECT_ID: 'p1', OS_SYSTEM_SCOPE: 'all' },
      { system: { all: true } },
    ],
  ])('may have the scope of %s', (_, moreVariables, scope) => {
    expect(scopeOfLogin({ ...user, ...moreVariables })).toEqual(scope);
  });

  it('needs a scope', () => {
    expect(() => scopeOfLogin(user)).toThrow('OS_PROJECT_NAME');
  });
});
