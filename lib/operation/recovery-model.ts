import type { OperationId } from '../../events/ids.ts';

/** A reminder of the end of a recovery window. */
export interface Reminder {
  /** The reminder is due this long before the end of the window. */
  readonly beforeMillis: number;
  /** Epoch milliseconds when the reminder was published; `undefined` before. */
  readonly sentAt?: number | undefined;
}

/**
 * The recovery window of a requested deletion, and the changes that the operation made for it
 * (`recovery.ts`).
 */
export interface Recovery {
  /**
   * True if the account was enabled at the request, or if an earlier recovery window may have
   * disabled the account.
   */
  readonly wasEnabled: boolean;
  /**
   * False if the operation certainly did not disable the account: an error came before the call was
   * sent, and Keystone showed the account as enabled.
   */
  readonly hasDisabled?: boolean | undefined;
  readonly lengthMillis: number;
  /** The remaining time of the window at `seenAt`. */
  readonly remainingMillis: number;
  /** Epoch milliseconds of the newest check of the window. */
  readonly seenAt: number;
  /** The delay after which the coordinator checks the window again. */
  readonly checkAfterMillis: number;
  /** The number of the next check. A message about a check with another number is ignored. */
  readonly number: number;
  /** The reminders in the order in which they are due. */
  readonly reminders: readonly Reminder[];
  /** The suspend operation that the request opened. Absent if the account was suspended before. */
  readonly suspension?: OperationId | undefined;
}
