import type { Account, Cause } from '../../events/account.ts';
import type { UserId } from '../../events/ids.ts';

/**
 * What is remembered of an account, so that a deleted id still has a name, a domain and members.
 * `account.enabled` is the state that was last announced by an event (or found, where nothing was
 * known before): a listing does not move it, or a change that waits in the broker would be taken
 * for old news.
 */
export interface AccountRecord {
  readonly account: Account;
  /** Epoch milliseconds when Keystone last showed it. */
  readonly seenAt: number;
  /**
   * Epoch milliseconds, by our own clock, when a notification last said that it was deleted (an
   * earlier one may have been forged); never taken back.
   * `seenAt` later than this: Keystone itself has shown the account since, so it lives ({@link
   * isGone}).
   */
  readonly deletedAt: number | undefined;
  /**
   * Projects only: users who had a role on it, directly or by a group. Only ever grows.
   * `undefined`: never asked.
   */
  readonly members: readonly UserId[] | undefined;
  /**
   * Set while the only thing known of it is that a notification said that it was deleted. The next
   * record that Keystone's answer makes has none.
   */
  readonly suspicion?: Suspicion | undefined;
}

/**
 * A deletion that is held apart until a person decides: neither Keystone nor an earlier event has
 * ever shown the account alive. It is forged, or the account lived too short a time, or the
 * inventory was not filled yet.
 */
export interface Suspicion {
  /** The notification, as it is announced when a person releases it. */
  readonly cause: Cause;
  /** Epoch milliseconds when it was taken in. */
  readonly at: number;
  /** Keystone's answer then; it is asked about some of many only. */
  readonly keystone: 'absent' | 'not asked';
  /** A person decided that nothing follows. It can still be released. */
  readonly dropped?:
    | { readonly by: string; readonly reason: string; readonly at: number }
    | undefined;
}

/** Whether it was said to be deleted and Keystone has not shown it since. */
export const isGone = (record: AccountRecord): boolean =>
  record.deletedAt !== undefined && record.deletedAt >= record.seenAt;

/** A notification that could not be read, kept for a person. */
export interface QuarantineRecord {
  readonly id: string;
  readonly reason: string;
  /** The bytes as they came, cut to the cap. */
  readonly body: string;
  readonly encoding: 'utf8' | 'base64';
  readonly bytes: number;
  readonly source: string;
  readonly receivedAt: number;
}
