import type { Account, Cause } from '../../events/account.ts';
import type { UserId } from '../../events/ids.ts';

/**
 * The record of an account. After a deletion it still has the name, the domain and the members.
 * `account.enabled` is the state that an event last announced, or the first known state. A listing
 * does not change `enabled`, because the notification about the change may still wait in the
 * broker.
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
   * Projects only: all users who have had a role on the project, directly or through a group. A
   * user is never removed from the list. `undefined`: Keystone was never asked.
   */
  readonly members: readonly UserId[] | undefined;
  /**
   * Set while the account is known only from a reported deletion. The field is removed when
   * Keystone shows the account or a person releases the deletion.
   */
  readonly suspicion?: Suspicion | undefined;
  /**
   * True while no event has announced the creation of the account, because a listing or a role
   * assignment showed the account first. The notification of the creation or the next sweep
   * announces the creation.
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
   * Keystone's answer at that time. `not asked`: Keystone gave no certain answer, or ingest did not
   * ask, because the batch had too many deletions of unknown accounts.
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
  /** The original bytes, cut to `MAX_STORED_BYTES`. */
  readonly body: string;
  readonly encoding: 'utf8' | 'base64';
  readonly bytes: number;
  readonly source: string;
  readonly receivedAt: number;
}
