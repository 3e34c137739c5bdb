import { checkCloud } from '../../lib/app/check-cloud.ts';
import type { Cloud } from '../../lib/openstack/cloud.ts';
import { connectCloud } from '../../lib/openstack/connect.ts';
import { readCredentials } from '../../lib/openstack/credentials.ts';
import { coverageOf } from '../../lib/operation/coverage.ts';
import { cloudSnapshot } from '../../lib/operation/snapshot.ts';
import { SERVICES } from '../../lib/services/index.ts';
import { loginOf } from './login.ts';
import {
  type CloudProxy,
  changes,
  disableEndpoints,
  disableService,
  hideFromProject,
  moveToRegion,
  removeService,
  retype,
  startProxy,
} from './proxy/proxy.ts';
import { openTestCloud, type TestCloud } from './test-cloud.ts';

let testCloud: TestCloud;
let proxy: CloudProxy;
let cloud: Cloud;
beforeEach(async () => {
  testCloud = await openTestCloud();
  proxy = await startProxy(testCloud.cloud.url);
  cloud = connect();
});
afterEach(async () => {
  await cloud.close();
  await proxy.close();
  await testCloud.close();
});

function connect(more: Record<string, string> = {}): Cloud {
  const env = { ...testCloud.cloud.credentials, OS_AUTH_URL: proxy.url, ...more };
  return connectCloud(loginOf(env));
}

/** The plan of one service, as an operation about a project would have it. */
async function planned(name: string) {
  const known = { services: SERVICES, optedInServices: [], httpPlugins: [] };
  const snapshot = cloudSnapshot(await cloud.registry(), 'project', known);
  const service = snapshot.services.find((one) => one.name === name);
  const unseen = (service?.uncallableRegistrations ?? []).map(({ because }) => because);
  return { regions: service?.regions, unseen, lacking: service?.absentBecause, snapshot };
}

const EVERYTHING = () => true;

describe('a service that the cloud has', () => {
  it('is covered if the catalog has it, and absent only if no list of Keystone has it', async () => {
    expect(await planned('cinder')).toMatchObject({ regions: ['RegionOne'], unseen: [] });
    expect((await planned('cinder')).snapshot.uncovered).toEqual([]);
    proxy.registry = removeService('volumev3', 'catalog-cinder');
    cloud = connect();
    const { regions, unseen, lacking, snapshot } = await planned('cinder');
    expect({ regions, unseen, uncovered: snapshot.uncovered }).toEqual({
      regions: [],
      unseen: [],
      uncovered: [],
    });
    expect(lacking).toContain('the catalog and the lists of Keystone do not contain it');
  });

  it.each([
    [
      'an older type only',
      retype('volumev3', 'volumev2'),
      /under volumev2 only, and not under block-storage/,
    ],
    ['a disabled service', disableService('volumev3'), /in RegionOne, but the service is disabled/],
    [
      'disabled endpoints',
      disableEndpoints('catalog-cinder', EVERYTHING),
      /its endpoint is disabled/,
    ],
    [
      'endpoint filtering',
      hideFromProject('volumev3'),
      /does not show its endpoint \(an endpoint filter/,
    ],
    [
      'another region only',
      moveToRegion('catalog-cinder', 'global'),
      /only in global, and OS_REGION_NAME/,
    ],
    ['no region', moveToRegion('catalog-cinder', undefined), /names no region/],
  ])('%s is unreachable, with the reason', async (_what, change, because) => {
    proxy.registry = change;
    const { regions, unseen } = await planned('cinder');
    expect(regions).toEqual([]);
    expect(unseen).toEqual([expect.stringMatching(because)]);
  });

  it('is covered by another interface, by another case of its type, and without a name', async () => {
    proxy.registry = changes(
      disableEndpoints('catalog-cinder', ({ interface: name }) => name === 'public'),
      retype('volumev3', 'VolumeV3'),
      (registry) => ({
        ...registry,
        catalog: registry.catalog.map(({ name: _, ...service }) => service),
        services: registry.services.map(({ name: _, ...service }) => service),
      }),
    );
    const { regions, unseen, snapshot } = await planned('cinder');
    expect([regions, unseen, snapshot.uncovered]).toEqual([['RegionOne'], [], []]);
    expect(
      await cloud.api(SERVICES.find(({ name }) => name === 'cinder') as never, 'RegionOne'),
    ).toBeDefined();
  });

  it('is emptied once if it is registered twice, and the operation names the other registration', async () => {
    proxy.registry = (registry) => ({
      ...registry,
      catalog: registry.catalog.flatMap((service) =>
        service.type === 'volumev3'
          ? [
              service,
              {
                ...service,
                id: 'second',
                endpoints: service.endpoints.map((one) => ({
                  ...one,
                  id: `2-${one.id}`,
                  url: 'http://127.0.0.1:9/v3',
                })),
              },
            ]
          : [service],
      ),
      services: registry.services.flatMap((service) =>
        service.type === 'volumev3' ? [service, { ...service, id: 'second' }] : [service],
      ),
    });
    const { regions, snapshot } = await planned('cinder');
    expect(regions).toEqual(['RegionOne']);
    expect(snapshot.uncovered).toEqual([
      expect.objectContaining({
        type: 'volumev3',
        region: 'RegionOne',
        because: expect.stringMatching(
          /registered twice in RegionOne; the cleanup covers .*, and does not cover 127\.0\.0\.1:\d+$/,
        ),
      }),
    ]);
  });

  it('is called at the URL in the settings, also if the catalog has another one', async () => {
    const yaml = `clouds: {test: {region_name: RegionOne, volumev3_endpoint_override: "${proxy.url}/elsewhere", fortune_telling_endpoint_override: "http://127.0.0.1:9/"}}`;
    const env = {
      ...testCloud.cloud.credentials,
      OS_AUTH_URL: proxy.url,
      OS_CLOUD: 'test',
      OS_CLIENT_CONFIG_FILE: '/etc/clouds.yaml',
    };
    const readFile = (path: string) => (path === '/etc/clouds.yaml' ? yaml : undefined);
    for (const change of [
      changes(),
      retype('volumev3', 'block-storage'),
      removeService('volumev3', 'catalog-cinder'),
      disableService('volumev3'),
    ]) {
      proxy.registry = change;
      await cloud.close();
      cloud = connectCloud(readCredentials({ env, readFile, home: '/nowhere', cwd: '/nowhere' }));
      const { regions, unseen, snapshot } = await planned('cinder');
      expect([regions, unseen]).toEqual([['RegionOne'], []]);
      expect(snapshot.uncovered).toEqual([
        expect.objectContaining({
          type: 'fortune-telling',
          because: expect.stringContaining('the settings name an endpoint of this type'),
        }),
      ]);
      const cinder = SERVICES.find(({ name }) => name === 'cinder');
      const address = { ...cinder, microversion: undefined } as never;
      expect((await cloud.api(address, 'RegionOne'))?.endpoint).toBe(`${proxy.url}/elsewhere`);
    }
  });

  it('is named with the setting that excludes its region, and does not prevent the end', async () => {
    proxy.registry = (registry) => ({
      ...registry,
      catalog: registry.catalog.map((service) => ({
        ...service,
        endpoints: service.endpoints.flatMap((one) => [
          one,
          {
            ...one,
            id: `two-${one.id}`,
            region: 'RegionTwo',
            region_id: 'RegionTwo',
            url: one.url.replace('127.0.0.1', 'two.example'),
          },
        ]),
      })),
    });
    const { snapshot } = await planned('cinder');
    expect(snapshot.uncovered).toEqual([]);
    expect(snapshot.leftOut).toEqual([
      {
        region: 'RegionTwo',
        types: expect.arrayContaining(['volumev3', 'compute']),
        setting: expect.stringContaining('OS_REGION_NAME'),
      },
    ]);
  });

  it.each([
    ['refused', { does: 'answer', status: 403, text: '{"error": {"message": "no"}}' }],
    ['broken', { does: 'answer', status: 500 }],
    ['empty', { does: 'change', json: () => ({ services: [] }) }],
    ['truncated', { does: 'change', json: (body: object) => ({ ...body, truncated: true }) }],
  ])('is not absent when the list of services is %s', async (_what, effect) => {
    proxy.add({ method: 'GET', path: /\/v3\/services/, effect: effect as never });
    const { lacking, snapshot } = await planned('heat');
    expect(lacking).toContain('could not be read');
    expect(snapshot.uncovered).toEqual([expect.objectContaining({ type: 'unlisted' })]);
  });

  it('is found when it was registered after the login', async () => {
    testCloud.cloud.hide('cinder');
    let now = Date.now();
    const env = { ...testCloud.cloud.credentials, OS_AUTH_URL: proxy.url };
    cloud = connectCloud(loginOf(env), { clock: () => now });
    expect((await planned('cinder')).regions).toEqual([]);
    testCloud.cloud.unhide('cinder');
    now += 120_000;
    expect(await planned('cinder')).toMatchObject({ regions: ['RegionOne'], unseen: [] });
  });
});

describe('the start of the propagator', () => {
  const warned = () => {
    const lines: [object, string][] = [];
    const log = { warn: (...line: [object, string]) => void lines.push(line) } as never;
    return { lines, log };
  };

  it('stops at a region that the catalog lacks', async () => {
    cloud = connect({ OS_REGION_NAME: 'RegionTow' });
    await expect(checkCloud(cloud, SERVICES, warned().log)).rejects.toThrow(
      /the catalog has no region RegionTow, only RegionOne/,
    );
  });

  it('does not stop at a Keystone that does not answer, and names the types that will be unverified', async () => {
    const { lines, log } = warned();
    proxy.registry = disableService('volumev3');
    await checkCloud(cloud, SERVICES, log);
    expect(lines.map(([, text]) => text)).toEqual([
      expect.stringMatching(
        /volumev3: .* the service is disabled in Keystone; every operation will end as unverified/,
      ),
    ]);
    proxy.add({ path: /./, effect: { does: 'reset' } });
    await checkCloud(connect(), SERVICES, log);
    expect(lines.at(-1)?.[1]).toMatch(/the catalog was not checked: keystone/);
  });

  it('names the command for a service that needs the system role which the cleaner lacks', async () => {
    const { lines, log } = warned();
    proxy.registry = retype('placement', 'baremetal');
    proxy.add({
      method: 'POST',
      path: /auth\/tokens/,
      after: 1,
      effect: { does: 'answer', status: 401, text: '{"error": {"message": "no role"}}' },
    });
    await checkCloud(cloud, SERVICES, log);
    expect(lines).toEqual([
      [
        {
          service: 'ironic',
          advice: expect.stringMatching(/openstack role add --system all --user \w+ admin/),
        },
        expect.stringMatching(
          /ironic: .*no token with system scope to the propagator; every task of ironic is dead-lett/,
        ),
      ],
    ]);
  });
});

it('is not reported as a faulty endpoint when a deleted project has no members', async () => {
  const error = {
    error: { code: 404, message: 'Could not find project: deadbeef.', title: 'Not Found' },
  };
  proxy.add({
    path: /role_assignments/,
    effect: {
      does: 'answer',
      status: 404,
      headers: { 'content-type': 'application/json' },
      text: JSON.stringify(error),
    },
  });
  expect(await cloud.keystone.members('deadbeef' as never)).toEqual([]);
  await expect(cloud.keystone.members()).rejects.toThrow(/404/);
});

it('the list of the real services has each type once', () => {
  const coverage = coverageOf(
    {
      registrations: [],
      regions: [],
      regionSetting: '',
      interfaces: ['public'],
      listingError: undefined,
    },
    SERVICES,
  );
  expect([coverage.unknownRegistrations, coverage.leftOut, coverage.unlisted]).toEqual([
    [],
    [],
    undefined,
  ]);
});
