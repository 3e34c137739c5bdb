import { setTimeout as delay } from 'node:timers/promises';
import type { ProjectId } from '../../events/ids.ts';
import { chooseEndpoint, type Registry } from '../operation/registry.ts';
import { type ErrorReport, PropagatorError } from '../shared/errors.ts';
import type { ServiceApi } from '../task/service.ts';
import type { Scope, Token } from './authenticate.ts';
import { type CatalogService, checkRegions } from './catalog.ts';
import type { Cloud, ServiceAddress } from './cloud.ts';
import type { Credentials } from './credentials.ts';
import { createDomainAdmin } from './domain-admin.ts';
import { createKeystone } from './keystone.ts';
import { AdaptiveLimiter } from './limiter.ts';
import { createMemberSession } from './member.ts';
import { negotiate } from './microversion.ts';
import { createProjectAdmin } from './project-admin.ts';
import {
  assembleRegistry,
  catalogRegistrations,
  overrideRegistrations,
  type ReadLists,
  readLists,
} from './registry.ts';
import { type ApiVersion, type Call, createRest, type RestOptions } from './rest.ts';
import { createSession, type Session } from './session.ts';
import { tokenValidation } from './token-validation.ts';
import { createTransport, type HttpClientFactory, type Timeouts } from './transport.ts';

export type { Call } from './rest.ts';

export interface ConnectOptions {
  /** Epoch milliseconds. */
  readonly clock?: () => number;
  /** Waits for a short `Retry-After`. Default: a timer. */
  readonly sleep?: (seconds: number) => Promise<void>;
  /** Most concurrent calls by service name. They override the values in the service files. */
  readonly concurrency?: Readonly<Record<string, number>>;
  readonly userAgent?: string;
  /** Called after every call, for metrics; must not throw. */
  readonly onCall?: (call: Call) => void;
  readonly timeouts?: Partial<Timeouts>;
}

/** Cached sessions with a scope other than the propagator's own. */
const MAX_SCOPED_SESSIONS = 16;

/** If the catalog is older than this, it is read again before an endpoint counts as hidden. */
const MAX_CATALOG_AGE_MILLIS = 5_000;

/** Microversions are negotiated again after an hour, because the service may have been upgraded. */
const MICROVERSION_CACHE_MILLIS = 3_600_000;

/**
 * Connects to a cloud over REST with the given HTTP client. Sends nothing until the first call, and
 * does not throw; the calls throw `PropagatorError`.
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
  const loginDeps = { transport, now, userAgent };
  const session = createSession(credentials, loginDeps);
  const scoped = new Map<string, Session>();
  /**
   * Returns a cached session. The cache is small, because few projects need their own session at
   * the same time, and a dropped session costs only one login.
   */
  const sessionFor = (scope: Scope): Session =>
    cachedSession(scope.kind === 'system' ? 'system' : `project ${scope.id}`, () =>
      createSession(credentials, loginDeps, scope),
    );
  const cachedSession = (key: string, make: () => Session): Session => {
    const known = scoped.get(key) ?? make();
    scoped.delete(key);
    scoped.set(key, known);
    for (const oldest of scoped.keys())
      if (scoped.size > MAX_SCOPED_SESSIONS) scoped.delete(oldest);
    return known;
  };
  const sleep = options.sleep ?? ((seconds: number) => delay(seconds * 1000));
  const shared = { transport, userAgent, now, sleep, onCall: options.onCall };
  const rest = (own: Omit<RestOptions, keyof typeof shared>): ServiceApi =>
    createRest({ ...own, ...shared });

  const limiters = new Map<string, AdaptiveLimiter>();
  const limiterOf = (service: string, region: string, concurrency: number): AdaptiveLimiter => {
    const key = `${service}/${region}`;
    const ceiling = options.concurrency?.[service] ?? concurrency;
    const limiter = limiters.get(key) ?? new AdaptiveLimiter({ ceiling });
    limiters.set(key, limiter);
    return limiter;
  };

  const known = new Map<string, { readonly until: number; readonly api: Promise<ServiceApi> }>();
  const apiAt = (
    service: ServiceAddress,
    region: string,
    endpoint: string,
    ownProject: string,
    as: Session,
    scope: string,
  ): Promise<ServiceApi> => {
    const key = [
      service.name,
      region,
      endpoint,
      ownProject,
      service.microversion?.floor,
      service.microversion?.ceiling,
      scope,
    ].join(' ');
    const cached = known.get(key);
    if (cached && now() < cached.until) return cached.api;
    const limiter = limiterOf(service.name, region, service.concurrency);
    const api = negotiateApi(service, endpoint, (at, apiVersion) =>
      rest({
        session: as,
        service: service.name,
        region,
        ownProject,
        limiter,
        endpoint: at,
        apiVersion,
      }),
    );
    known.set(key, { until: now() + MICROVERSION_CACHE_MILLIS, api });
    api.catch(() => known.delete(key));
    return api;
  };
  const endpointIn = (
    catalog: readonly CatalogService[],
    project: string,
    service: ServiceAddress,
    region: string,
  ): string | undefined => {
    const all = [
      ...overrideRegistrations(credentials, project),
      ...catalogRegistrations(catalog, project),
    ];
    const at = (where: string) =>
      chooseEndpoint(all, service.catalogTypes, where, credentials.interfaces);
    // The propagator logs in to this Keystone, whatever its region is.
    const elsewhere = service.catalogTypes.includes('identity') ? all : [];
    const chosen = [region, ...elsewhere.flatMap((one) => one.region ?? [])]
      .map(at)
      .find((one) => one !== undefined);
    const url = chosen?.endpoint.url.trim().replace(/\/+$/, '');
    if (url !== undefined && !URL.canParse(url)) throw invalidUrl(service, region);
    return url;
  };
  const registryOf = ({ catalog, project }: Token, read: ReadLists): Registry =>
    assembleRegistry(catalog, project.id, read, credentials);

  const identityApi = (as: Session, purpose = ''): ServiceApi =>
    rest({
      session: as,
      service: 'keystone',
      region: '',
      endpoint: credentials.authUrl,
      ownProject: '',
      apiVersion: undefined,
      limiter: limiterOf('keystone', purpose, 8),
    });
  const identity = identityApi(session);
  const memberSession = (project: ProjectId): Session =>
    cachedSession(`member ${project}`, () => {
      const whole = sessionFor({ kind: 'project', id: project });
      const { refresh: _, ...login } = credentials;
      const open = (own: Pick<Credentials, 'identity' | 'scope' | 'secret'>): Session =>
        createSession({ ...login, ...own }, loginDeps);
      return createMemberSession(whole, identityApi(whole), open, now);
    });
  return {
    keystone: createKeystone(identity),
    keystoneActions: createProjectAdmin(
      identity,
      session,
      (id) => sessionFor({ kind: 'project', id }),
      credentials.scope === undefined,
    ),
    domainActions: createDomainAdmin(identity, identityApi(sessionFor({ kind: 'system' }))),
    // A separate limit, so that long lists of Keystone do not delay callers of the API.
    validateToken: tokenValidation(identityApi(session, 'tokens')),
    ownProject: async () => (await session.token()).project,
    ownUser: async () => (await session.token()).user,
    async registry() {
      const [token, read] = await Promise.all([session.token(), readLists(identity)]);
      const known = registryOf(token, read);
      // The catalog comes with the token, so endpoints that were registered later would appear
      // hidden.
      const isOld =
        known.registrations.some(({ hidden }) => hidden !== undefined) ||
        known.unlisted !== undefined;
      const registry = isOld
        ? registryOf(await session.fresh(MAX_CATALOG_AGE_MILLIS), read)
        : known;
      checkRegions(registry.registrations, credentials);
      return registry;
    },
    async access({ name, scope }) {
      if (scope !== 'system') return undefined;
      try {
        await sessionFor({ kind: 'system' }).token();
        return undefined;
      } catch (error) {
        if (!(error instanceof PropagatorError) || error.class !== 'Denied') throw error;
        const { user } = await session.token();
        const grant = `openstack role add --system all --user ${user.id} admin`;
        const isBound = error.report.code.endsWith('.bound');
        return {
          ...error.report,
          message:
            `${name}: ${error.message}; every task of ${name} is dead-lettered until this ` +
            'is fixed',
          advice: isBound ? `${error.report.advice} Then: ${grant}` : `Grant the role: ${grant}`,
        };
      }
    },
    async api(service, region, projectApi, role) {
      const own = await session.token();
      if (!projectApi) {
        const endpoint = endpointIn(own.catalog, own.project.id, service, region);
        const as = service.scope === 'system' ? sessionFor({ kind: 'system' }) : session;
        return endpoint === undefined
          ? undefined
          : apiAt(service, region, endpoint, own.project.id, as, service.scope ?? 'project');
      }
      const as = role ? memberSession(projectApi) : sessionFor({ kind: 'project', id: projectApi });
      const token = await as.token();
      // Endpoint URLs may contain the project id.
      const endpoint = endpointIn(token.catalog, token.project.id, service, region);
      // Use the token's project and not the requested one, because it is the owner of Barbican's
      // rows.
      return endpoint === undefined
        ? undefined
        : apiAt(service, region, endpoint, token.project.id, as, `on ${projectApi} ${role ?? ''}`);
    },
    close: () => transport.close(),
  };
}

/**
 * Creates the error for an invalid URL in the catalog: the service exists, but cannot be listed.
 */
function invalidUrl(service: ServiceAddress, region: string): PropagatorError {
  const report: ErrorReport = {
    code: `${service.name}.endpoint.invalid`,
    class: 'Unsupported',
    message: `the endpoint URL of ${service.name} in ${region} in the catalog is not a valid URL`,
    advice: 'Correct the endpoint: openstack endpoint set --url URL ENDPOINT',
    service: service.name,
    region,
  };
  return new PropagatorError(report);
}

/**
 * Returns the API with the highest microversion that both sides support. Throws class `Unsupported`
 * if the service does not support the minimum.
 */
async function negotiateApi(
  service: ServiceAddress,
  endpoint: string,
  open: (endpoint: string, apiVersion: ApiVersion | undefined) => ServiceApi,
): Promise<ServiceApi> {
  const wanted = service.microversion;
  if (!wanted) return open(endpoint, undefined);
  // The URL of the version document has no project: `/v3/` for the endpoint `/v3/<project>`.
  const segments = endpoint.split('/');
  const version = segments.findLastIndex(
    (segment, index) => index > 2 && /^v\d+(\.\d+)?$/.test(segment),
  );
  const root = version < 0 ? endpoint : segments.slice(0, version + 1).join('/');
  const discovery = open(root, undefined);
  const document = await discovery.request('GET', '/', { accept: [300] });
  const where = { service: service.name, region: discovery.region, host: new URL(root).host };
  const spoken = negotiate(document, wanted, where);
  return open(version < 0 ? `${endpoint}/${spoken.api}` : endpoint, {
    header: wanted.header,
    version: spoken.version,
  });
}
