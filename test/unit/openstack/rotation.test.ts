import { rotatingCredentials } from '../../../lib/engine/aws/lambda/secret.ts';
import { connectCloud } from '../../../lib/openstack/connect.ts';
import {
  failureOf,
  NETWORK,
  PASSWORD,
  type ScriptedCloud,
  sendJson,
  startScriptedCloud,
} from './scripted-cloud.ts';

let cloud: ScriptedCloud;
/** The stored secret: its password and the number of its version. */
let stored: { password: string; version: number } | undefined;
let reads: number;
/** The password that Keystone accepts. */
let accepted: string;
let time: number;

const user = (password: string) => ({
  OS_AUTH_URL: cloud.credentials.authUrl,
  OS_USERNAME: 'cleaner',
  OS_PASSWORD: password,
  OS_USER_DOMAIN_NAME: 'Default',
  OS_PROJECT_NAME: 'cleaner',
  OS_PROJECT_DOMAIN_NAME: 'Default',
});
const secrets = async () => {
  reads += 1;
  if (!stored) throw new Error('throttled');
  return {
    SecretString: JSON.stringify(user(stored.password)),
    VersionId: String(stored.version),
  };
};
const warnings: string[] = [];
const connect = async () =>
  connectCloud(
    await rotatingCredentials({
      aws: { secrets } as never,
      secretId: 'cloud',
      now: () => time,
      onWarning: (message) => warnings.push(message),
    }),
    { clock: () => time },
  );

beforeEach(async () => {
  cloud = await startScriptedCloud();
  cloud.script = (_request, response) => sendJson(response, 200, { ports: [] });
  cloud.answerLogin = (request, response) =>
    request.body.includes(`"password":"${accepted}"`)
      ? cloud.answerWithToken(response)
      : sendJson(response, 401, { error: { code: 401, message: 'wrong password' } });
  stored = { password: PASSWORD, version: 1 };
  accepted = PASSWORD;
  reads = 0;
  warnings.length = 0;
  time = Date.parse('2031-01-01T00:00:00Z');
});
afterEach(() => cloud.close());

describe('a password that is stored in a secret', () => {
  it('is read again when Keystone refuses it, and the call succeeds with the new password', async () => {
    const connected = await connect();
    const api = await connected.api(NETWORK, 'RegionOne');
    await api?.request('GET', '/v2.0/ports');
    accepted = 'the-new-password';
    stored = { password: accepted, version: 2 };
    // Keystone revokes the tokens of the earlier password.
    cloud.validTokens.clear();
    time += 60_000;
    expect((await api?.request('GET', '/v2.0/ports'))?.status).toBe(200);
    expect(reads).toBe(2);
    await connected.close();
  });

  it('is read again before a login once five minutes have passed, not before', async () => {
    const connected = await connect();
    await connected.ownProject();
    expect(reads).toBe(1);
    stored = { password: 'another-user', version: 2 };
    accepted = 'another-user';
    // The end of the first token.
    time += 59.5 * 60_000;
    await connected.ownProject();
    expect(reads).toBe(2);
    await connected.close();
  });

  it('causes few reads and logins if Keystone refuses it permanently', async () => {
    const connected = await connect();
    accepted = 'unknown';
    for (let n = 0; n < 5; n += 1) {
      expect(await failureOf(connected.ownProject())).toMatchObject({
        code: 'keystone.login.denied',
        class: 'Denied',
      });
      time += 1000;
    }
    expect(reads).toBe(1);
    await connected.close();
  });

  it('stays in use while the secret cannot be read', async () => {
    const connected = await connect();
    stored = undefined;
    time += 10 * 60_000;
    await connected.ownProject();
    expect(warnings).toEqual([
      'the secret with the login could not be read again; the earlier login stays in use',
    ]);
    await connected.close();
  });
});
