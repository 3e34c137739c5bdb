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
  /** The Keystone actions on a project, for operations that an administrator requested. */
  readonly projectAdmin: ProjectAdmin;
  /** The Keystone actions on a domain, for operations that an administrator requested. */
  readonly domainAdmin: DomainAdmin;
  /** Validates a token in Keystone, with the propagator's own login. */
  readonly validateToken: ValidateToken;
  /** The propagator's own project, which is never cleaned up. */
  ownProject(): Promise<{ id: string; name: string; domainId: string }>;
  /** The propagator's own user. The propagator never disables the domain of this user. */
  ownUser(): Promise<{ id: string; domainId: string | undefined }>;
  /**
   * Reads the catalog, and the lists of services and endpoints that Keystone shows to an
   * administrator. If the lists contain more than the catalog, the catalog is read again with a new
   * token. Throws `openstack.region` when the settings name a region that the catalog lacks.
   */
  registry(): Promise<Registry>;
  /**
   * Returns the reason why the propagator's roles do not permit calls to the service, or
   * `undefined` if they permit them. Throws the error of a failed login.
   */
  missingAccess(service: Pick<Service, 'name' | 'scope'>): Promise<ErrorReport | undefined>;
  /**
   * Returns the service's API in a region. `undefined` means that the catalog has no endpoint in
   * that region, which does not prove that the service is absent. Throws class `Unsupported` for an
   * invalid URL, and for a service without the minimum microversion. `onProject`: the project of
   * the token; by default the propagator's own project. Throws class `Denied` if the propagator has
   * no role on that project. `role`: the only role of the token.
   */
  api(
    service: ServiceAddress,
    region: string,
    onProject?: ProjectId,
    role?: 'member',
  ): Promise<ServiceApi | undefined>;
  /** Closes the connections. */
  close(): Promise<void>;
}
