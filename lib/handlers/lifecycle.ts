import type { AccountEvent } from '../../events/account.ts';
import { type OpenedLifecycle, openLifecycle } from '../operation/lifecycle.ts';
import {
  awaitsLifecycleConfirmation,
  type LifecycleAnswer,
} from '../operation/lifecycle-confirmation.ts';
import type { Operation, SuspendOrResume } from '../operation/model.ts';
import type { StepEvent } from '../operation/step.ts';
import type { StepChanges } from '../operation/transaction.ts';
import { reportOf } from '../shared/errors.ts';
import { protectedBecause } from '../task/safety-rules.ts';
import { readHistory } from './account-history.ts';
import { lifecycleAnswer } from './lifecycle-answer.ts';
import type { LifecycleDeps } from './lifecycle-deps.ts';
import { openProvisionForChange } from './provision.ts';
import { recordStateDuringHold, suspensionHoldOf } from './suspension-holds.ts';

const ACTION_BY_CHANGE: Readonly<Record<string, SuspendOrResume>> = {
  disabled: 'suspend',
  enabled: 'resume',
};

/**
 * Opens the suspend, resume or provision that follows when an account was created, disabled or
 * enabled. Returns `undefined` when the change has no effect.
 */
export async function openOperationsForChange(
  event: AccountEvent,
  deps: LifecycleDeps,
): Promise<StepChanges | undefined> {
  const { account, cause } = event.data;
  const { reads } = deps.engine;
  const [, , change = ''] = event.type.split('.');
  const action = ACTION_BY_CHANGE[change];
  // A project that an operator holds suspended is not resumed when it is enabled in Keystone.
  const hold =
    action && account.type === 'project' ? await suspensionHoldOf(account.id, reads) : undefined;
  if (hold) {
    await recordStateDuringHold(account.id, { isEnabled: action === 'resume' }, deps);
    if (action === 'resume') return undefined;
  }
  const { operations: allOperations, scope } = await readHistory(account, reads);
  const suspendOrResume =
    action &&
    openLifecycle({
      action,
      scope,
      cause,
      allOperations,
      mode: deps.mode,
      now: deps.now(),
      protectedBecause: protectedBecause(scope, { ...deps.protectedIds, ownProject: '' }),
    });
  const provision = await openProvisionForChange(event, scope, allOperations, deps);
  return suspendOrResume || provision ? lifecycleStep(suspendOrResume, provision) : undefined;
}

/** Returns the step that commits the opened operations and the operations that they change. */
export const lifecycleStep = (
  ...results: readonly (OpenedLifecycle | undefined)[]
): StepChanges => {
  const openings = results.filter((one) => one !== undefined);
  return {
    operations: openings.flatMap((one) => [...(one.opened ? [one.opened] : []), ...one.changed]),
    tasks: [],
    messages: openings.flatMap(({ messages }) => messages),
    deadLetters: [],
  };
};

/**
 * Asks Keystone whether the state of the account still requires the suspend, resume or provision.
 * Returns `undefined` if the operation no longer waits for the answer to question
 * `questionNumber`.
 */
export async function lifecycleConfirmation(
  operation: Operation,
  questionNumber: number,
  deps: LifecycleDeps,
): Promise<StepEvent | undefined> {
  if (!awaitsLifecycleConfirmation(operation, questionNumber)) return undefined;
  const answer = await lifecycleAnswer(operation, deps).catch(
    (thrown: unknown): LifecycleAnswer => {
      const error = reportOf(thrown, { code: 'keystone.show', service: 'keystone' });
      return { kind: 'unknown', error };
    },
  );
  return { kind: 'lifecycle-confirmation', questionNumber, answer };
}
