import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { defaultCredentials } from '../../../../lib/engine/aws/default-credentials.ts';

const EXPIRES = '2099-01-01T00:00:00Z';
const KEYS = { accessKeyId: 'AKFOUND', secretAccessKey: 'secret', sessionToken: 'token' };

let home: string;
let server: Server;
let endpoint: string;
let asked: string[];
const saved = { ...process.env };

/** The answers of each source: STS in XML, the SSO portal, a container agent, instance metadata. */
function answer(request: IncomingMessage, body: string): string {
  const url = request.url ?? '';
  const json = {
    AccessKeyId: KEYS.accessKeyId,
    SecretAccessKey: KEYS.secretAccessKey,
    Token: KEYS.sessionToken,
    Expiration: EXPIRES,
    Code: 'Success',
  };
  const action = new URLSearchParams(body).get('Action');
  asked.push(action ?? `${request.method} ${url.replace(/\?.*/, '')}`);
  if (action)
    return `<${action}Response><${action}Result><Credentials>
      <AccessKeyId>${KEYS.accessKeyId}</AccessKeyId>
      <SecretAccessKey>${KEYS.secretAccessKey}</SecretAccessKey>
      <SessionToken>${KEYS.sessionToken}</SessionToken>
      <Expiration>${EXPIRES}</Expiration></Credentials></${action}Result></${action}Response>`;
  if (url.startsWith('/federation/credentials'))
    return JSON.stringify({ roleCredentials: { ...KEYS, expiration: Date.parse(EXPIRES) } });
  if (url.startsWith('/latest/api/token')) return 'imds-token';
  if (url.endsWith('/security-credentials/')) return 'the-role';
  return JSON.stringify(json);
}

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'aws-home-'));
  mkdirSync(join(home, '.aws', 'sso', 'cache'), { recursive: true });
  asked = [];
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (part) => {
      body += part;
    });
    request.on('end', () => response.end(answer(request, body)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const name of Object.keys(process.env))
    if (name.startsWith('AWS_')) delete process.env[name];
  Object.assign(process.env, {
    HOME: home,
    AWS_REGION: 'eu-central-1',
    AWS_CONFIG_FILE: join(home, '.aws', 'config'),
    AWS_SHARED_CREDENTIALS_FILE: join(home, '.aws', 'credentials'),
    AWS_ENDPOINT_URL_STS: endpoint,
    AWS_ENDPOINT_URL_SSO: endpoint,
    AWS_EC2_METADATA_DISABLED: 'true',
  });
});
afterEach(() => {
  for (const name of Object.keys(process.env)) if (!(name in saved)) delete process.env[name];
  Object.assign(process.env, saved);
  server.closeAllConnections();
  server.close();
  rmSync(home, { recursive: true });
});

const config = (text: string) => writeFileSync(join(home, '.aws', 'config'), text);
const file = (name: string, text: string): string => {
  writeFileSync(join(home, name), text);
  return join(home, name);
};

const SOURCES: Record<string, () => void> = {
  'the environment': () =>
    Object.assign(process.env, {
      AWS_ACCESS_KEY_ID: KEYS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
      AWS_SESSION_TOKEN: KEYS.sessionToken,
    }),
  'the shared file, by profile': () => {
    process.env.AWS_PROFILE = 'relay';
    writeFileSync(
      join(home, '.aws', 'credentials'),
      `[default]\naws_access_key_id = OTHER\naws_secret_access_key = other\n
[relay]\naws_access_key_id=AKFOUND\naws_secret_access_key=secret\naws_session_token=token\n`,
    );
  },
  credential_process: () => {
    const text = JSON.stringify({
      Version: 1,
      AccessKeyId: KEYS.accessKeyId,
      SecretAccessKey: KEYS.secretAccessKey,
      SessionToken: KEYS.sessionToken,
      Expiration: EXPIRES,
    });
    config(`[default]\ncredential_process = cat ${file('process.json', text)}\n`);
  },
  'an assumed role': () =>
    config(
      `[default]\nrole_arn = arn:aws:iam::123456789012:role/relay\nsource_profile = base\n
[profile base]\naws_access_key_id = BASE\naws_secret_access_key = base\n`,
    ),
  'the SSO cache': () => {
    config(
      `[default]\nsso_session = here\nsso_account_id = 123456789012\nsso_role_name = relay\n
[sso-session here]\nsso_region = eu-central-1\nsso_start_url = https://sso.example/start\n`,
    );
    const name = createHash('sha1').update('here').digest('hex');
    const token = { accessToken: 'sso-token', expiresAt: EXPIRES };
    file(join('.aws', 'sso', 'cache', `${name}.json`), JSON.stringify(token));
  },
  'web identity (IRSA)': () =>
    Object.assign(process.env, {
      AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/relay',
      AWS_WEB_IDENTITY_TOKEN_FILE: file('web-identity', 'jwt'),
    }),
  'container credentials (ECS, EKS Pod Identity)': () =>
    Object.assign(process.env, {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${endpoint}/v1/credentials`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file('pod-identity', 'jwt'),
    }),
  'instance metadata': () =>
    Object.assign(process.env, {
      AWS_EC2_METADATA_DISABLED: 'false',
      AWS_EC2_METADATA_SERVICE_ENDPOINT: endpoint,
    }),
};

/** The calls of each source. The other sources only read files and variables. */
const CALLS: Readonly<Record<string, readonly string[]>> = {
  'an assumed role': ['AssumeRole'],
  'the SSO cache': ['GET /federation/credentials'],
  'web identity (IRSA)': ['AssumeRoleWithWebIdentity'],
  'container credentials (ECS, EKS Pod Identity)': ['GET /v1/credentials'],
  'instance metadata': [
    'PUT /latest/api/token',
    'GET /latest/meta-data/iam/security-credentials/',
    'GET /latest/meta-data/iam/security-credentials/the-role',
  ],
};

it.each(Object.keys(SOURCES))('finds the credentials in %s', async (source) => {
  SOURCES[source]?.();
  expect(await defaultCredentials()()).toMatchObject(KEYS);
  expect(asked).toEqual(CALLS[source] ?? []);
});

it('names the settings if no source has credentials', async () => {
  await expect(defaultCredentials()()).rejects.toMatchObject({
    report: { code: 'engine.credentials', advice: expect.stringContaining('AWS_PROFILE') },
  });
});
