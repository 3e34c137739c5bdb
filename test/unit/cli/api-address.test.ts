import * as z from 'zod';
import { apiAddressOf, apiInCatalog } from '../../../lib/cli/api-address.ts';
import { ApiClient } from '../../../lib/cli/client.ts';
import type { KeystoneLogin } from '../../../lib/cli/keystone-login.ts';
import type { CatalogService } from '../../../lib/openstack/catalog.ts';
import { readCredentials } from '../../../lib/openstack/credentials.ts';

const API_URL = 'https://propagator.example.org';
const endpoint = (region: string, url = API_URL, name = 'public') => ({
  id: `${region}-${name}`,
  interface: name,
  region_id: region,
  region,
  url,
});
const service = (endpoints: ReturnType<typeof endpoint>[], id = 's1'): CatalogService => ({
  id,
  type: 'account-propagation',
  name: 'keystone-propagator',
  endpoints,
});
const credentialsWith = (moreVariables: Record<string, string> = {}) =>
  readCredentials({
    env: {
      OS_AUTH_URL: 'https://k.example',
      OS_USERNAME: 'ann',
      OS_PASSWORD: 'p',
      OS_USER_DOMAIN_ID: 'default',
      OS_PROJECT_ID: 'p1',
      ...moreVariables,
    },
    readFile: () => undefined,
    home: '/nowhere',
    cwd: '/nowhere',
  });

/** A command with this setting, its logins, and its requests. */
function commandWith(setting: string | undefined, catalog = [service([endpoint('one')])]) {
  const sent: string[] = [];
  let logins = 0;
  const logIn = async (): Promise<KeystoneLogin> => {
    logins += 1;
    return { value: `token-${logins}`, catalog, credentials: credentialsWith() };
  };
  const validTokens = new Set(['token-1']);
  const send = async (url: string, init: RequestInit): Promise<Response> => {
    const token = new Headers(init.headers).get('x-auth-token') ?? 'bare';
    sent.push(`${init.method ?? 'GET'} ${url} ${token}`);
    if (validTokens.has(token)) return Response.json({});
    const headers = { 'www-authenticate': 'Keystone uri="https://k.example/v3"' };
    return Response.json({}, { status: 401, headers });
  };
  const { baseUrl, send: call } = apiAddressOf({ PROPAGATOR_API_URL: setting }, logIn, send);
  const client = new ApiClient(baseUrl, call);
  return { client, sent, validTokens, logins: () => logins };
}
const fetchStatus = (client: ApiClient) => client.get('/v1/status', z.object({}));

describe('a command with PROPAGATOR_API_URL=catalog', () => {
  it('logs in once, finds the API, and sends the token only when the API requires one', async () => {
    const { client, sent, logins } = commandWith('catalog');
    expect(sent).toEqual([]);
    for (let n = 0; n < 2; n += 1) await fetchStatus(client);
    expect(logins()).toBe(1);
    expect(sent).toEqual([
      `GET ${API_URL}/v1/status bare`,
      `GET ${API_URL}/v1/status token-1`,
      `GET ${API_URL}/v1/status token-1`,
    ]);
  });

  it('logs in again when the token has expired', async () => {
    const { client, sent, validTokens, logins } = commandWith('catalog');
    await fetchStatus(client);
    validTokens.clear();
    validTokens.add('token-2');
    await fetchStatus(client);
    expect(logins()).toBe(2);
    expect(sent.at(-1)).toBe(`GET ${API_URL}/v1/status token-2`);
  });

  it('sends no token over plain HTTP to another machine', async () => {
    const plainHttpUrl = 'http://propagator.example.org';
    const { client, sent } = commandWith('catalog', [service([endpoint('one', plainHttpUrl)])]);
    await expect(fetchStatus(client)).rejects.toThrow('unencrypted; nothing was sent');
    expect(sent).toEqual([`GET ${plainHttpUrl}/v1/status bare`]);
  });

  it('names the command that registers an API when the catalog has none', async () => {
    const { client, sent } = commandWith('catalog', []);
    await expect(fetchStatus(client)).rejects.toMatchObject({
      report: {
        message: "Keystone's catalog has no service of type account-propagation",
        advice: expect.stringContaining('propagator register --url URL'),
      },
    });
    expect(sent).toEqual([]);
  });
});

it.each([
  [undefined, 'http://127.0.0.1:8787'],
  ['https://other.example/', 'https://other.example'],
])(
  'a command with PROPAGATOR_API_URL=%s never looks into the catalog',
  async (setting, baseUrl) => {
    const { client, sent, logins } = commandWith(setting);
    await fetchStatus(client);
    expect(sent[0]).toBe(`GET ${baseUrl}/v1/status bare`);
    expect(logins()).toBe(1);
    expect(sent.every((one) => one.includes(` ${baseUrl}/`))).toBe(true);
  },
);

describe('the URL in the catalog', () => {
  const otherUrl = 'https://two.example.org';
  it('is that of the region and the interface of the login', () => {
    const catalog = [
      service([
        endpoint('one'),
        endpoint('two', otherUrl),
        endpoint('two', `${otherUrl}/int`, 'internal'),
      ]),
    ];
    expect(apiInCatalog(catalog, credentialsWith({ OS_REGION_NAME: 'two' }))).toBe(otherUrl);
    const internal = { OS_REGION_NAME: 'two', OS_INTERFACE: 'internal' };
    expect(apiInCatalog(catalog, credentialsWith(internal))).toBe(`${otherUrl}/int`);
    expect(() => apiInCatalog(catalog, credentialsWith())).toThrow('several regions: one, two');
    expect(() => apiInCatalog(catalog, credentialsWith({ OS_REGION_NAME: 'three' }))).toThrow(
      'no service of type account-propagation in three',
    );
  });

  it('may be the same in several regions', () => {
    const catalog = [service([endpoint('one'), endpoint('two')])];
    expect(apiInCatalog(catalog, credentialsWith())).toBe(API_URL);
  });

  it('is refused when two services have the type', () => {
    const catalog = [service([endpoint('one')]), service([endpoint('one')], 's2')];
    expect(() => apiInCatalog(catalog, credentialsWith())).toThrow('2 services of type');
  });
});
