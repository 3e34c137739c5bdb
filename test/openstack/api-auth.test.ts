import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { createApi } from '../../lib/api/api.ts';
import { apiAuthentication } from '../../lib/app/api-access.ts';
import { keystoneToken } from '../../lib/cli/keystone-login.ts';
import { SteppedEngine } from '../../lib/engine/memory/stepped.ts';
import { readSettings } from '../../lib/shared/settings.ts';
import { Cloud, rowsOf, text } from './cloud.ts';
import { loginVariables, readCredentials } from './credentials.ts';
import { connectPropagator } from './propagator-runs.ts';

const BASE = 'https://propagator.example';
const MINUTE = 60_000;
const PASSWORD = `pw-${randomBytes(12).toString('hex')}`;
const EXPIRY_SECONDS = 8;
const EXPIRY_LIMIT_SECONDS = 60;

/** The API with tokens of a real Keystone. Its own engine is in memory. */
describe('a token of a real Keystone at the API', () => {
  const name = `kp-${randomBytes(3).toString('hex')}-auth`;
  const { authUrl } = readCredentials();
  const made: string[] = [];
  const engine = new SteppedEngine();
  const cleaner = connectPropagator();
  let cloud: Cloud;
  let app: ReturnType<typeof createApi>;
  let project = '';
  let customer = '';
  const users: Record<string, string> = {};

  const make = async (path: string, key: string, fields: object): Promise<string> => {
    const { json } = await cloud.admin.call('identity', 'POST', `/${path}`, {
      json: { [key]: fields },
    });
    const id = text(json, key, 'id');
    made.unshift(`/${path}/${id}`);
    return id;
  };
  const roleId = async (role: string): Promise<string> => {
    const { json } = await cloud.admin.call('identity', 'GET', `/roles?name=${role}`);
    return text(rowsOf(json, 'roles')[0], 'id');
  };
  const assign = (user: string | undefined, role: string, where: string) =>
    cloud.admin.call('identity', 'PUT', `${where}/users/${user}/roles/${role}`);
  /** Logs in with these parts of `POST /v3/auth/tokens`. */
  const login = async (identity: object, scope?: object): Promise<string> => {
    const response = await fetch(`${authUrl}/auth/tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ auth: { identity, ...(scope ? { scope } : {}) } }),
    });
    if (response.status !== 201) throw new Error(`login: ${response.status}`);
    return response.headers.get('x-subject-token') ?? '';
  };
  const SYSTEM = { system: { all: true } };
  const tokenOf = (user: string, scope: object = SYSTEM): Promise<string> =>
    login(
      { methods: ['password'], password: { user: { id: users[user], password: PASSWORD } } },
      scope,
    );
  const credentialOf = async (user: string, on: string, more: object = {}) => {
    const own = await cloud.logInAs({ id: users[user] ?? '', password: PASSWORD }, on);
    const { json } = await own.call(
      'identity',
      'POST',
      `/users/${users[user]}/application_credentials`,
      { json: { application_credential: { name: randomBytes(4).toString('hex'), ...more } } },
    );
    return {
      methods: ['application_credential'],
      application_credential: {
        id: text(json, 'application_credential', 'id'),
        secret: text(json, 'application_credential', 'secret'),
      },
    };
  };
  const call = async (token: string, route: string) => {
    const [method = '', path = ''] = route.split(' ');
    const response = await app.request(`${BASE}${path}`, {
      method,
      headers: { 'x-auth-token': token, 'content-type': 'application/json' },
      ...(method === 'GET' ? {} : { body: JSON.stringify({ type: 'rating', reason: 'a test' }) }),
    });
    const body = (await response.json()) as { error?: { code: string } };
    return body.error ? `${response.status} ${body.error.code}` : String(response.status);
  };
  /** The statuses for a read, for an operator's change and for an administrator's change. */
  const answers = async (token: string) => [
    await call(token, 'GET /v1/status'),
    await call(token, 'POST /v1/waivers'),
    // The body is wrong on purpose, so that an accepted caller changes nothing.
    await call(token, 'POST /v1/operations'),
  ];
  const REFUSED = (answer: string) => [answer, answer, answer];

  beforeAll(async () => {
    cloud = await Cloud.connect();
    project = await make('projects', 'project', { name, domain_id: 'default' });
    customer = await make('projects', 'project', {
      name: `${name}-customer`,
      domain_id: 'default',
    });
    const operator = await make('roles', 'role', { name: `${name}-operator` });
    for (const user of ['reader', 'operator', 'admin', 'member', 'other', 'customer'])
      users[user] = await make('users', 'user', {
        name: `${name}-${user}`,
        domain_id: 'default',
        password: PASSWORD,
      });
    const [reader, admin, member] = await Promise.all(['reader', 'admin', 'member'].map(roleId));
    await assign(users.reader, reader ?? '', '/system');
    await assign(users.operator, operator, '/system');
    await assign(users.admin, admin ?? '', '/system');
    await assign(users.member, member ?? '', '/system');
    await assign(users.other, await make('roles', 'role', { name: `${name}-other` }), '/system');
    await assign(users.customer, admin ?? '', `/projects/${customer}`);
    await assign(users.admin, admin ?? '', `/projects/${project}`);
    const settings = readSettings({
      PROPAGATOR_API_AUTH: 'keystone',
      PROPAGATOR_API_OPERATOR_ROLES: `${name}-operator`,
      PROPAGATOR_API_SCOPES: `system,project:${project}`,
    });
    app = createApi({
      engine,
      cloud: cleaner,
      services: [],
      optedInServices: [],
      httpPlugins: [],
      mode: 'observe',
      authentication: apiAuthentication(settings, authUrl, cleaner),
      log: { warn: () => undefined, error: () => undefined },
      protection: async () => ({ projects: [], domains: [], ownProject: '' }),
      health: () => ({ ok: true }),
      now: () => engine.time,
    });
  });
  afterAll(async () => {
    for (const path of made) await cloud.admin.call('identity', 'DELETE', path, { accept: [404] });
    await cleaner.close();
  });

  it.each([
    ['reader', ['200', '403 api.role', '403 api.role']],
    ['operator', ['200', '201', '403 api.role']],
    ['admin', ['200', '201', '400 api.input']],
    // Keystone's role member implies the role reader.
    ['member', ['200', '403 api.role', '403 api.role']],
    ['other', REFUSED('403 api.scope')],
  ])('permits on the system only the requests of the role %s', async (user, expected) => {
    expect(await answers(await tokenOf(user))).toEqual(expected);
  });

  it('names its user in the audit record', async () => {
    await call(await tokenOf('operator'), 'POST /v1/waivers');
    expect(engine.waivers.get('rating')?.by).toBe(`${name}-operator (${users.operator})`);
  });

  it("is refused if it belongs to a customer's administrator on the own project", async () => {
    const scope = { project: { id: customer } };
    expect(await answers(await tokenOf('customer', scope))).toEqual(REFUSED('403 api.scope'));
  });

  it('is refused if it has no scope', async () => {
    const token = await login(
      { methods: ['password'], password: { user: { id: users.member, password: PASSWORD } } },
      'unscoped' as unknown as object,
    );
    expect(await answers(token)).toEqual(REFUSED('403 api.scope'));
  });

  it('is refused if it is forged or changed', async () => {
    const token = await tokenOf('admin');
    const middle = Math.floor(token.length / 2);
    const changed = `${token.slice(0, middle)}${token[middle] === 'A' ? 'B' : 'A'}${token.slice(middle + 1)}`;
    expect(await answers(`gAAAAA${randomBytes(60).toString('base64url')}`)).toEqual(
      REFUSED('401 api.token'),
    );
    expect(await answers(changed)).toEqual(REFUSED('401 api.token'));
  });

  it('is refused at most a minute after it was revoked', async () => {
    const token = await tokenOf('reader');
    expect(await call(token, 'GET /v1/status')).toBe('200');
    await cloud.admin.call('identity', 'DELETE', '/auth/tokens', {
      headers: { 'x-subject-token': token },
    });
    engine.time += MINUTE;
    expect(await answers(token)).toEqual(REFUSED('401 api.token'));
  });

  it('is refused at most a minute after its user was disabled', async () => {
    const token = await tokenOf('member');
    expect(await call(token, 'GET /v1/status')).toBe('200');
    await cloud.admin.call('identity', 'PATCH', `/users/${users.member}`, {
      json: { user: { enabled: false } },
    });
    engine.time += MINUTE;
    expect(await call(token, 'GET /v1/status')).toBe('401 api.token');
  });

  it('is accepted for an application credential on a project that the settings name', async () => {
    const ours = await login(await credentialOf('admin', project));
    expect(await answers(ours)).toEqual(['200', '201', '400 api.input']);
    const theirs = await login(await credentialOf('customer', customer));
    expect(await answers(theirs)).toEqual(REFUSED('403 api.scope'));
  });

  it('is refused after it has expired', async () => {
    // The token expires together with the credential. No other token expires so soon.
    const expires_at = new Date(Date.now() + EXPIRY_SECONDS * 1000).toISOString().slice(0, -1);
    const token = await login(await credentialOf('admin', project, { expires_at }));
    expect(await call(token, 'GET /v1/status')).toBe('200');
    let answer = '';
    for (let second = 0; second < EXPIRY_LIMIT_SECONDS && answer !== '401 api.token'; second += 1) {
      await delay(1000);
      engine.time += MINUTE;
      answer = await call(token, 'GET /v1/status');
    }
    expect(answer).toBe('401 api.token');
  });

  it('is requested and sent by a command that has only a login', async () => {
    const token = await keystoneToken({
      OS_AUTH_URL: loginVariables().OS_AUTH_URL,
      OS_USER_ID: users.operator,
      OS_PASSWORD: PASSWORD,
      OS_SYSTEM_SCOPE: 'all',
    });
    expect(await answers(token)).toEqual(['200', '201', '403 api.role']);
  });
});
