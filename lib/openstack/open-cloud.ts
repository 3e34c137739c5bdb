import { setTimeout as delay } from 'node:timers/promises';
import type { Registry } from '../operation/registry.ts';
import { type ErrorReport, PropagatorError } from '../shared/errors.ts';
import type { ServiceApi } from '../task/service.ts';
import type { Token } from './authenticate.ts';
import { checkRegions } from './catalog.ts';
import type { Cloud } from './cloud.ts';
import type { Credentials } from './credentials.ts';
import { createDomainAdmin } from './domain-admin.ts';
import { createKeystone } from './keystone.ts';
import { type ReadLists, readLists } from './keystone-lists.ts';
import { AdaptiveLimiter } from './limiter.ts';
import { createProjectAdmin } from './project-admin.ts';
import { assembleRegistry } from './registry.ts';
import { type Call, createRest } from './rest.ts';
import { createServiceApis } from './service-apis.ts';
import type { Session } from './session.ts';
import { createSessions, type Sessions } from './sessions.ts';
import { tokenValidation } from './token-validation.ts';
import { createTransport, type HttpClientFactory, type Timeouts } from './transport.ts';

export type { Call } from './rest.ts';

export interface ConnectOptions {
  /** Epoch milliseconds. */
  readonly clock?: () => number;
  /** Waits for a short `Retry-After`. The default is a timer. */
  readonly sleep?: (seconds: number) => Promise<void>;
  /** The maximum of concurrent calls by service name. Overrides the values of service files. */
  readonly concurrency?: Readonly<Record<string, number>>;
  readonly userAgent?: string;
  /** Called after every call, for metrics; must not throw. */
  readonly onCall?: (call: Call) => void;
  readonly timeouts?: Partial<Timeouts>;
}

/** Before an endpoint counts as hidden, a catalog that is older than this time is read again. */
const MAX_CATALOG_AGE_MILLIS = 5_000;

/**
 * Returns a cloud that is called over REST with the given HTTP client. The first call logs in. The
 * calls throw `PropagatorError`.
 */
export function openCloud(
  createHttpClient: HttpClientFactory,
  credentials: Credentials,
  options: ConnectOptions = {},
): Cloud {
  const now = options.clock ?? Date.now;
  const userAgent = options.userAgent ?? 'keystone-propagator';
  const timeouts = { connect: 10, answer: 60, whole: 300, ...options.timeouts };
  const client = createHttpClient(credentials.tls, timeouts, credentials.proxies);
  const transport = createTransport(client, timeouts);
  const sleep = options.sleep ?? ((seconds: number) => delay(seconds * 1000));
  const limiters = new Map<string, AdaptiveLimiter>();
  const limiterOf = (service: string, region: string, concurrency: number): AdaptiveLimiter => {
    const key = `${service}/${region}`;
    const ceiling = options.concurrency?.[service] ?? concurrency;
    const limiter = limiters.get(key) ?? new AdaptiveLimiter({ ceiling });
    limiters.set(key, limiter);
    return limiter;
  };
  const shared = { transport, userAgent, now, sleep, onCall: options.onCall };
  const openServiceApi = createServiceApis({
    credentials,
    now,
    rest: (target, concurrency) =>
      createRest({
        ...target,
        ...shared,
        limiter: limiterOf(target.service, target.region, concurrency),
      }),
  });
  const identityApi = (session: Session, purpose = ''): ServiceApi =>
    createRest({
      ...shared,
      session,
      service: 'keystone',
      region: '',
      endpoint: credentials.authUrl,
      ownProject: '',
      apiVersion: undefined,
      limiter: limiterOf('keystone', purpose, 8),
    });
  const sessions = createSessions(credentials, { transport, now, userAgent }, identityApi);
  const session = sessions.own;
  const identity = identityApi(session);
  const registryOf = ({ catalog, project }: Token, lists: ReadLists): Registry =>
    assembleRegistry(catalog, project.id, lists, credentials);
  return {
    keystone: createKeystone(identity),
    keystoneActions: createProjectAdmin(
      identity,
      session,
      (id) => sessions.scoped({ kind: 'project', id }),
      credentials.scope === undefined,
    ),
    domainActions: createDomainAdmin(identity, identityApi(sessions.scoped({ kind: 'system' }))),
    // This API has its own limit, so that long lists of Keystone do not delay the propagator's API.
    validateToken: tokenValidation(identityApi(session, 'tokens')),
    ownProject: async () => (await session.token()).project,
    ownUser: async () => (await session.token()).user,
    async registry() {
      const [token, lists] = await Promise.all([session.token(), readLists(identity)]);
      const firstRegistry = registryOf(token, lists);
      const hasHidden = firstRegistry.registrations.some(({ hidden }) => hidden !== undefined);
      // The catalog is as old as the token. Endpoints that were registered later appear hidden.
      const registry =
        hasHidden || firstRegistry.unlisted !== undefined
          ? registryOf(await session.fresh(MAX_CATALOG_AGE_MILLIS), lists)
          : firstRegistry;
      checkRegions(registry.registrations, credentials);
      return registry;
    },
    access: async ({ name, scope }) =>
      scope === 'system' ? missingSystemRole(name, sessions) : undefined,
    async api(service, region, projectApi, role) {
      const own = await session.token();
      if (!projectApi) {
        const isSystem = service.scope === 'system';
        return openServiceApi(service, region, {
          session: isSystem ? sessions.scoped({ kind: 'system' }) : session,
          token: own,
          scope: service.scope ?? 'project',
        });
      }
      const onProject = role
        ? sessions.member(projectApi)
        : sessions.scoped({ kind: 'project', id: projectApi });
      // The project comes from the token and not from `projectApi`, because the token's project
      // owns the rows that Barbican lists.
      return openServiceApi(service, region, {
        session: onProject,
        token: await onProject.token(),
        scope: `on ${projectApi} ${role ?? ''}`,
      });
    },
    close: () => transport.close(),
  };
}

/** Returns the reason why Keystone issues no token with system scope, or `undefined`. */
async function missingSystemRole(
  service: string,
  sessions: Sessions,
): Promise<ErrorReport | undefined> {
  try {
    await sessions.scoped({ kind: 'system' }).token();
    return undefined;
  } catch (error) {
    if (!(error instanceof PropagatorError) || error.class !== 'Denied') throw error;
    const { user } = await sessions.own.token();
    const grant = `openstack role add --system all --user ${user.id} admin`;
    const isBound = error.report.code.endsWith('.bound');
    return {
      ...error.report,
      message:
        `${service}: ${error.message}; every task of ${service} is dead-lettered until this ` +
        'is fixed',
      advice: isBound ? `${error.report.advice} Then: ${grant}` : `Grant the role: ${grant}`,
    };
  }
}
