import type { UserId } from '../../events/ids.ts';
import type { ErrorReport } from '../shared/errors.ts';
import type { AccountNotification, ChangeNotification } from './interpret.ts';
import type { AccountRecord } from './inventory.ts';
import type { KeystoneState } from './keystone.ts';
import { type KeystoneLists, keyOf } from './merge.ts';

/** Keystone's answer, or the error if Keystone gave no certain answer. */
export type CheckedAnswer<T> =
  | { readonly kind: 'certain'; readonly value: T }
  | { readonly kind: 'uncertain'; readonly error: ErrorReport };
/** Keystone's answer about one account. */
export interface AccountAnswer {
  readonly state: KeystoneState;
  /**
   * Set for a project without recorded members: the users with a role on it, including inherited
   * roles.
   */
  readonly members: readonly UserId[] | undefined;
  /**
   * Set for a disabled domain: its projects and users. They are recorded now, because Keystone no
   * longer lists them after the deletion of the domain.
   */
  readonly domainContents: KeystoneLists | undefined;
}
/** Keystone's answers about the accounts and groups of a batch. */
export interface KeystoneAnswers {
  /** By `project/<id>`. */
  readonly accounts: ReadonlyMap<string, CheckedAnswer<AccountAnswer>>;
  readonly groups: ReadonlyMap<string, CheckedAnswer<readonly UserId[]>>;
}

/**
 * Returns the key of the account that a notification is about. A project notification with the id
 * of a domain is about the domain.
 */
export function subjectOf(notification: AccountNotification, domains: ReadonlySet<string>): string {
  return keyOf(
    notification.type === 'project' && domains.has(notification.id) ? 'domain' : notification.type,
    notification.id,
  );
}

/**
 * Returns the ids in the notifications that belong to domains, according to the inventory or to
 * another notification of the batch.
 */
export function knownDomains(
  notifications: readonly ChangeNotification[],
  records: ReadonlyMap<string, AccountRecord>,
): Set<string> {
  const domains = new Set<string>();
  // A forged notification must not turn a project into a domain. If Keystone has already shown the
  // id, the inventory therefore decides.
  const wasShown = (type: 'domain' | 'project', id: string): boolean =>
    (records.get(keyOf(type, id))?.seenAt ?? 0) > 0;
  for (const notification of notifications) {
    if (notification.kind !== 'account' || notification.type === 'user') continue;
    const { id } = notification;
    if (wasShown('domain', id) || (notification.type === 'domain' && !wasShown('project', id)))
      domains.add(id);
  }
  return domains;
}
