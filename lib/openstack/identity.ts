import { setTimeout as delay } from 'node:timers/promises';
import type { ServiceApi } from '../task/service.ts';
import type { Credentials } from './credentials.ts';
import { AdaptiveLimiter } from './limiter.ts';
import { createRest } from './rest.ts';
import { createSession } from './session.ts';
import { createTransport } from './transport.ts';
import { createUndiciClient } from './undici-client.ts';

/** Keystone's API v3 with the login of a command. */
export interface IdentityApi {
  readonly api: ServiceApi;
  /** The regions of the settings; empty: none is named. */
  readonly regions: readonly string[];
  close(): Promise<void>;
}

const TIMEOUTS = { connect: 10, answer: 60, whole: 120 };
const USER_AGENT = 'keystone-propagator';

/**
 * Connects to Keystone at the login URL, with a token on a project or on the system. It sends
 * nothing until the first call. The calls throw `PropagatorError`.
 */
export function connectIdentity(credentials: Credentials): IdentityApi {
  const client = createUndiciClient(credentials.tls, TIMEOUTS, credentials.proxies);
  const transport = createTransport(client, TIMEOUTS);
  const isSystem = credentials.scope !== undefined && 'system' in credentials.scope;
  const session = createSession(
    credentials,
    transport,
    Date.now,
    USER_AGENT,
    isSystem ? { kind: 'system' } : undefined,
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
