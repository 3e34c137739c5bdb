import type { ProjectId } from '../../events/ids.ts';
import type { Keystone } from '../account/keystone.ts';
import type { Service, ServiceApi } from '../task/service.ts';
import type { ProjectAdmin } from './project-admin.ts';

export interface CatalogEntry {
  readonly type: string;
  readonly name: string;
  readonly regions: readonly string[];
}

/** What it takes to find a service and to speak with it. */
export type ServiceAddress = Pick<
  Service,
  'name' | 'catalogTypes' | 'microversion' | 'concurrency'
> &
  Partial<Pick<Service, 'scope'>>;

/**
 * One OpenStack cloud, logged in. One login serves all calls; it is renewed ahead of its expiry.
 */
export interface Cloud {
  readonly keystone: Keystone;
  /** What is done to a project in Keystone at an administrator's request. */
  readonly keystoneActions: ProjectAdmin;
  /** Our own project: never cleaned. */
  ownProject(): Promise<{ id: string; name: string; domainId: string }>;
  catalog(): Promise<readonly CatalogEntry[]>;
  /**
   * Regions in which the service has an endpoint, cut to the configured ones; empty when the
   * catalog lacks the service.
   */
  regionsOf(service: Pick<Service, 'catalogTypes'>): Promise<readonly string[]>;
  /**
   * The service's API in a region; `undefined` when the catalog lacks it there. Throws
   * `Unsupported` when it can't speak the floor microversion.
   * `projectApi`: with a token on that project, on which the propagator has a role at the time;
   * throws class `Denied` when it has none. `as`: with that role on it alone.
   */
  api(
    service: ServiceAddress,
    region: string,
    projectApi?: ProjectId,
    as?: 'member',
  ): Promise<ServiceApi | undefined>;
  /** Closes kept-alive connections. */
  close(): Promise<void>;
}
