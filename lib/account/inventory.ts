import type { Account, Cause } from '../../events/account.ts';
import type { UserId } from '../../events/ids.ts';

/**
 * The record of an account. It gives a deleted id its name, domain and members. `account.enabled`
 * is the state that an event last announced, or the first known state. A listing does not change
 * it. Otherwise a change whose notification still waits in the broker would look like an old one.
 */
export interface AccountRecord {
  readonly account: Account;
  /** Epoch milliseconds when Keystone last showed the account. */
  readonly seenAt: number;
  /**
   * Epoch milliseconds by the propagator's clock when a notification last reported the deletion.
   * The value is never removed. An earlier one may have come from a forged notification. If
   * `seenAt` is later, Keystone has shown the account since, and it exists ({@link isGone}).
   */
  readonly deletedAt: number | undefined;
  /**
   * Projects only: users who had a role on it, directly or through a group. The list only grows.
   * `undefined`: Keystone was never asked.
   */
  readonly members: readonly UserId[] | undefined;
  /**
   * Set while a reported deletion is all that is known of the account. A record that follows from
   * Keystone's answer has no suspicion.
   */
  readonly suspicion?: Suspicion | undefined;
  /**
   * True while no event has announced the creation of the account, because a listing or a role
   * assignment showed it first. Its notification may still arrive. Otherwise the next sweep
   * announces it.
   */
  readonly unannounced?: true | undefined;
}

/**
 * A deletion that waits for the decision of a person, because neither Keystone nor an earlier event
 * has ever shown the account. The notification may be forged, or the account existed too briefly,
 * or the inventory was not filled yet.
 */
export interface Suspicion {
  /** The cause of the account event that is published on release. */
  readonly cause: Cause;
  /** Epoch milliseconds when the notification was ingested. */
  readonly at: number;
  /** Keystone's answer at that time. Only a limited number of deletions in a batch has one. */
  readonly keystone: 'absent' | 'not asked';
  /** Set when a person dropped the deletion. It can still be released. */
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
