import type { Account } from '../../events/account.ts';
import type { DomainId, ProjectId, UserId } from '../../events/ids.ts';

/**
 * The state of an account in Keystone. `absent`: Keystone itself answered 404. `other`: Keystone
 * shows another account, because its database treats the two ids as equal (see `mayBeSameId`).
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
  /** Returns the present state of one account. */
  show(type: 'project' | 'domain' | 'user', id: string): Promise<KeystoneState>;
  /**
   * Calls `handlePage` with each page of the list of all accounts of a type. The next page is
   * requested after `handlePage` has ended. If the listing restarts, `handlePage` is called with
   * the first pages again. Throws if a page cannot be read. `handlePage` has then received the
   * earlier pages.
   */
  eachPage(
    type: Account['type'],
    handlePage: (accounts: readonly Account[]) => Promise<void>,
  ): Promise<void>;
  /** Lists all projects, or the projects of a domain. Omits projects that act as a domain. */
  projects(domainId?: DomainId): Promise<Account[]>;
  /** Lists all domains. */
  domains(): Promise<Account[]>;
  /** Lists all users, or the users of a domain. */
  users(domainId?: DomainId): Promise<Account[]>;
  /**
   * Lists all users with a role on a project, directly or through a group (`GET
   * /v3/role_assignments?effective`). With `projectId`, lists only the users of that project.
   */
  members(
    projectId?: ProjectId,
  ): Promise<{ readonly projectId: ProjectId; readonly userId: UserId }[]>;
  /** Lists the users of a group. */
  groupMembers(groupId: string): Promise<UserId[]>;
}
