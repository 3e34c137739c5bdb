import { homedir } from 'node:os';
import { type Credentials, readCredentials } from '../openstack/credentials.ts';
import { connectIdentity, type IdentityApi } from '../openstack/identity.ts';
import { type CatalogService, issueToken } from '../openstack/session.ts';
import { createTransport } from '../openstack/transport.ts';
import { createUndiciClient } from '../openstack/undici-client.ts';
import { PropagatorError } from '../shared/errors.ts';
import { readFileIfThere } from './process.ts';
import { isLoopback, MISSING_TOKEN } from './token.ts';

type Environment = Readonly<Record<string, string | undefined>>;
type Fetch = (url: string, init: RequestInit) => Promise<Response>;

const TIMEOUTS = { connect: 10, answer: 60, whole: 120 };

const credentialsOf = (environment: Environment): Credentials =>
  readCredentials(
    { env: environment, readFile: readFileIfThere, home: homedir(), cwd: process.cwd() },
    'any',
  );

/** Keystone itself, with the same login. */
export const openIdentity = (environment: Environment): IdentityApi =>
  connectIdentity(credentialsOf(environment));

/** One login: the token, and what is needed to find a service in its catalog. */
export interface KeystoneLogin {
  readonly value: string;
  readonly catalog: readonly CatalogService[];
  readonly credentials: Credentials;
}

/** Logs in to Keystone as `openstack` does, in any scope. */
export async function logInToKeystone(environment: Environment): Promise<KeystoneLogin> {
  const credentials = credentialsOf(environment);
  const client = createUndiciClient(credentials.tls, TIMEOUTS, credentials.proxies);
  try {
    const transport = createTransport(client, TIMEOUTS);
    const token = await issueToken(credentials, transport, Date.now, 'keystone-propagator');
    return { ...token, credentials };
  } finally {
    await client.close();
  }
}

/** The token of a new login. */
export const keystoneToken = async (environment: Environment): Promise<string> =>
  (await logInToKeystone(environment)).value;

/**
 * Adds a token of Keystone to the calls of an API that asks for one: an answer 401 with
 * `WWW-Authenticate: Keystone`. The token stays in memory. It is sent over plain HTTP only to this
 * machine. `local` adds the local token; it throws {@link MISSING_TOKEN} for a change without one.
 * `logIn` is called at the first refusal, and once more when a token has expired.
 */
export function withLogin(
  base: string,
  local: Fetch,
  logIn: () => Promise<string>,
  send: Fetch = fetch,
): Fetch {
  let token: string | undefined;
  const withKeystoneToken = (url: string, init: RequestInit, value: string) => {
    const headers = new Headers(init.headers);
    headers.set('x-auth-token', value);
    return send(url, { ...init, headers });
  };
  /**
   * A change without a local token is first sent without a login. The answer shows how the API
   * authenticates callers.
   */
  const first = async (url: string, init: RequestInit): Promise<Response> => {
    try {
      return await local(url, init);
    } catch (thrown) {
      if (!(thrown instanceof PropagatorError) || thrown.report.code !== MISSING_TOKEN)
        throw thrown;
      // The call has no body, so that nothing about the change leaves this machine.
      const answer = await send(url, { method: 'HEAD' });
      if (asksForKeystone(answer)) return answer;
      throw thrown;
    }
  };
  return async (url, init) => {
    if (token !== undefined) {
      const answer = await withKeystoneToken(url, init, token);
      if (!asksForKeystone(answer)) return answer;
    } else {
      const answer = await first(url, init);
      if (!asksForKeystone(answer)) return answer;
    }
    refusePlainHttp(base);
    token = await logIn().catch((thrown: unknown) => {
      throw loginError(base, thrown);
    });
    return withKeystoneToken(url, init, token);
  };
}

const asksForKeystone = ({ status, headers }: Response): boolean =>
  status === 401 && /^Keystone\b/i.test(headers.get('www-authenticate') ?? '');

function refusePlainHttp(base: string): void {
  const { protocol, hostname } = new URL(base);
  if (protocol === 'https:' || isLoopback(hostname)) return;
  throw new PropagatorError({
    code: 'cli.token',
    class: 'Denied',
    message: `a token of Keystone would be sent to ${hostname} unencrypted; nothing was sent`,
    advice: 'Set PROPAGATOR_API_URL to an https:// URL.',
  });
}

function loginError(base: string, thrown: unknown): unknown {
  if (!(thrown instanceof PropagatorError)) return thrown;
  const { report } = thrown;
  return new PropagatorError(
    {
      ...report,
      message: `the API at ${base} needs a token of Keystone; the login failed: ${report.message}`,
      advice:
        `${report.advice} The login is that of \`openstack\`: --os-cloud, OS_CLOUD or the OS_* ` +
        'variables.',
    },
    { cause: thrown },
  );
}
