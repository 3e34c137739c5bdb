import type { KeystoneActionName } from '../../events/operation.ts';
import type { ErrorReport } from '../shared/errors.ts';
import type { AccountState } from './preflight.ts';

/**
 * The present Keystone action. An operation has one at a time. Results with another `number` are
 * ignored.
 */
export interface KeystoneAction {
  readonly what: KeystoneActionName;
  readonly number: number;
  readonly since: number;
  readonly done: boolean;
  /**
   * Set after a cancellation during the deletion: when Keystone first answered 404. If Keystone
   * answers 404 again one confirmation interval later, the cancellation is too late, and the action
   * continues.
   */
  readonly absentSince?: number | undefined;
  /**
   * The last failure of an action that reverts an earlier change. The revert is retried until it
   * succeeds or is dead-lettered.
   */
  readonly failure?: KeystoneFailure | undefined;
}

/** The last error of an action that reverts an earlier change. */
export interface KeystoneFailure {
  readonly message: string;
  readonly advice: string;
  readonly requestId?: string | undefined;
  readonly attempts: number;
  /** True if the action is dead-lettered. A person must redrive it. */
  readonly gaveUp: boolean;
}

/**
 * The result of a Keystone action: the state that Keystone showed right before it, and the error if
 * it failed.
 */
export interface KeystoneActionResult {
  readonly number: number;
  readonly shown?: AccountState;
  readonly error?: ErrorReport;
  /** False if an error came before the call to Keystone was sent. */
  readonly isSent?: boolean;
  /** Deletion of a domain: the types that could not be listed after it. */
  readonly unlisted?: readonly string[];
}
