import type { Account } from '../../events/account.ts';
import type { UserId } from '../../events/ids.ts';
import type { ErrorReport } from '../shared/errors.ts';
import type { ChangeNotification } from './interpret.ts';
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
  /** By the key of {@link keyOf}. */
  readonly accounts: ReadonlyMap<string, CheckedAnswer<AccountAnswer>>;
  readonly groups: ReadonlyMap<string, CheckedAnswer<readonly UserId[]>>;
}

/** The account that a notification is about. */
export interface Subject {
  readonly type: Account['type'];
  readonly id: string;
}

/**
 * Returns the account that a notification is about. A project notification with the id of a domain
 * is about the domain. `domains`: the result of {@link knownDomains}.
 */
export function subjectOf(notification: ChangeNotification, domains: ReadonlySet<string>): Subject {
  if (notification.kind === 'membership') return notification.target;
  const { type, id } = notification;
  return { type: type === 'project' && domains.has(id) ? 'domain' : type, id };
}

/**
 * Returns those ids in the notifications that are ids of domains. The inventory decides about an id
 * that Keystone has shown before. Any other id counts as a domain if a notification of the batch is
 * about a domain with this id.
 */
export function knownDomains(
  notifications: readonly ChangeNotification[],
  records: ReadonlyMap<string, AccountRecord>,
): Set<string> {
  const domains = new Set<string>();
  // The inventory comes first, so that a forged notification cannot turn a project into a domain.
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
