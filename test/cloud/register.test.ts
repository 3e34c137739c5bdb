import { apiAddressOf } from '../../lib/cli/api-address.ts';
import { ApiClient } from '../../lib/cli/client.ts';
import { openIdentity } from '../../lib/cli/keystone-login.ts';
import { connectCloud } from '../../lib/openstack/connect.ts';
import { cloudSnapshot } from '../../lib/operation/snapshot.ts';
import { SERVICES } from '../../lib/services/index.ts';
import { typeLine } from '../unit/cli/type-line.ts';
import { type RehearsalCloud, startCloud } from './cloud.ts';
import { loginOf } from './login.ts';

const URL = 'https://propagator.example.org';
const REGISTER = `register --url ${URL}`;

let cloud: RehearsalCloud;
beforeEach(async () => {
  cloud = await startCloud();
});
afterEach(() => cloud.close());

/** Types a command with the administrator's login, or with other settings. */
const type = (line: string, more: Record<string, string | undefined> = {}) =>
  typeLine(line, {
    client: new ApiClient('http://127.0.0.1:1'),
    openIdentity: () => openIdentity({ ...cloud.credentials, ...more }),
    now: Date.now,
  });
const services = () => cloud.state.identity.services.all();
const endpoints = () => cloud.state.identity.endpoints.all();
const shown = () => endpoints().map((one) => [one.interface, one.region_id, one.url, one.enabled]);
/** The calls that change the catalog. */
const writes = () =>
  cloud.calls
    .filter(({ method, path }) => method !== 'GET' && !path.startsWith('/v3/auth/'))
    .map(({ method, path }) => `${method} ${path}`);
const addService = (more: Record<string, unknown> = {}) =>
  cloud.state.identity.services.add({
    id: `s${services().length}`,
    type: 'account-propagation',
    name: 'keystone-propagator',
    enabled: true,
    description: 'Made by "propagator register"',
    ...more,
  });
const addEndpoint = (more: Record<string, unknown> = {}) =>
  cloud.state.identity.endpoints.add({
    id: `e${endpoints().length}`,
    service_id: services()[0]?.id ?? '',
    interface: 'public',
    region_id: 'RegionOne',
    url: URL,
    enabled: true,
    description: 'Made by "propagator register"',
    ...more,
  });

describe('propagator register', () => {
  it('creates the service and its endpoint, and a second run changes nothing', async () => {
    const first = await type(REGISTER);
    expect(first).toEqual({
      code: 0,
      out:
        'service account-propagation, name keystone-propagator: created\n' +
        `endpoint public in RegionOne: created: ${URL}\n`,
      err: '',
    });
    expect(services()).toMatchObject([
      { type: 'account-propagation', name: 'keystone-propagator', enabled: true },
    ]);
    expect(shown()).toEqual([['public', 'RegionOne', URL, true]]);
    const before = JSON.stringify([services(), endpoints()]);
    cloud.calls.length = 0;
    expect(await type(`${REGISTER}/`)).toMatchObject({
      code: 0,
      out: "Nothing to change: Keystone's catalog has this API already.\n",
    });
    expect(writes()).toEqual([]);
    expect(JSON.stringify([services(), endpoints()])).toBe(before);
  });

  it('adds each interface that is named, and keeps the others', async () => {
    await type(REGISTER);
    await type(`${REGISTER} --interface internal --interface admin --interface internal`);
    expect(shown().map(([name]) => name)).toEqual(['public', 'internal', 'admin']);
    expect(services()).toHaveLength(1);
  });

  it('updates its own endpoint when the URL has changed', async () => {
    await type(REGISTER);
    const [before] = endpoints();
    const { out } = await type('register --url https://new.example.org/propagator');
    expect(out).toContain(`updated: https://new.example.org/propagator, before ${URL}`);
    expect(endpoints()).toEqual([{ ...before, url: 'https://new.example.org/propagator' }]);
  });

  it('enables a service and an endpoint that were disabled', async () => {
    addService({ enabled: false });
    addEndpoint({ enabled: false });
    expect((await type(REGISTER)).code).toBe(0);
    expect(services()).toMatchObject([{ enabled: true, name: 'keystone-propagator' }]);
    expect(endpoints()).toMatchObject([{ enabled: true, url: URL }]);
  });

  it('adds a service that operations know, so that none of them ends as unverified', async () => {
    await type(REGISTER);
    const connected = connectCloud(loginOf(cloud.credentials));
    try {
      const registry = await connected.registry();
      expect(registry.registrations.map(({ type }) => type)).toContain('account-propagation');
      const known = { services: SERVICES, optedInServices: [], httpPlugins: [] };
      expect(cloudSnapshot(registry, 'project', known).uncovered).toEqual([]);
      const others = SERVICES.filter(({ name }) => name !== 'keystone-propagator');
      expect(cloudSnapshot(registry, 'project', { ...known, services: others })).toMatchObject({
        uncovered: [{ type: 'account-propagation' }],
      });
    } finally {
      await connected.close();
    }
  });

  it('completes an earlier run that failed', async () => {
    const fault = cloud.faults.inject({
      service: 'keystone',
      method: 'POST',
      path: /endpoints/,
      effect: { does: 'answer', status: 500 },
    });
    expect((await type(REGISTER)).code).toBe(1);
    expect([services().length, endpoints().length]).toEqual([1, 0]);
    fault.clear();
    expect((await type(REGISTER)).code).toBe(0);
    expect([services().length, endpoints().length]).toEqual([1, 1]);
  });

  it('only prints the changes with --plan', async () => {
    const { code, out } = await type(`${REGISTER} --plan`);
    expect({ code, lines: out.match(/will be created/g)?.length }).toEqual({ code: 0, lines: 2 });
    expect(writes()).toEqual([]);
    expect(JSON.parse((await type(`${REGISTER} --plan --json`)).out)).toEqual({
      planned: true,
      changes: [
        { action: 'create', type: 'service' },
        {
          action: 'create',
          type: 'endpoint',
          interface: 'public',
          region: 'RegionOne',
          url: URL,
        },
      ],
      kept: [],
    });
    const columns = await type(`${REGISTER} --plan -f value -c type -c url`);
    expect(columns.out).toBe(`service \nendpoint ${URL}\n`);
  });

  it.each([
    ['a service of another program', () => addService({ name: 'other' }), 'service other (s0)'],
    [
      'a service of this name that it did not make',
      () => addService({ description: '' }),
      'did not make; nothing was changed\nIf it is not in use, delete it and register again: openstack service delete s0',
    ],
    [
      'a service under another spelling of the type',
      () => addService({ type: 'Account_Propagation', name: 'other' }),
      'service other (s0)',
    ],
    [
      'its service twice',
      () => [addService(), addService()],
      'more than once: s0, s1; nothing was changed\nType `propagator unregister`',
    ],
    [
      'its endpoint twice',
      () => [addService(), addEndpoint(), addEndpoint()],
      '2 endpoints of keystone-propagator for interface public in RegionOne: e0, e1',
    ],
    [
      'an endpoint that it did not make',
      () => [addService(), addEndpoint({ description: '', url: 'https://other.example' })],
      'endpoint (e0, https://other.example)',
    ],
  ])('refuses to touch %s', async (_, prepare, message) => {
    prepare();
    const before = JSON.stringify([services(), endpoints()]);
    expect(await type(`${REGISTER}1`)).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining(message),
    });
    expect(JSON.stringify([services(), endpoints()])).toBe(before);
    expect(writes()).toEqual([]);
  });

  it('refuses a region that Keystone does not have, before the first change', async () => {
    expect(await type(`${REGISTER} --region RegionTwo`)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/no region RegionTwo; nothing was changed\n.*RegionOne/),
    });
    expect(services()).toEqual([]);
  });

  it('uses the only region of Keystone when the login names none', async () => {
    expect((await type(REGISTER, { OS_REGION_NAME: undefined })).code).toBe(0);
    expect(shown()).toEqual([['public', 'RegionOne', URL, true]]);
  });

  it('prefers --region to the region of the login, and this region to the one of Keystone', async () => {
    const login = { OS_REGION_NAME: 'RegionTwo' };
    expect(await type(REGISTER, login)).toMatchObject({
      code: 1,
      err: expect.stringContaining('no region RegionTwo'),
    });
    expect(services()).toEqual([]);
    expect((await type(`${REGISTER} --region RegionOne`, login)).code).toBe(0);
    expect(shown()).toEqual([['public', 'RegionOne', URL, true]]);
  });

  it('works with a token on the system', async () => {
    const system = {
      OS_PROJECT_NAME: undefined,
      OS_PROJECT_DOMAIN_NAME: undefined,
      OS_SYSTEM_SCOPE: 'all',
    };
    expect((await type(REGISTER, system)).code).toBe(0);
    expect(shown()).toHaveLength(1);
  });

  it.each([
    ['http://propagator.example.org', 'use https://'],
    ['https://ann:secret@propagator.example.org', 'could read the password'],
    ['https://propagator.example.org/v1', 'remove the version'],
    ['https://propagator.example.org/%(project_id)s', 'Keystone would replace'],
    ['https://propagator.example.org?a=b', 'remove the part from ? or # on'],
    [`https://propagator.example.org/${'a'.repeat(225)}`, 'more than 225 characters'],
    ['propagator.example.org:8787', 'complete URL'],
    ['ftp://propagator.example.org', 'complete URL'],
  ])('refuses the URL %s without a call', async (url, message) => {
    expect(await type(`register --url ${url}`)).toMatchObject({
      code: 64,
      err: expect.stringContaining(message),
    });
    expect(cloud.calls).toEqual([]);
  });

  it('accepts plain HTTP on this machine, and an unknown interface is wrong usage', async () => {
    expect((await type('register --url http://127.0.0.1:8787')).code).toBe(0);
    expect((await type(`${REGISTER} --interface secret`)).code).toBe(64);
  });

  it('needs the role of an administrator', async () => {
    const project = cloud.seed.makeProject('default', 'web');
    const user = cloud.state.identity.users.add({
      id: 'u1',
      name: 'ann',
      domain_id: 'default',
      enabled: true,
      password: 'p',
    });
    const [member] = cloud.state.identity.roles.where(({ name }) => name === 'member');
    cloud.state.identity.assignments.add({
      id: 'a1',
      role: member?.id ?? '',
      actor: { user: user.id },
      target: { project },
    });
    const ann = { OS_USERNAME: 'ann', OS_PASSWORD: 'p', OS_PROJECT_NAME: 'web' };
    expect(await type(REGISTER, ann)).toMatchObject({
      code: 1,
      err: expect.stringContaining('Log in with the role admin'),
    });
    expect(services()).toEqual([]);
  });

  it('fails when another administrator registers at the same time and rows exist twice', async () => {
    const both = await Promise.all([type(REGISTER), type(REGISTER)]);
    const isDoubled = services().length + endpoints().length > 2;
    expect(both.some(({ code }) => code === 1)).toBe(isDoubled);
  });
});

describe('a command with PROPAGATOR_API_URL=catalog', () => {
  it.each([
    ['a project', {}],
    ['the system', { OS_PROJECT_NAME: undefined, OS_SYSTEM_SCOPE: 'all' }],
    ['a domain', { OS_PROJECT_NAME: undefined, OS_DOMAIN_ID: 'default' }],
  ])('finds the registered API with a login to %s', async (_, more) => {
    await type(REGISTER);
    const environment = { ...cloud.credentials, PROPAGATOR_API_URL: 'catalog', ...more };
    const { baseUrl } = apiAddressOf(environment);
    expect(typeof baseUrl === 'string' ? baseUrl : await baseUrl()).toBe(URL);
  });
});

describe('propagator unregister', () => {
  it('removes only the rows that register created', async () => {
    const foreign = addService({ name: 'other', type: 'rating', description: '' });
    addEndpoint({ service_id: foreign.id, description: '' });
    const before = JSON.stringify([services(), endpoints()]);
    await type(`${REGISTER} --interface public --interface internal`);
    expect(services()).toHaveLength(2);
    const { code, out } = await type('unregister');
    expect({ code, lines: out.match(/: deleted/g)?.length }).toEqual({ code: 0, lines: 3 });
    expect(JSON.stringify([services(), endpoints()])).toBe(before);
    expect(await type('unregister')).toMatchObject({
      code: 0,
      out: "Nothing to remove: Keystone's catalog has no entry made by `propagator register`.\n",
    });
  });

  it('does not remove a service of the type that register did not create', async () => {
    addService({ description: '' });
    addEndpoint({ description: '' });
    expect((await type('unregister')).out).toContain('Nothing to remove');
    expect([services().length, endpoints().length]).toEqual([1, 1]);
  });

  it('keeps its service while the service has an endpoint of another program', async () => {
    await type(REGISTER);
    addEndpoint({ id: 'foreign', interface: 'internal', description: '' });
    const { out } = await type('unregister');
    expect(out).toContain('is kept, because it has other endpoints: foreign');
    expect(endpoints().map(({ id }) => id)).toEqual(['foreign']);
    expect(services()).toHaveLength(1);
  });

  it('removes a service that was made twice', async () => {
    addService();
    addService();
    expect((await type('unregister')).code).toBe(0);
    expect(services()).toEqual([]);
  });

  it('names the region if only this region has no entry', async () => {
    await type(REGISTER);
    expect(await type('unregister --region RegionTwo')).toMatchObject({
      code: 0,
      out: expect.stringContaining(
        "Nothing to remove: Keystone's catalog has no entry made by `propagator register` in " +
          'region RegionTwo.\n',
      ),
    });
    expect(shown()).toEqual([['public', 'RegionOne', URL, true]]);
  });

  it('removes only one region, and keeps the service for the others', async () => {
    await type(REGISTER);
    addEndpoint({ id: 'two', region_id: 'RegionTwo' });
    await type('unregister --region RegionOne');
    expect(endpoints().map(({ id }) => id)).toEqual(['two']);
    expect(services()).toHaveLength(1);
    await type('unregister --region RegionTwo');
    expect([services(), endpoints()]).toEqual([[], []]);
  });

  it('only prints the changes with --plan', async () => {
    await type(REGISTER);
    cloud.calls.length = 0;
    const { out } = await type('unregister --plan');
    expect(out.match(/will be deleted/g)).toHaveLength(2);
    expect(writes()).toEqual([]);
  });
});
