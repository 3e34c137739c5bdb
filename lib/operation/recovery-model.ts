import type { OperationId } from '../../events/ids.ts';

/** A reminder of the end of a recovery window. Times are milliseconds. */
export interface Reminder {
  /** The reminder is due this long before the end of the window. */
  readonly beforeMillis: number;
  /** When it was published; `undefined` before. */
  readonly sentAt?: number | undefined;
}

/** The recovery window of a requested deletion (`recovery.ts`). Times are milliseconds. */
export interface Recovery {
  /** True if Keystone showed the account as enabled. The operation then disables it. */
  readonly wasEnabled: boolean;
  /**
   * False if the operation certainly did not disable the account: an error came before the call was
   * sent, and Keystone showed the account as enabled.
   */
  readonly hasDisabled?: boolean | undefined;
  /** The length of the window. */
  readonly lengthMillis: number;
  /** The remaining time of the window at `seenAt`. */
  readonly remainingMillis: number;
  readonly seenAt: number;
  /** The delay after which the coordinator checks the window again. */
  readonly checkAfterMillis: number;
  /** The number of the next check. A message about a check with another number is ignored. */
  readonly number: number;
  /** In the order in which they are due. */
  readonly reminders: readonly Reminder[];
  /** The suspension that the request opened. Absent if the account was suspended before. */
  readonly suspension?: OperationId | undefined;
}
