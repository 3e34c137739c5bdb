import type { Account } from '../../events/account.ts';
import type { DomainId, ProjectId, UserId } from '../../events/ids.ts';

/**
 * What Keystone says of an account now. `absent`: it answered 404 itself. `other`: it shows another
 * account, whose id its database takes for the one that was asked for (see `areAlike`).
 */
export type KeystoneState =
  | { readonly is: 'present'; readonly account: Account & { readonly enabled: boolean } }
  | { readonly is: 'absent' }
  | { readonly is: 'other'; readonly id: string };

/**
 * Keystone as the one who knows. Every call throws `PropagatorError` when the answer is not certain
 * (no answer, 5xx, 401, 403, half a page): not knowing is never `absent`.
 */
export interface Keystone {
  show(type: 'project' | 'domain' | 'user', id: string): Promise<KeystoneState>;
  /** All projects; without those that are domains themselves. */
  projects(domainId?: DomainId): Promise<Account[]>;
  domains(): Promise<Account[]>;
  users(domainId?: DomainId): Promise<Account[]>;
  /**
   * Who has a role where, groups resolved to their users (`GET /v3/role_assignments?effective`).
   * All projects, or one.
   */
  members(
    projectId?: ProjectId,
  ): Promise<{ readonly projectId: ProjectId; readonly userId: UserId }[]>;
  /** The users of a group. */
  groupMembers(groupId: string): Promise<UserId[]>;
}
