import type { KeystoneActionName } from '../../events/operation.ts';
import type { ErrorReport } from '../shared/errors.ts';
import type { AccountState } from './preflight.ts';

/**
 * The newest Keystone action of an operation. An operation has one at a time. The result of an
 * action with another `number` is ignored.
 */
export interface KeystoneAction {
  readonly what: KeystoneActionName;
  readonly number: number;
  readonly since: number;
  readonly done: boolean;
  /**
   * The time of Keystone's first 404 after a person canceled the operation during the action
   * `delete`, in epoch milliseconds. If Keystone answers 404 again one confirmation interval later,
   * the cancellation is too late, and the deletion counts as done.
   */
  readonly absentSince?: number | undefined;
  /**
   * The last failure of an action that reverts an earlier change. The revert is retried until it
   * succeeds or is dead-lettered.
   */
  readonly failure?: KeystoneFailure | undefined;
}

/** The last failed attempt of an action that reverts an earlier change. */
export interface KeystoneFailure {
  readonly message: string;
  readonly advice: string;
  readonly requestId?: string | undefined;
  /** The number of failed attempts so far. */
  readonly attempts: number;
  /** True if the action is dead-lettered. A person must redrive the message of the action. */
  readonly gaveUp: boolean;
}

/** The result of one attempt of a Keystone action. */
export interface KeystoneActionResult {
  readonly number: number;
  /** The state that Keystone showed right before the attempt. */
  readonly accountState?: AccountState;
  /** Set if the attempt failed. */
  readonly error?: ErrorReport;
  /** False if the error came before the call to Keystone was sent. */
  readonly isSent?: boolean;
  /** Deletion of a domain only: the types of Keystone that could not be listed afterwards. */
  readonly unlisted?: readonly string[];
}

/** Error code: Keystone shows the account of a canceled operation, so the account is kept. */
export const KEPT_AFTER_CANCEL_CODE = 'operation.canceled.kept';

/**
 * Error code: Keystone answered 404 for the account of a canceled operation, and has not repeated
 * this answer yet.
 */
export const UNCONFIRMED_ABSENCE_CODE = 'operation.canceled.unconfirmed';

/** Error code: more resources appeared in the domain than its approved plan allows. */
export const DOMAIN_DRIFT_CODE = 'operation.domain.drift';
