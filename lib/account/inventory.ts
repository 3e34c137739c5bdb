import type { Account, Cause } from '../../events/account.ts';
import type { UserId } from '../../events/ids.ts';

/**
 * The record of an account. After a deletion it has the name, the domain and the members.
 * `account.enabled` is the state that an event last announced, or the first known state. A listing
 * does not change it, because the notification about the change may still wait in the broker.
 */
export interface AccountRecord {
  readonly account: Account;
  /** Epoch milliseconds when Keystone last showed the account. */
  readonly seenAt: number;
  /**
   * Epoch milliseconds by the propagator's clock when a notification last reported the deletion.
   * The value is never removed. If `seenAt` is later, the account exists ({@link isGone}): the
   * notification may have been forged.
   */
  readonly deletedAt: number | undefined;
  /**
   * Projects only: the users with a role on it so far, directly or through a group. Users are never
   * removed. `undefined`: Keystone was never asked.
   */
  readonly members: readonly UserId[] | undefined;
  /**
   * Set while the account is known only from a reported deletion. Keystone's answer about the
   * account removes it.
   */
  readonly suspicion?: Suspicion | undefined;
  /**
   * True while no event has announced the creation of the account, because a listing or a role
   * assignment showed it first. Its notification or the next sweep announces it.
   */
  readonly unannounced?: true | undefined;
}

/**
 * A deletion that waits for the decision of a person, because the account is unknown to Keystone
 * and to the inventory. The notification may be forged, or the account existed too briefly, or the
 * inventory was not filled yet.
 */
export interface Suspicion {
  /** The cause of the account event that is published on release. */
  readonly cause: Cause;
  /** Epoch milliseconds when the notification was ingested. */
  readonly at: number;
  /**
   * Keystone's answer at that time. In one batch Keystone is asked about a limited number of such
   * deletions.
   */
  readonly keystone: 'absent' | 'not asked';
  /** Set when a person dropped the deletion. A person can still release it. */
  readonly dropped?:
    | { readonly by: string; readonly reason: string; readonly at: number }
    | undefined;
}

/** True if the account was reported deleted and Keystone has not shown it since. */
export const isGone = (record: AccountRecord): boolean =>
  record.deletedAt !== undefined && record.deletedAt >= record.seenAt;

/** An unreadable notification, kept for a person. */
export interface QuarantineRecord {
  readonly id: string;
  readonly reason: string;
  /** The original bytes, cut to the limit. */
  readonly body: string;
  readonly encoding: 'utf8' | 'base64';
  readonly bytes: number;
  readonly source: string;
  readonly receivedAt: number;
}
