import { advanceOperation, isConfirmed, isRequestedOnLivingProject } from './advance.ts';
import { confirmingAnswerTimes, requestConfirmingAnswer } from './confirm-again.ts';
import { applyDomainShown } from './domain-begin.ts';
import { withoutFutureTimes } from './elapsed.ts';
import { refuseOperation } from './ended.ts';
import type { KeystoneAnswer } from './keystone-answer.ts';
import { applyLaterConfirmation } from './later-confirmation.ts';
import type { Operation } from './model.ts';
import { planTasks } from './plan-tasks.ts';
import { endWindow, resumeWindow, waitWhileEnabled } from './recovery.ts';
import { hasTimeLeft } from './recovery-window.ts';
import { mergedScope } from './scope.ts';
import type { OperationTransaction, StepInput } from './transaction.ts';
import { applyBlockedAnswer, applyContradictingAnswer, applyUnknownAnswer } from './unconfirmed.ts';

/** True if the operation still waits for Keystone's answer to question `questionNumber`. */
export const awaitsConfirmation = (operation: Operation, questionNumber: number): boolean =>
  operation.confirmation === questionNumber &&
  (operation.state === 'confirming' || mayBeDeletedByOthers(operation));

/**
 * True for a requested operation in a state in which another client may still delete the project.
 * The operation accepts answers of Keystone in these states, too.
 */
const mayBeDeletedByOthers = (operation: Operation): boolean =>
  isRequestedOnLivingProject(operation) &&
  (operation.state === 'recoverable' ||
    operation.state === 'pre-delete' ||
    operation.state === 'running' ||
    isHeldForLeftovers(operation));
const isHeldForLeftovers = ({ state, hold }: Operation): boolean =>
  state === 'held' && hold?.about === 'leftovers';

/**
 * Applies Keystone's answer to question `questionNumber`. An answer to an earlier question is
 * ignored.
 */
export function applyConfirmation(
  transaction: OperationTransaction,
  questionNumber: number,
  keystoneAnswer: KeystoneAnswer,
  step: StepInput,
): void {
  const { operation } = transaction;
  if (!awaitsConfirmation(operation, questionNumber)) return;
  if (operation.state === 'recoverable') {
    // A 404 suggests that another client deleted the project. The operation therefore asks Keystone
    // again, as at the end of the recovery window.
    if (keystoneAnswer.kind === 'absent') endWindow(transaction, [], step);
    return;
  }
  if (operation.state !== 'confirming') {
    applyLaterConfirmation(transaction, keystoneAnswer, step);
    return;
  }
  const isShown = ['present', 'blocked', 'domain'].includes(keystoneAnswer.kind);
  if (isShown && hasTimeLeft(operation)) {
    resumeWindow(transaction, step);
    return;
  }
  applyWhileConfirming(transaction, keystoneAnswer, step);
}

/** Applies an answer to an operation in state `confirming`. */
function applyWhileConfirming(
  transaction: OperationTransaction,
  keystoneAnswer: KeystoneAnswer,
  step: StepInput,
): void {
  const { operation } = transaction;
  const refuse = (reason: string): void => {
    transaction.operation = refuseOperation(operation, reason, step.now);
  };
  switch (keystoneAnswer.kind) {
    case 'absent':
      if (operation.action === 'plan')
        refuse('Keystone no longer shows the project, so there is nothing to plan');
      else applyAbsentAnswer(transaction, keystoneAnswer, step);
      break;
    case 'present':
      applyShownAccount(transaction, keystoneAnswer, step);
      break;
    case 'domain':
      applyDomainShown(transaction, keystoneAnswer.enabled, step);
      break;
    case 'protected':
      refuse(`protected: ${keystoneAnswer.because}`);
      break;
    case 'blocked':
      applyBlockedAnswer(transaction, keystoneAnswer, step);
      break;
    case 'alike':
      refuse(
        `an existing ${operation.scope.type} has an id that databases may treat as equal to ` +
          `this one (${keystoneAnswer.similarId}): they differ only in case, accents or spaces, ` +
          'and a removal could affect the wrong account',
      );
      break;
    case 'unknown':
      applyUnknownAnswer(transaction, keystoneAnswer.error, step);
      break;
  }
}

type ShownAnswer = Extract<KeystoneAnswer, { kind: 'present' }>;

/**
 * Applies an answer that shows the account. A requested operation continues. For any other
 * operation the answer contradicts the announced deletion.
 */
function applyShownAccount(
  transaction: OperationTransaction,
  { enabled, deletionFacts }: ShownAnswer,
  step: StepInput,
): void {
  if (transaction.operation.request && deletionFacts)
    applyShownProject(transaction, enabled, deletionFacts, step);
  else
    applyContradictingAnswer(
      transaction,
      `Keystone still shows it (${enabled ? 'enabled' : 'disabled'})`,
      step,
    );
}

/** Applies an answer that shows the project of a request. */
function applyShownProject(
  transaction: OperationTransaction,
  enabled: boolean,
  deletionFacts: NonNullable<ShownAnswer['deletionFacts']>,
  step: StepInput,
): void {
  const { operation } = transaction;
  if (!operation.request || operation.scope.type !== 'project') return;
  const wasEnabledSinceRequest = enabled && !operation.request.enabled;
  if (wasEnabledSinceRequest && operation.recovery) {
    waitWhileEnabled(transaction, step);
    return;
  }
  if (wasEnabledSinceRequest) {
    transaction.operation = refuseOperation(
      operation,
      operation.parentId === undefined
        ? 'the project was disabled when its cleanup was requested, and Keystone shows it ' +
            'enabled now'
        : 'the project was disabled when the deletion of its domain was approved, and Keystone ' +
            'shows it enabled now',
      step.now,
    );
    return;
  }
  transaction.operation = {
    ...operation,
    hold: undefined,
    // The project exists, so an earlier 404 was wrong.
    confirmation: operation.confirmation + 1,
    confirmedAt: [],
    scope: { ...operation.scope, members: deletionFacts.members },
    request: { ...operation.request, enabled },
    roles: deletionFacts.roles,
  };
  if (transaction.tasks.length === 0) planTasks(transaction, deletionFacts, step);
  advanceOperation(transaction, step);
}

/**
 * Applies a 404 of Keystone for the account. Plans the tasks after the first 404, and advances the
 * operation after the confirming 404.
 */
function applyAbsentAnswer(
  transaction: OperationTransaction,
  { cloudSnapshot, recordedScope }: Extract<KeystoneAnswer, { kind: 'absent' }>,
  step: StepInput,
): void {
  // The projects of a domain have their own operations, so a domain has no tasks.
  const isDomain = transaction.operation.scope.type === 'domain';
  const isUnplanned = !isDomain && transaction.tasks.length === 0;
  transaction.operation = withAbsentAnswer(transaction.operation, recordedScope, step.now);
  if (isUnplanned && cloudSnapshot && mayPlanTasks(transaction.operation, step))
    planTasks(transaction, cloudSnapshot, step);
  // Advance only if the tasks are planned. An operation that has no tasks would end immediately and
  // remove nothing.
  const isPlanned = !isUnplanned || cloudSnapshot !== undefined;
  if (!isPlanned || !isConfirmed(transaction.operation, step))
    requestConfirmingAnswer(transaction, step.confirmationIntervalMillis, step);
  else if (!isDomain) advanceOperation(transaction, step);
}

/** Returns the operation with a 404 of Keystone at `now`, and with the data of the inventory. */
function withAbsentAnswer(
  stored: Operation,
  recordedScope: Operation['scope'] | undefined,
  now: number,
): Operation {
  const operation = withoutFutureTimes(stored, now);
  return {
    ...operation,
    hold: undefined,
    confirmedAt: confirmingAnswerTimes(operation.confirmedAt, now),
    ...(recordedScope ? { scope: mergedScope(operation.scope, recordedScope) } : {}),
  };
}

/**
 * False after a single 404 before the end of a recovery window, because the 404 may be wrong. If
 * the tasks were planned then, their counts would be out of date at the end of the window.
 */
const mayPlanTasks = (operation: Operation, step: StepInput): boolean =>
  !hasTimeLeft(operation) || isConfirmed(operation, step);
