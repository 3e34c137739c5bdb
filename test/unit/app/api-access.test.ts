import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiAuthentication, apiListenOptions } from '../../../lib/app/api-access.ts';
import { listen } from '../../../lib/app/listen.ts';
import { createLogger } from '../../../lib/shared/log.ts';
import { readSettings } from '../../../lib/shared/settings.ts';
import { makeCertificates } from '../../certificates.ts';

const log = createLogger('silent');
const listenerFor = (environment: Record<string, string>) =>
  apiListenOptions(readSettings(environment), log);
const KEYSTONE = { PROPAGATOR_API_AUTH: 'keystone' };

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'api-access-'));
  makeCertificates(folder, 'IP:127.0.0.1');
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('the address of the API', () => {
  it('is loopback by default', () => {
    expect(listenerFor({})).toEqual({ address: '127.0.0.1', tls: undefined });
  });

  it.each(['0.0.0.0', '::', '192.0.2.1'])(
    '%s is refused without Keystone authentication',
    (PROPAGATOR_API_ADDRESS) => {
      expect(() => listenerFor({ PROPAGATOR_API_ADDRESS })).toThrow(
        `PROPAGATOR_API_ADDRESS: the API listens on ${PROPAGATOR_API_ADDRESS} only with PROPAGATOR_API_AUTH=keystone`,
      );
      expect(listenerFor({ ...KEYSTONE, PROPAGATOR_API_ADDRESS }).address).toBe(
        PROPAGATOR_API_ADDRESS,
      );
    },
  );

  it('serves TLS with the certificate of the settings', async () => {
    const listener = listenerFor({
      PROPAGATOR_API_CERT_FILE: join(folder, 'server.pem'),
      PROPAGATOR_API_KEY_FILE: join(folder, 'server.key'),
    });
    const server = await listen(0, listener);
    server.serve({ fetch: () => new Response('over TLS') });
    const ca = readFileSync(join(folder, 'ca.pem'));
    const text = await new Promise<string>((resolve, reject) => {
      get({ host: '127.0.0.1', port: server.port, ca, agent: false }, (response) => {
        response.setEncoding('utf8').on('data', resolve).on('error', reject);
      }).on('error', reject);
    });
    await server.close();
    expect(text).toBe('over TLS');
  });

  it('needs a certificate and its key', () => {
    writeFileSync(join(folder, 'empty.pem'), '');
    const [cert, key] = [join(folder, 'server.pem'), join(folder, 'server.key')];
    const wrong = (PROPAGATOR_API_CERT_FILE: string, PROPAGATOR_API_KEY_FILE: string) => () =>
      listenerFor({ PROPAGATOR_API_CERT_FILE, PROPAGATOR_API_KEY_FILE });
    expect(wrong(cert, '')).toThrow('PROPAGATOR_API_KEY_FILE: set it together with');
    expect(wrong('', key)).toThrow('PROPAGATOR_API_CERT_FILE: set it together with');
    expect(wrong(cert, '/no/such.key')).toThrow('there is no readable file /no/such.key');
    expect(wrong(join(folder, 'empty.pem'), key)).toThrow('are not a PEM certificate and its key');
    expect(wrong(cert, join(folder, 'client.key'))).toThrow('are not a PEM certificate');
  });
});

describe('the authentication of the API', () => {
  const cloud = { validateToken: async () => undefined };
  const authenticationFor = (environment: Record<string, string>) =>
    apiAuthentication(readSettings(environment), 'https://keystone.example/v3', cloud);

  it('is a local token by default', () => {
    const token = 'x'.repeat(32);
    expect(authenticationFor({ PROPAGATOR_API_TOKENS: `ann=${token}` })).toEqual({
      by: 'tokens',
      tokens: [{ name: 'ann', token }],
    });
  });

  it('accepts only system scope by default with tokens of Keystone', () => {
    expect(authenticationFor(KEYSTONE)).toEqual({
      by: 'keystone',
      authUrl: 'https://keystone.example/v3',
      validate: cloud.validateToken,
      policy: {
        roles: {
          reader: ['reader'],
          operator: ['propagator-operator'],
          admin: ['admin', 'propagator-admin'],
        },
        scopes: ['system'],
      },
      callsPerMinute: 600,
    });
  });

  it('reads the names of roles and the scopes from the settings', () => {
    expect(
      authenticationFor({
        ...KEYSTONE,
        PROPAGATOR_API_ADMIN_ROLES: 'cloud-admin',
        PROPAGATOR_API_SCOPES: 'system, project:p1,domain:default',
      }),
    ).toMatchObject({
      policy: {
        roles: { admin: ['cloud-admin'] },
        scopes: ['system', 'project:p1', 'domain:default'],
      },
    });
  });
});
