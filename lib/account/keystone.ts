import type { Account } from '../../events/account.ts';
import type { DomainId, ProjectId, UserId } from '../../events/ids.ts';

/**
 * The state of an account in Keystone. `absent`: Keystone itself answered 404. `other`: Keystone
 * shows another account, because its database treats the two ids as equal (see `areAlike`).
 */
export type KeystoneState =
  | { readonly kind: 'present'; readonly account: Account & { readonly enabled: boolean } }
  | { readonly kind: 'absent' }
  | { readonly kind: 'other'; readonly id: string };

/**
 * Reads the state of accounts in Keystone. Each call throws `PropagatorError` on an uncertain
 * answer: no answer, 5xx, 401, 403, or an incomplete page. An uncertain answer never counts as
 * `absent`.
 */
export interface Keystone {
  show(type: 'project' | 'domain' | 'user', id: string): Promise<KeystoneState>;
  /**
   * Calls `handlePage` with all accounts of a type, page by page. The next page is requested after
   * the call has ended. A page may be repeated. If a page cannot be read, the function throws.
   * `handlePage` has then received the earlier pages.
   */
  eachPage(
    type: Account['type'],
    handlePage: (accounts: readonly Account[]) => Promise<void>,
  ): Promise<void>;
  /** All projects, without the projects that are domains. */
  projects(domainId?: DomainId): Promise<Account[]>;
  domains(): Promise<Account[]>;
  users(domainId?: DomainId): Promise<Account[]>;
  /**
   * All users with a role on a project, with groups resolved (`GET
   * /v3/role_assignments?effective`). With `projectId`, only of that project.
   */
  members(
    projectId?: ProjectId,
  ): Promise<{ readonly projectId: ProjectId; readonly userId: UserId }[]>;
  /** The users of a group. */
  groupMembers(groupId: string): Promise<UserId[]>;
}
