import type { ProjectId } from '../../events/ids.ts';
import type { Keystone } from '../account/keystone.ts';
import type { Registry } from '../operation/registry.ts';
import type { ErrorReport } from '../shared/errors.ts';
import type { Service, ServiceApi } from '../task/service.ts';
import type { DomainAdmin } from './domain-admin.ts';
import type { ProjectAdmin } from './project-admin.ts';
import type { ValidateToken } from './token-validation.ts';

/** The fields of a service that are needed to find and call it. */
export type ServiceAddress = Pick<
  Service,
  'name' | 'catalogTypes' | 'microversion' | 'concurrency'
> &
  Partial<Pick<Service, 'scope'>>;

/** A logged-in OpenStack cloud. All calls share one login, which is renewed before it expires. */
export interface Cloud {
  readonly keystone: Keystone;
  /** Keystone actions on a project that an administrator requested. */
  readonly keystoneActions: ProjectAdmin;
  /** Keystone actions on a domain that an administrator requested. */
  readonly domainActions: DomainAdmin;
  /** Validates a token in Keystone, with the propagator's own login. */
  readonly validateToken: ValidateToken;
  /** The propagator's own project, which is never cleaned up. */
  ownProject(): Promise<{ id: string; name: string; domainId: string }>;
  /** The propagator's own user, whose domain is never disabled. */
  ownUser(): Promise<{ id: string; domainId: string | undefined }>;
  /**
   * Reads the catalog, and the lists of services and endpoints that Keystone shows to an
   * administrator. If the lists show more than the catalog, the catalog is read again with a new
   * token. Throws `openstack.region` when the catalog lacks a region that the settings name.
   */
  registry(): Promise<Registry>;
  /**
   * Returns why the propagator's roles do not permit calls to the service; `undefined` when they
   * do. Throws the error of a failed login.
   */
  access(service: Pick<Service, 'name' | 'scope'>): Promise<ErrorReport | undefined>;
  /**
   * Returns the service's API in a region; `undefined` when the catalog has no endpoint there. This
   * does not prove that the service is absent. Throws `Unsupported` when the service does not
   * support the minimum microversion, or when its URL is invalid. `projectApi`: use a token on that
   * project; throws class `Denied` if the propagator has no role on it. `as`: use a token with only
   * that role on the project.
   */
  api(
    service: ServiceAddress,
    region: string,
    projectApi?: ProjectId,
    as?: 'member',
  ): Promise<ServiceApi | undefined>;
  /** Closes the connections. */
  close(): Promise<void>;
}
