import { get } from 'node:http';
import { type RehearsalCloud, startCloud } from '../cloud/cloud.ts';
import { until } from '../engine/engine-store.ts';
import { customerOf, deletedIn } from './cloud.ts';
import { type DeployedStack, deployStack } from './stack.ts';

const MINUTE = 60_000;
const DOMAIN = 'propagator.example.org';

/** The status of a call that the emulator receives under the name of the API. */
const statusUnder = (host: string, endpoint: string, path: string, token?: string) =>
  new Promise<number | undefined>((resolve, reject) => {
    const headers = { host, ...(token === undefined ? {} : { 'x-auth-token': token }) };
    get(new URL(path, endpoint), { headers, agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    }).on('error', reject);
  });

/**
 * These tests send calls through all parts: API Gateway without an authorizer, the function, and
 * Keystone.
 */
describe('a stack with PROPAGATOR_API_AUTH=keystone', () => {
  let cloud: RehearsalCloud;
  let stack: DeployedStack;
  beforeAll(async () => {
    cloud = await startCloud();
    stack = await deployStack(cloud.credentials, {
      PROPAGATOR_API_AUTH: 'keystone',
      apiDomain: DOMAIN,
      apiCertificate: 'arn:aws:acm:eu-central-1:000000000000:certificate/of-the-test',
    });
  }, 400_000);
  afterAll(async () => {
    await stack?.stop();
    await cloud?.close();
  });

  /** A user with one role on the system, and a token of that user. */
  const userWith = (role: string, { scope = {}, expiresIn = 10 * MINUTE } = {}) => {
    const { users } = cloud.state.identity;
    const [admin] = users.where((row) => row.name === cloud.credentials.OS_USERNAME);
    if (!admin) throw new TypeError('the rehearsal cloud has no administrator');
    const user = { ...admin, id: `${users.all().length}`.padStart(32, '0'), name: `with-${role}` };
    users.add(user);
    const now = cloud.state.clock.now();
    const token = cloud.state.tokens.issue({
      userId: user.id,
      projectId: undefined,
      domainId: undefined,
      system: true,
      credential: undefined,
      roles: [role],
      methods: ['password'],
      issuedAt: now,
      expiresAt: now + expiresIn,
      ...scope,
    });
    return { ...user, token: token.id };
  };
  const statusOf = async (route: string, token?: string): Promise<string> => {
    const [method, path = ''] = route.split(' ');
    const answer = await stack.callApi(
      path,
      method === 'GET' ? undefined : '{"type":"reporting","reason":"a test"}',
      token === undefined ? 'none' : { token },
    );
    const { error } = JSON.parse(answer.body) as { error?: { code: string } };
    return error ? `${answer.status} ${error.code}` : String(answer.status);
  };

  it('refuses callers without a token, with a forged or an expired one, and with an IAM signature', async () => {
    const expired = userWith('admin', { expiresIn: -MINUTE });
    for (const route of ['GET /v1/status', 'POST /v1/waivers', 'POST /v1/notifications']) {
      const answers = [
        await statusOf(route),
        await statusOf(route, 'gAAAAAforged'),
        await statusOf(route, expired.token),
      ];
      expect([route, answers]).toEqual([
        route,
        ['401 api.token', '401 api.token', '401 api.token'],
      ]);
    }
    await expect(stack.callApi('/v1/status', undefined, 'administrator')).rejects.toThrow(
      'this caller has no login in Keystone',
    );
    const { headers } = await stack.callApi('/v1/status', undefined, 'none');
    expect(headers.get('www-authenticate')).toBe(`Keystone uri="${cloud.url}"`);
    expect(await statusOf('GET /healthz')).toBe('200');
  });

  it('refuses roles that are not sufficient, and roles in another scope', async () => {
    const reader = userWith('reader');
    const other = userWith('member');
    const projectAdmin = userWith('admin', {
      scope: { system: false, projectId: customerOf(cloud).id },
    });
    expect(await statusOf('GET /v1/status', reader.token)).toBe('200');
    expect(await statusOf('POST /v1/waivers', reader.token)).toBe('403 api.role');
    expect(await statusOf('GET /v1/status', other.token)).toBe('403 api.scope');
    expect(await statusOf('GET /v1/status', projectAdmin.token)).toBe('403 api.scope');
    expect(await stack.engine.reads.coverageWaivers()).toEqual([]);
  });

  it('accepts a sufficient role, and records the user of Keystone', async () => {
    const operator = userWith('propagator-operator');
    expect(await statusOf('POST /v1/waivers', operator.token)).toBe('201');
    expect(await stack.engine.reads.coverageWaivers()).toMatchObject([
      { type: 'reporting', by: `with-propagator-operator (${operator.id})` },
    ]);
    const rows = await stack.engine.reads.auditRows(1, 10);
    expect(rows.map(({ entry }) => entry)).toContainEqual(
      expect.objectContaining({
        what: 'waiver.added',
        by: { kind: 'keystone', name: 'with-propagator-operator', id: operator.id },
      }),
    );
  });

  it('answers under the custom domain', async () => {
    const { token } = userWith('reader');
    expect(await statusUnder(DOMAIN, stack.endpoint, '/v1/status', token)).toBe(200);
    expect(await statusUnder(DOMAIN, stack.endpoint, '/v1/status')).toBe(401);
    expect(await statusUnder(`other-${DOMAIN}`, stack.endpoint, '/v1/status', token)).not.toBe(200);
  });

  it('accepts a notification of an operator, and the project is cleaned up', async () => {
    const operator = userWith('propagator-operator');
    const customer = customerOf(cloud);
    const send = async (notification: string) =>
      expect(await stack.callApi('/v1/notifications', notification, operator)).toMatchObject({
        status: 202,
        body: '{"stored":1}',
      });
    await send(customer.created);
    await until(
      'the record of a new project',
      async () => (await stack.engine.reads.account('project', customer.id)) !== undefined,
      60,
    );
    await send(await deletedIn(cloud, customer.id));
    expect((await stack.ended(customer.id, 150)).state).toBe('finished');
    expect(cloud.store.resources(customer.id)).toEqual([]);
  });

  it('is called by the commands with the login of openstack, without credentials for AWS', async () => {
    const { OS_PROJECT_NAME: _, OS_PROJECT_DOMAIN_NAME: __, ...login } = cloud.credentials;
    const env = { ...login, OS_SYSTEM_SCOPE: 'all' };
    const typed = await stack.typeWith(env, 'waiver', 'add', 'billing', '--reason', 'not used');
    expect(typed).toMatchObject({ code: 0, err: '' });
    const listed = await stack.typeWith(env, 'audit', 'list');
    expect(listed).toMatchObject({ code: 0, err: '' });
    expect(listed.out).toMatch(/waiver\.added .*billing.* not used/);
    const refused = await stack.typeWith({ ...env, OS_PASSWORD: 'wrong' }, 'status');
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toContain('needs a token of Keystone; the login failed');
  });
});
