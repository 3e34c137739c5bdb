import type { ProjectId } from '../../events/ids.ts';
import type { Keystone } from '../account/keystone.ts';
import type { Registry } from '../operation/registry.ts';
import type { ErrorReport } from '../shared/errors.ts';
import type { Service, ServiceApi } from '../task/service.ts';
import type { ProjectAdmin } from './project-admin.ts';

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
  /**
   * What Keystone says that the cloud has: the catalog of a token that is at most seconds old when
   * the lists show more than it, and the lists of an administrator. Throws `openstack.region` when
   * the catalog lacks a region that the settings name.
   */
  registry(): Promise<Registry>;
  /**
   * Why the service can't be spoken to with the roles that the cleaner has; `undefined` when it
   * can. Throws what a login throws.
   */
  access(service: Pick<Service, 'name' | 'scope'>): Promise<ErrorReport | undefined>;
  /**
   * The service's API in a region; `undefined` when the catalog shows none there, which does not
   * prove it absent. Throws `Unsupported` when it can't speak the floor microversion, and when its
   * URL is none.
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
