import type { KeystoneActionName } from '../../events/operation.ts';
import type { ErrorReport } from '../shared/errors.ts';
import type { AccountState } from './preflight.ts';

/** The present Keystone action. There is only one at a time, and `number` is the fence. */
export interface KeystoneAction {
  readonly what: KeystoneActionName;
  readonly number: number;
  readonly since: number;
  readonly done: boolean;
  /** The last failure of an action that takes something back, and therefore must succeed. */
  readonly failure?: KeystoneFailure | undefined;
}

/** Why an action that takes something back has not succeeded yet, in the words of Keystone. */
export interface KeystoneFailure {
  readonly message: string;
  readonly advice: string;
  readonly requestId?: string | undefined;
  readonly attempts: number;
  /** True if the action is dead-lettered: it is tried again when a person redrives it. */
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
