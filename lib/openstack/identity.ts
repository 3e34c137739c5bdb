import { setTimeout as delay } from 'node:timers/promises';
import type { ServiceApi } from '../task/service.ts';
import { type IssuedToken, issueToken, type LoginDeps } from './authenticate.ts';
import type { Credentials } from './credentials.ts';
import { AdaptiveLimiter } from './limiter.ts';
import { createRest } from './rest.ts';
import { createSession } from './session.ts';
import { createTransport, type Transport } from './transport.ts';
import { createUndiciClient } from './undici-client.ts';

/** Keystone's API v3, with the login of the person who runs a command. */
export interface IdentityApi {
  readonly api: ServiceApi;
  /** The regions that the settings name, if any. */
  readonly regions: readonly string[];
  close(): Promise<void>;
}

const TIMEOUTS = { connectSeconds: 10, answerSeconds: 60, callSeconds: 120 };
const USER_AGENT = 'keystone-propagator';

const openTransport = ({ tls, proxies }: Credentials): Transport =>
  createTransport(createUndiciClient(tls, TIMEOUTS, proxies), TIMEOUTS);
const loginDeps = (transport: Transport): LoginDeps => ({
  transport,
  userAgent: USER_AGENT,
  now: Date.now,
});

/** Logs in once, in any scope. Throws the errors of {@link issueToken}. */
export async function logIn(credentials: Credentials): Promise<IssuedToken> {
  const transport = openTransport(credentials);
  try {
    return await issueToken(credentials, loginDeps(transport));
  } finally {
    await transport.close();
  }
}

/**
 * Returns Keystone's API at the login URL, with a token on a project or on the system. The first
 * call logs in. The calls throw `PropagatorError`.
 */
export function connectIdentity(credentials: Credentials): IdentityApi {
  const transport = openTransport(credentials);
  const hasSystemScope = credentials.scope !== undefined && 'system' in credentials.scope;
  const session = createSession(
    credentials,
    loginDeps(transport),
    hasSystemScope ? { kind: 'system' } : undefined,
  );
  const api = createRest({
    service: 'keystone',
    region: '',
    endpoint: credentials.authUrl,
    ownProject: '',
    apiVersion: undefined,
    session,
    transport,
    limiter: new AdaptiveLimiter({ ceiling: 4 }),
    userAgent: USER_AGENT,
    now: Date.now,
    sleep: (seconds) => delay(seconds * 1000),
    onCall: undefined,
  });
  return { api, regions: credentials.regions, close: () => transport.close() };
}
