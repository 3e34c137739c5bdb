import { ProjectId } from '../../../events/ids.ts';
import { connectCloud } from '../../../lib/openstack/connect.ts';
import {
  failureOf,
  NETWORK,
  OWN_PROJECT,
  PASSWORD,
  type ScriptedCloud,
  sendJson,
  startScriptedCloud,
} from './scripted-cloud.ts';

let cloud: ScriptedCloud;
let time = Date.parse('2031-01-01T00:00:00Z');
const clock = () => time;

beforeEach(async () => {
  cloud = await startScriptedCloud();
  cloud.script = (_request, response) => sendJson(response, 200, { ports: [] });
});
afterEach(() => cloud.close());

const loginCount = () =>
  cloud.requests.filter((request) => request.path === '/identity/v3/auth/tokens').length;

describe('one login', () => {
  it('serves many calls that begin at the same time', async () => {
    const connected = cloud.connect();
    await Promise.all(Array.from({ length: 20 }, () => connected.ownProject()));
    expect(loginCount()).toBe(1);
    const { body } = cloud.requests[0] ?? { body: '' };
    expect(JSON.parse(body)).toEqual({
      auth: {
        identity: {
          methods: ['password'],
          password: { user: { name: 'cleaner', domain: { name: 'Default' }, password: PASSWORD } },
        },
        scope: { project: { name: 'cleaner', domain: { name: 'Default' } } },
      },
    });
  });

  it('is renewed after half of its lifetime, without a delay for calls', async () => {
    const api = await cloud.network({ clock });
    time += 29 * 60_000;
    await api.request('GET', '/v2.0/ports');
    expect(loginCount()).toBe(1);
    time += 2 * 60_000;
    await api.request('GET', '/v2.0/ports');
    while (cloud.tokens.length < 2) await new Promise((resolve) => setImmediate(resolve));
    await api.request('GET', '/v2.0/ports');
    expect(loginCount()).toBe(2);
  });

  it('is used until its end while Keystone is down, and is then an error', async () => {
    const api = await cloud.network({ clock });
    cloud.answerLogin = (_request, response) =>
      sendJson(response, 503, { error: { code: 503, message: 'down for maintenance' } });
    time += 40 * 60_000;
    expect((await api.request('GET', '/v2.0/ports')).status).toBe(200);
    time += 21 * 60_000;
    expect(await failureOf(api.request('GET', '/v2.0/ports'))).toMatchObject({
      code: 'keystone.http.503',
      class: 'Transient',
    });
    cloud.answerLogin = undefined;
    expect((await api.request('GET', '/v2.0/ports')).status).toBe(200);
  });

  it('works with different clocks of Keystone and this machine', async () => {
    time = Date.parse('2001-01-01T00:00:00Z');
    const api = await cloud.network({ clock });
    await api.request('GET', '/v2.0/ports');
    await api.request('GET', '/v2.0/ports');
    expect(loginCount()).toBe(1);
    time = Date.parse('2031-01-01T00:00:00Z');
  });
});

describe('a 401', () => {
  it('causes one new login for all its calls, and each call is repeated', async () => {
    const api = await cloud.network();
    cloud.validTokens.clear();
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => api.request('DELETE', '/v2.0/ports/1')),
    );
    expect(answers.map((answer) => answer.status)).toEqual(Array(8).fill(200));
    expect(loginCount()).toBe(2);
  });

  it('is Denied for a new token, and causes no further logins', async () => {
    const api = await cloud.network({ clock });
    cloud.script = (_request, response) =>
      sendJson(response, 401, {
        error: { message: 'The request you have made requires authentication.' },
      });
    for (let calls = 0; calls < 10; calls += 1)
      expect(await failureOf(api.request('GET', '/v2.0/ports'))).toMatchObject({
        code: 'neutron.http.401',
        class: 'Denied',
        status: 401,
      });
    expect(loginCount()).toBe(2);
  });
});

describe('a 401 after a wait', () => {
  /** Answers the first call with `Retry-After`, and makes its token invalid. */
  const answerWithRetryAfter: ScriptedCloud['script'] = (_request, response) => {
    cloud.validTokens.clear();
    cloud.script = (_next, answer) => sendJson(answer, 200, { ports: [] });
    sendJson(response, 503, {}, { 'retry-after': '0' });
  };
  const refuseToken: ScriptedCloud['script'] = (_request, response) => sendJson(response, 401, {});

  it('causes one new login, and the call is repeated', async () => {
    const api = await cloud.network({ clock });
    cloud.script = answerWithRetryAfter;
    expect((await api.request('GET', '/v2.0/ports')).status).toBe(200);
    expect(loginCount()).toBe(2);
  });

  it('is Denied for the new token, and the next call does not log in again', async () => {
    const api = await cloud.network({ clock });
    cloud.script = (request, response) => {
      answerWithRetryAfter(request, response);
      cloud.script = refuseToken;
    };
    for (let calls = 0; calls < 2; calls += 1)
      expect(await failureOf(api.request('GET', '/v2.0/ports'))).toMatchObject({
        code: 'neutron.http.401',
        class: 'Denied',
      });
    expect(loginCount()).toBe(2);
  });
});

describe('a login that fails', () => {
  it('is Denied for a wrong password, with the request id and the source of the credentials', async () => {
    cloud.answerLogin = (_request, response) =>
      sendJson(
        response,
        401,
        { error: { code: 401, message: 'The request you have made requires authentication.' } },
        { 'x-openstack-request-id': 'req-1' },
      );
    const report = await failureOf(cloud.connect().ownProject());
    expect(report).toMatchObject({
      code: 'keystone.login.denied',
      class: 'Denied',
      service: 'keystone',
      status: 401,
      requestId: 'req-1',
    });
    expect(report.advice).toContain('the OS_* variables');
  });

  it.each([200, 301, 404, 405])(
    'is a wrong URL after %i, because Keystone answers 201',
    async (status) => {
      cloud.answerLogin = (_request, response) =>
        response
          .writeHead(status, { 'content-type': 'text/html' })
          .end('<body>Welcome to nginx!</body>');
      const report = await failureOf(cloud.connect().ownProject());
      expect(report).toMatchObject({ code: 'keystone.login.wrong-url', class: 'Denied', status });
      expect(report.advice).toContain('OS_AUTH_URL');
    },
  );

  it.each([500, 503, 429])('is Transient and retried after %i', async (status) => {
    cloud.answerLogin = (_request, response) =>
      sendJson(response, status, {}, { 'retry-after': '30' });
    const connected = cloud.connect();
    expect(await failureOf(connected.ownProject())).toMatchObject({
      class: 'Transient',
      status,
      retryAfterSeconds: 30,
    });
    cloud.answerLogin = undefined;
    expect((await connected.ownProject()).name).toBe('cleaner');
  });

  it('is Transient if no program listens on the port, and names this reason', async () => {
    await cloud.close();
    const connected = connectCloud(cloud.credentials);
    const report = await failureOf(connected.ownProject());
    expect(report).toMatchObject({ code: 'keystone.unreachable', class: 'Transient' });
    expect(report.message).toContain('connection refused');
    await connected.close();
    cloud = await startScriptedCloud();
  });

  it('names the setting if the token has no project', async () => {
    cloud.answerLogin = (_request, response) => {
      const token = {
        user: { id: 'cleaner-user' },
        issued_at: '2030-01-01T00:00:00Z',
        expires_at: '2030-01-01T01:00:00Z',
      };
      sendJson(response, 201, { token }, { 'x-subject-token': 'unscoped' });
    };
    const report = await failureOf(cloud.connect().ownProject());
    expect(report).toMatchObject({ code: 'keystone.login.unscoped', class: 'Denied' });
    expect(report.advice).toContain('OS_PROJECT_NAME');
  });
});

it('an API on a project has the project of its token, even if Keystone returned another one than requested', async () => {
  const api = await cloud.connect().api(NETWORK, 'RegionOne', ProjectId.parse('asked-for'));
  expect(api?.ownProject).toBe(OWN_PROJECT);
});
