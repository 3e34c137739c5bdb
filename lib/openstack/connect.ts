import { setTimeout as delay } from 'node:timers/promises';
import pLimit, { type LimitFunction } from 'p-limit';
import type { Service, ServiceApi } from '../cleanup/service.ts';
import { findEndpoint, regionsOf } from './catalog.ts';
import type { Cloud } from './cloud.ts';
import type { Credentials } from './credentials.ts';
import { createKeystone } from './keystone.ts';
import { negotiate } from './microversion.ts';
import { type Call, createRest, type RestOptions } from './rest.ts';
import { createSession } from './session.ts';
import { createTransport, type Timeouts } from './transport.ts';

export interface ConnectOptions {
  /** Epoch milliseconds. */
  readonly clock?: () => number;
  /** Calls at the same time by service name, instead of what the service file says. */
  readonly concurrency?: Readonly<Record<string, number>>;
  readonly userAgent?: string;
  /** Told of every call, for metrics; must not throw. */
  readonly onCall?: (call: Call) => void;
  readonly timeouts?: Partial<Timeouts>;
}

type Described = Pick<Service, 'name' | 'catalogTypes' | 'microversion' | 'concurrency'>;

/** A cloud over REST. Nothing is asked before the first call. Throws nothing; the calls throw `PropagatorError`. */
export function connectCloud(credentials: Credentials, options: ConnectOptions = {}): Cloud {
  const now = options.clock ?? Date.now;
  const userAgent = options.userAgent ?? 'keystone-propagator';
  const transport = createTransport(credentials.tls, { connect: 10, answer: 60, whole: 300, ...options.timeouts });
  const session = createSession(credentials, transport, now, userAgent);
  const limits = new Map<string, LimitFunction>();
  const limitOf = (service: string, region: string, concurrency: number): LimitFunction => {
    const key = `${service}/${region}`;
    const limit = limits.get(key) ?? pLimit(Math.max(1, options.concurrency?.[service] ?? concurrency));
    limits.set(key, limit);
    return limit;
  };
  const shared = { session, transport, userAgent, now, sleep: (seconds: number) => delay(seconds * 1000), onCall: options.onCall };
  const rest = (own: Omit<RestOptions, keyof typeof shared>): ServiceApi => createRest({ ...own, ...shared });

  /** By endpoint: what it speaks does not change while it runs, and is asked again after an hour. */
  const spoken = new Map<string, { readonly until: number; readonly api: Promise<ServiceApi> }>();
  const versioned = (service: Described, region: string, endpoint: string, ownProject: string): Promise<ServiceApi> => {
    const key = `${service.name}/${region}/${endpoint}/${ownProject}`;
    const known = spoken.get(key);
    if (known && now() < known.until) return known.api;
    const limit = limitOf(service.name, region, service.concurrency);
    const common = { service: service.name, region, ownProject, limit };
    const build = async (): Promise<ServiceApi> => {
      const wanted = service.microversion;
      if (!wanted) return rest({ ...common, endpoint, apiVersion: undefined });
      // The document stands above the project: `/v3/` of `/v3/<project>`.
      const root = endpoint.replace(new RegExp(`/[^/]*${ownProject}$`), '');
      const document = await rest({ ...common, endpoint: root, apiVersion: undefined }).request('GET', '/', { accept: [300] });
      const where = { service: service.name, region, host: new URL(root).host };
      const { version, api } = negotiate(document.json, wanted, where, document.requestId);
      const isVersioned = /\/v\d+(\.\d+)?(\/|$)/.test(new URL(endpoint).pathname);
      return rest({ ...common, endpoint: isVersioned ? endpoint : `${root}/${api}`, apiVersion: `${wanted.header} ${version}` });
    };
    const api = build();
    spoken.set(key, { until: now() + 3_600_000, api });
    api.catch(() => spoken.delete(key));
    return api;
  };

  return {
    keystone: createKeystone(
      rest({
        service: 'keystone',
        region: '',
        endpoint: credentials.authUrl,
        ownProject: '',
        apiVersion: undefined,
        limit: limitOf('keystone', '', 8),
      }),
    ),
    async ownProject() {
      return (await session.token()).project;
    },
    async catalog() {
      const { catalog } = await session.token();
      return catalog.map(({ type, name }) => ({ type, name: name ?? type, regions: regionsOf(catalog, [type], credentials.regions) }));
    },
    async regionsOf(service) {
      return regionsOf((await session.token()).catalog, service.catalogTypes, credentials.regions);
    },
    async api(service, region) {
      const { catalog, project } = await session.token();
      const endpoint = findEndpoint(catalog, service.catalogTypes, region, credentials.interface);
      return endpoint === undefined ? undefined : versioned(service, region, endpoint, project.id);
    },
    close: () => transport.close(),
  };
}
