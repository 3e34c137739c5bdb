import { setTimeout as delay } from 'node:timers/promises';
import type { ProjectId } from '../../events/ids.ts';
import type { Registry } from '../operation/registry.ts';
import { type ErrorReport, PropagatorError } from '../shared/errors.ts';
import type { ServiceApi } from '../task/service.ts';
import type { Token } from './authenticate.ts';
import { checkRegions } from './catalog.ts';
import type { Cloud, ServiceAddress } from './cloud.ts';
import type { Credentials } from './credentials.ts';
import { createDomainAdmin } from './domain-admin.ts';
import { createKeystone } from './keystone.ts';
import { AdaptiveLimiter } from './limiter.ts';
import { createProjectAdmin } from './project-admin.ts';
import { readRegistrationLists } from './registration-lists.ts';
import { assembleRegistry } from './registry.ts';
import { type CallRecord, createRest } from './rest.ts';
import { createServiceApis, type ServiceLogin } from './service-apis.ts';
import type { Session } from './session.ts';
import { createSessions, type Sessions } from './sessions.ts';
import { createTokenValidator } from './token-validation.ts';
import {
  createTransport,
  type HttpClientFactory,
  type Timeouts,
  type Transport,
} from './transport.ts';

export type { CallRecord } from './rest.ts';

export interface ConnectOptions {
  /** Epoch milliseconds. */
  readonly clock?: () => number;
  /** Waits for a short `Retry-After`. The default is a timer. */
  readonly sleep?: (seconds: number) => Promise<void>;
  /** The maximum of concurrent calls by service name. Overrides the values of service files. */
  readonly concurrency?: Readonly<Record<string, number>>;
  readonly userAgent?: string;
  /** Called after every call, for metrics; must not throw. */
  readonly onCall?: (call: CallRecord) => void;
  readonly timeouts?: Partial<Timeouts>;
}

/**
 * If an endpoint is registered but missing in a catalog that is older than this time, the catalog
 * is read again. The endpoint counts as hidden only if the new catalog lacks it too.
 */
const MAX_CATALOG_AGE_MILLIS = 5_000;
const KEYSTONE_CONCURRENCY = 8;

/**
 * Returns a cloud that is called over REST with the given HTTP client. The first call logs in. The
 * calls throw `PropagatorError`.
 */
export function openCloud(
  createHttpClient: HttpClientFactory,
  credentials: Credentials,
  options: ConnectOptions = {},
): Cloud {
  const timeouts = { connectSeconds: 10, answerSeconds: 60, callSeconds: 300, ...options.timeouts };
  const client = createHttpClient(credentials.tls, timeouts, credentials.proxies);
  const transport = createTransport(client, timeouts);
  const limiterOf = createLimiters(options.concurrency);
  const sharedDeps = restDepsOf(transport, options);
  const openServiceApi = createServiceApis({
    credentials,
    now: sharedDeps.now,
    createRestApi: (target, concurrency) =>
      createRest({
        ...target,
        ...sharedDeps,
        limiter: limiterOf(target.service, target.region, concurrency),
      }),
  });
  const identityApi = (session: Session, limiterName = ''): ServiceApi =>
    createRest({
      ...sharedDeps,
      session,
      service: 'keystone',
      region: '',
      endpoint: credentials.authUrl,
      ownProject: '',
      apiVersion: undefined,
      limiter: limiterOf('keystone', limiterName, KEYSTONE_CONCURRENCY),
    });
  const sessions = createSessions(credentials, sharedDeps, identityApi);
  const { ownSession } = sessions;
  // An application credential has no scope: it belongs to one project.
  const isProjectBound = credentials.scope === undefined;
  const identity = identityApi(ownSession);
  return {
    keystone: createKeystone(identity),
    projectAdmin: createProjectAdmin(
      identity,
      ownSession,
      (id) => sessions.scopedSession({ kind: 'project', id }),
      isProjectBound,
    ),
    domainAdmin: createDomainAdmin(
      identity,
      identityApi(sessions.scopedSession({ kind: 'system' })),
    ),
    // The validation of tokens has its own limiter, so that long lists of Keystone do not delay the
    // callers of the propagator's API.
    validateToken: createTokenValidator(identityApi(ownSession, 'tokens')),
    ownProject: async () => (await ownSession.token()).project,
    ownUser: async () => (await ownSession.token()).user,
    registry: () => readRegistry(ownSession, identity, credentials),
    missingAccess: async ({ name, scope }) =>
      scope === 'system' ? missingSystemRoleReport(name, sessions) : undefined,
    async api(service, region, onProject, role) {
      const login = await serviceLogin(sessions, service, onProject, role);
      return openServiceApi(service, region, login);
    },
    close: () => transport.close(),
  };
}

/** Returns the options that all REST APIs of the cloud share. */
const restDepsOf = (transport: Transport, options: ConnectOptions) => ({
  transport,
  userAgent: options.userAgent ?? 'keystone-propagator',
  now: options.clock ?? Date.now,
  sleep: options.sleep ?? ((seconds: number) => delay(seconds * 1000)),
  onCall: options.onCall,
});

/**
 * Returns a function that returns the limiter of a service and region. Later calls return the same
 * limiter. Its ceiling is the value in `configuredConcurrency`; if there is none, the argument
 * `ceiling`.
 */
function createLimiters(
  configuredConcurrency: Readonly<Record<string, number>> = {},
): (service: string, region: string, ceiling: number) => AdaptiveLimiter {
  const limiters = new Map<string, AdaptiveLimiter>();
  return (service, region, ceiling) => {
    const key = `${service}/${region}`;
    const limiter =
      limiters.get(key) ??
      new AdaptiveLimiter({ ceiling: configuredConcurrency[service] ?? ceiling });
    limiters.set(key, limiter);
    return limiter;
  };
}

async function readRegistry(
  session: Session,
  identity: ServiceApi,
  credentials: Credentials,
): Promise<Registry> {
  const [token, lists] = await Promise.all([session.token(), readRegistrationLists(identity)]);
  const registryOf = ({ catalog, project }: Token): Registry =>
    assembleRegistry(catalog, project.id, lists, credentials);
  const firstRegistry = registryOf(token);
  const hasHiddenRegistrations = firstRegistry.registrations.some(
    ({ hiddenBecause }) => hiddenBecause !== undefined,
  );
  // The catalog is as old as the token. Endpoints that were registered later appear hidden.
  const registry =
    hasHiddenRegistrations || firstRegistry.listingError !== undefined
      ? registryOf(await session.tokenNotOlderThan(MAX_CATALOG_AGE_MILLIS))
      : firstRegistry;
  checkRegions(registry.registrations, credentials);
  return registry;
}

/** Returns the login for the calls of {@link Cloud.api}. */
async function serviceLogin(
  sessions: Sessions,
  { scope = 'project' }: Pick<ServiceAddress, 'scope'>,
  onProject: ProjectId | undefined,
  role: 'member' | undefined,
): Promise<ServiceLogin> {
  const ownToken = await sessions.ownSession.token();
  if (!onProject) {
    const session =
      scope === 'system' ? sessions.scopedSession({ kind: 'system' }) : sessions.ownSession;
    return { session, token: ownToken, sessionKey: scope };
  }
  const session = role
    ? sessions.memberSession(onProject)
    : sessions.scopedSession({ kind: 'project', id: onProject });
  // The project of this token becomes the `ownProject` of the API. Barbican needs this: its rows
  // name no owner, and count as owned by `ownProject`.
  const token = await session.token();
  return { session, token, sessionKey: `on ${onProject} ${role ?? ''}` };
}

/** Returns the reason why Keystone issues no token with system scope, or `undefined`. */
async function missingSystemRoleReport(
  service: string,
  sessions: Sessions,
): Promise<ErrorReport | undefined> {
  try {
    await sessions.scopedSession({ kind: 'system' }).token();
    return undefined;
  } catch (error) {
    if (!(error instanceof PropagatorError) || error.class !== 'Denied') throw error;
    const { user } = await sessions.ownSession.token();
    const grantCommand = `openstack role add --system all --user ${user.id} admin`;
    const isApplicationCredential = error.report.code.endsWith('.bound');
    return {
      ...error.report,
      message:
        `${service}: ${error.message}; every task of ${service} is dead-lettered until this ` +
        'is fixed',
      advice: isApplicationCredential
        ? `${error.report.advice} Then: ${grantCommand}`
        : `Grant the role: ${grantCommand}`,
    };
  }
}
