import { Asker } from './compare-ask.ts';
import { loginOf } from './login.ts';
import {
  type CloudProxy,
  changes,
  disableEndpoints,
  disableService,
  moveToRegion,
  retype,
  startProxy,
} from './proxy/proxy.ts';
import { at, openTestCloud, rows, type TestCloud } from './test-cloud.ts';

let testCloud: TestCloud;
let proxy: CloudProxy;
beforeEach(async () => {
  testCloud = await openTestCloud();
  proxy = await startProxy(testCloud.cloud.url);
});
afterEach(async () => {
  await proxy.close();
  await testCloud.close();
});

/** Logs in through the proxy. */
async function logIn() {
  const env = { ...testCloud.cloud.credentials, OS_AUTH_URL: proxy.url };
  const { ask } = await Asker.login(loginOf(env));
  return ask;
}

describe('the proxy in front of a cloud', () => {
  it('rewrites every URL of the catalog to itself, and changes nothing else', async () => {
    testCloud.cloud.seed.fill(testCloud.project, 'small');
    const query = `/servers/detail?all_tenants=1&project_id=${testCloud.project}`;
    const direct = await testCloud.ask('compute', 'GET', query);
    const ask = await logIn();
    const behind = await ask('compute', 'GET', query);
    expect(rows(behind.json, 'servers').map(({ id }) => id)).toEqual(
      rows(direct.json, 'servers').map(({ id }) => id),
    );
    expect(
      proxy.calls.some(
        ({ origin, path }) =>
          path.includes('/servers/detail') && origin === testCloud.cloud.state.bases.get('nova'),
      ),
    ).toBe(true);
  });

  it('answers in place of the cloud as often as a rule requires', async () => {
    const ask = await logIn();
    const rule = proxy.add({
      method: 'GET',
      path: /\/v3\/services/,
      times: 1,
      effect: { does: 'answer', status: 403, text: '{}' },
    });
    expect((await ask('identity', 'GET', '/services')).status).toBe(403);
    expect((await ask('identity', 'GET', '/services')).status).toBe(200);
    expect(rule.hits).toBe(1);
  });

  it('delays, slows down and resets answers, and changes their JSON', async () => {
    const ask = await logIn();
    const slow = proxy.add({
      path: /services/,
      times: 1,
      effect: { does: 'delay', milliseconds: 50 },
    });
    expect((await ask('identity', 'GET', '/services')).status).toBe(200);
    expect(slow.hits).toBe(1);
    proxy.add({
      path: /services/,
      times: 1,
      effect: { does: 'drip', bytes: 400, everyMilliseconds: 1 },
    });
    expect(
      rows((await ask('identity', 'GET', '/services')).json, 'services').length,
    ).toBeGreaterThan(5);
    proxy.add({
      path: /services/,
      times: 1,
      effect: { does: 'change', json: () => ({ services: [] }) },
    });
    expect((await ask('identity', 'GET', '/services')).json).toEqual({ services: [] });
    proxy.add({ path: /services/, effect: { does: 'reset' } });
    await expect(ask('identity', 'GET', '/services')).rejects.toThrow();
    proxy.clear();
    expect((await ask('identity', 'GET', '/services')).status).toBe(200);
  });

  it('changes the services of the cloud in the catalog and in both lists of Keystone', async () => {
    proxy.registry = changes(
      disableService('object-store'),
      retype('volumev3', 'volumev2'),
      moveToRegion('catalog-glance', undefined),
      disableEndpoints('catalog-neutron', (endpoint) => endpoint.interface === 'public'),
    );
    const ask = await logIn();
    const services = rows((await ask('identity', 'GET', '/services')).json, 'services');
    const endpoints = rows((await ask('identity', 'GET', '/endpoints')).json, 'endpoints');
    expect(services.find(({ type }) => type === 'object-store')).toMatchObject({ enabled: false });
    expect(services.map(({ type }) => type)).toEqual(expect.arrayContaining(['volumev2']));
    expect(services.map(({ type }) => type)).not.toContain('volumev3');
    expect(
      endpoints
        .filter(({ service_id }) => service_id === 'catalog-glance')
        .map(({ region_id }) => region_id),
    ).toEqual([null, null, null]);
    expect(endpoints.filter(({ enabled }) => !enabled).map(({ id }) => id)).toEqual([
      'neutron-public',
    ]);
    const login = await fetch(`${proxy.url}/auth/tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        auth: {
          identity: {
            methods: ['password'],
            password: {
              user: {
                name: 'admin',
                domain: { name: 'Default' },
                password: testCloud.cloud.credentials.OS_PASSWORD,
              },
            },
          },
          scope: { project: { name: 'admin', domain: { name: 'Default' } } },
        },
      }),
    });
    const catalog = rows(at(await login.json(), 'token.catalog'));
    expect(catalog.map(({ type }) => type)).toEqual([
      'identity',
      'compute',
      'volumev2',
      'network',
      'image',
      'placement',
    ]);
    expect(
      rows(catalog.find(({ type }) => type === 'network')?.endpoints).map((one) => one.interface),
    ).toEqual(['admin', 'internal']);
  });
});
