import { ServiceName } from '../../../events/ids.ts';
import { connectCloud } from '../../../lib/openstack/connect.ts';
import { compareVersions } from '../../../lib/openstack/microversion.ts';
import { catalogRegistrations } from '../../../lib/openstack/registry.ts';
import { chooseEndpoint } from '../../../lib/operation/registry.ts';
import {
  failureOf,
  NETWORK,
  OWN_PROJECT,
  type ScriptedCloud,
  sendJson,
  startScriptedCloud,
} from './scripted-cloud.ts';

const endpoint = (name: string, region: string, url: string) => ({
  interface: name,
  region_id: region,
  url,
});
const CATALOG = [
  { type: 'volumev2', name: 'cinderv2', endpoints: [endpoint('public', 'north', 'http://v2/')] },
  {
    type: 'volumev3',
    name: 'cinder',
    endpoints: [
      endpoint('internal', 'north', 'http://inner/v3/'),
      endpoint('public', 'north', 'http://outer/v3/'),
      endpoint('admin', 'south', 'http://south/v3'),
    ],
  },
  { type: 'network', name: 'neutron', endpoints: [] },
];
const CINDER = ['block-storage', 'volumev3', 'volumev2'];
const findEndpoint = (catalog: typeof CATALOG, ...query: [string[], string, string[]]) =>
  chooseEndpoint(catalogRegistrations(catalog, 'p'), ...query)?.endpoint.url;

describe('the catalog', () => {
  it('returns the endpoint of the first known type, in the requested region and interface', () => {
    expect(findEndpoint(CATALOG, CINDER, 'north', ['public'])).toBe('http://outer/v3/');
    expect(findEndpoint(CATALOG, CINDER, 'north', ['internal'])).toBe('http://inner/v3/');
  });

  it('returns another interface instead of treating an existing service as absent', () => {
    expect(findEndpoint(CATALOG, CINDER, 'north', ['admin'])).toBe('http://outer/v3/');
    expect(findEndpoint(CATALOG, CINDER, 'south', ['public'])).toBe('http://south/v3');
  });

  it('returns nothing for a service without an endpoint in the region', () => {
    expect(findEndpoint(CATALOG, ['network'], 'north', ['public'])).toBeUndefined();
    expect(findEndpoint(CATALOG, CINDER, 'east', ['public'])).toBeUndefined();
  });
});

describe('the API of a service', () => {
  let cloud: ScriptedCloud;
  beforeEach(async () => {
    cloud = await startScriptedCloud();
  });
  afterEach(() => cloud.close());

  const NOVA = {
    name: ServiceName.parse('nova'),
    catalogTypes: ['compute'],
    microversion: { header: 'compute', floor: '2.75', ceiling: '2.95' },
    concurrency: 4,
  };
  const CINDER_V3 = {
    ...NOVA,
    name: ServiceName.parse('cinder'),
    catalogTypes: ['volumev3'],
    microversion: { header: 'volume', floor: '3.59', ceiling: '3.71' },
  };
  const sentMicroversion = async (service: typeof NOVA, document: unknown, status = 200) => {
    cloud.script = (request, response) =>
      /\/v[\d.]+\/$/.test(request.path)
        ? sendJson(response, status, document)
        : sendJson(response, 200, {});
    const api = await cloud.connect().api(service, 'RegionOne');
    await api?.request('GET', '/resources');
    const header = cloud.requests.at(-1)?.headers['openstack-api-version'];
    // A service file reads the microversion from the API, because some resource types need a later
    // one than the minimum.
    expect(header).toBe(`${service.microversion.header} ${api?.microversion}`);
    return header;
  };
  const nova = (version: string, min_version = '2.1') => ({
    version: { id: 'v2.1', status: 'CURRENT', version, min_version },
  });

  it('is called with the highest microversion that both sides support', async () => {
    expect(await sentMicroversion(NOVA, nova('2.93'))).toBe('compute 2.93');
    expect(await sentMicroversion(NOVA, nova('2.100'))).toBe('compute 2.95');
    expect(await sentMicroversion(NOVA, nova('2.75'))).toBe('compute 2.75');
  });

  it('lists the versions of Cinder at the URL above the project', async () => {
    const versions = [
      { id: 'v2.0', status: 'DEPRECATED', version: '', min_version: '' },
      { id: 'v3.0', status: 'CURRENT', version: '3.70', min_version: '3.0' },
    ];
    expect(await sentMicroversion(CINDER_V3, { versions }, 300)).toBe('volume 3.70');
    expect(cloud.requests.map((request) => request.path)).toEqual([
      '/identity/v3/auth/tokens',
      '/volume/v3/',
      `/volume/v3/${OWN_PROJECT}/resources`,
    ]);
  });

  it('is called below the discovered version if the URL in the catalog has no version', async () => {
    const links = [{ rel: 'self', href: 'http://inner.example.org/v2.1/' }];
    const unversioned = { ...NOVA, catalogTypes: ['network'] };
    cloud.script = (request, response) =>
      request.path === '/network/'
        ? sendJson(response, 200, {
            versions: [{ id: 'v2.1-id', version: '2.93', min_version: '2.1', links }],
          })
        : sendJson(response, 200, {});
    const api = await cloud.connect().api(unversioned, 'RegionOne');
    await api?.request('GET', '/servers');
    expect(cloud.requests.at(-1)?.path).toBe('/network/v2.1/servers');
  });

  it.each(['2.74', '2.9'])(
    'is Unsupported if it is older than the minimum (%s), and the error has both versions',
    async (version) => {
      const report = await failureOf(sentMicroversion(NOVA, nova(version)));
      expect(report).toMatchObject({
        code: 'nova.microversion',
        class: 'Unsupported',
        service: 'nova',
        region: 'RegionOne',
      });
      expect(report.message).toContain(`2.1 to ${version}`);
      expect(report.message).toContain('2.75 to 2.95');
    },
  );

  it('is Unsupported if it has only microversions above the maximum, or none', async () => {
    expect(await failureOf(sentMicroversion(NOVA, nova('2.200', '2.96')))).toMatchObject({
      class: 'Unsupported',
    });
    expect(await failureOf(sentMicroversion(NOVA, nova('', '')))).toMatchObject({
      class: 'Unsupported',
    });
  });

  it('is read again after an error of its version document, and does not count as too old', async () => {
    cloud.script = (_request, response) => sendJson(response, 503, {});
    const connected = cloud.connect();
    expect(await failureOf(connected.api(NOVA, 'RegionOne'))).toMatchObject({ class: 'Transient' });
    cloud.script = (_request, response) => sendJson(response, 200, { hello: 'world' });
    expect(await failureOf(connected.api(NOVA, 'RegionOne'))).toMatchObject({
      class: 'Unexpected',
    });
    cloud.script = (_request, response) => sendJson(response, 200, nova('2.93'));
    expect(await connected.api(NOVA, 'RegionOne')).toMatchObject({
      endpoint: `${cloud.origin}/compute/v2.1`,
      ownProject: OWN_PROJECT,
    });
  });

  it('lists its versions once, and not before every call', async () => {
    cloud.script = (_request, response) => sendJson(response, 200, nova('2.93'));
    const connected = cloud.connect();
    for (let count = 0; count < 5; count += 1) await connected.api(NOVA, 'RegionOne');
    expect(cloud.requests.filter((request) => request.path === '/compute/v2.1/')).toHaveLength(1);
  });

  it('has the services of the catalog, and no API of a service that the catalog lacks', async () => {
    const connected = cloud.connect();
    const { registrations, listingError } = await connected.registry();
    expect(registrations).toContainEqual(
      expect.objectContaining({ type: 'network', name: 'neutron', region: 'RegionOne' }),
    );
    expect(registrations.map(({ type }) => type)).not.toContain('dns');
    // The scripted cloud answers 500 to every call, so that no service is known to be absent.
    expect(listingError).toMatchObject({ code: 'keystone.http.500' });
    expect(await connected.api({ ...NETWORK, catalogTypes: ['dns'] }, 'RegionOne')).toBeUndefined();
    expect(await connected.ownProject()).toEqual({
      id: OWN_PROJECT,
      name: 'cleaner',
      domainId: 'default',
    });
  });

  it('rejects an unknown region, whose services would be treated as absent', async () => {
    const connected = connectCloud({ ...cloud.credentials, regions: ['RegionTwo'] });
    const report = await failureOf(connected.registry());
    expect(report).toMatchObject({ code: 'openstack.region', class: 'Denied' });
    expect(report.message).toContain('no region RegionTwo, only RegionOne');
    await connected.close();
  });
});

it('compares microversions as pairs of numbers: 2.9 is older than 2.75', () => {
  expect(['2.100', '2.9', '2.75', '3.0'].sort(compareVersions)).toEqual([
    '2.9',
    '2.75',
    '2.100',
    '3.0',
  ]);
});
