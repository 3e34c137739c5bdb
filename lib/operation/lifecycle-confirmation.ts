import { Account } from '../../events/account.ts';
import type { ErrorReport } from '../shared/errors.ts';
import { advanceOperation, isConfirmed } from './advance.ts';
import {
  confirmingAnswerTimes,
  delaySecondsWhileBlocked,
  delaySecondsWhileUnchanged,
  requestConfirmingAnswer,
  requestNextConfirmation,
  SAME_ANSWER_MILLIS,
} from './confirm-again.ts';
import { withoutFutureTimes } from './elapsed.ts';
import { hasEnded, refuseOperation } from './ended.ts';
import { supersede } from './lifecycle.ts';
import { type LifecycleProject, openLifecycleProjects } from './lifecycle-domain.ts';
import type { DesiredState, Mode, Operation } from './model.ts';
import { planTasks } from './plan-tasks.ts';
import type { CloudSnapshot } from './snapshot.ts';
import type { OperationTransaction, StepInput } from './transaction.ts';

/** The decision of the policy about the change. */
export interface LifecycleDecision {
  /** False if the policy has no action for the change. */
  readonly hasAction: boolean;
  readonly mode: Mode;
  readonly delayMillis: number;
  /** The number of the rule in the policy file. */
  readonly rule: number | undefined;
  /** Provision only. */
  readonly provision?: DesiredState | undefined;
  /** Suspend only: the options of the policy file for each service. */
  readonly options?: Readonly<Record<string, readonly string[]>> | undefined;
}

/** Keystone's answer about an account that is to be suspended, resumed or provisioned. */
export type LifecycleAnswer =
  | {
      readonly kind: 'present';
      /** True if the state in Keystone and the holds still require this operation. */
      readonly isWanted: boolean;
      /** The reason, for an operator. */
      readonly because: string;
      readonly decision: LifecycleDecision;
      /** Projects and users: the services that take part, with their dependencies. */
      readonly cloudSnapshot?: CloudSnapshot;
      /** Domains only. */
      readonly projects?: readonly LifecycleProject[];
    }
  | { readonly kind: 'absent' }
  | { readonly kind: 'refused'; readonly because: string }
  | { readonly kind: 'unknown'; readonly error: ErrorReport };

/**
 * True if a suspend, resume or provision operation waits for Keystone's answer to question
 * `questionNumber`. The operation asks in state `confirming`, and again in later states whenever a
 * notification about its account arrives.
 */
export const awaitsLifecycleConfirmation = (
  operation: Operation,
  questionNumber: number,
): boolean =>
  operation.action !== 'cleanup' &&
  operation.confirmation === questionNumber &&
  !hasEnded(operation);

/**
 * Applies Keystone's answer to question `questionNumber` to a suspend, resume or provision
 * operation.
 */
export function applyLifecycleConfirmation(
  transaction: OperationTransaction,
  questionNumber: number,
  answer: LifecycleAnswer,
  step: StepInput,
): void {
  if (!awaitsLifecycleConfirmation(transaction.operation, questionNumber)) return;
  switch (answer.kind) {
    case 'unknown':
      retryAfterUnknown(transaction, answer.error, step);
      break;
    case 'refused':
      refuseBeforeChanges(transaction, answer.because, step.now);
      break;
    case 'absent':
      applyContradictingAnswer(transaction, 'Keystone no longer shows it', undefined, step);
      break;
    case 'present':
      applyShownAccount(transaction, answer, step);
      break;
  }
}

/** Refuses the operation, unless it may have begun to change resources. */
function refuseBeforeChanges(
  transaction: OperationTransaction,
  because: string,
  now: number,
): void {
  if (transaction.operation.state === 'confirming')
    transaction.operation = refuseOperation(transaction.operation, because, now);
}

type PresentAnswer = Extract<LifecycleAnswer, { kind: 'present' }>;

/** Applies an answer that shows the account. */
function applyShownAccount(
  transaction: OperationTransaction,
  answer: PresentAnswer,
  step: StepInput,
): void {
  const { operation } = transaction;
  if (!answer.isWanted)
    applyContradictingAnswer(transaction, `Keystone shows it: ${answer.because}`, answer, step);
  else if (operation.state === 'confirming') applyAgreeingAnswer(transaction, answer, step);
  // The state in Keystone requires the operation. If an earlier answer contradicted the operation,
  // Keystone was asked again. The hold because of that answer ends, and the answer to the repeated
  // question will be ignored, because the number of the newest question increases here.
  else
    transaction.operation = {
      ...operation,
      hold: operation.state === 'held' ? operation.hold : undefined,
      confirmation: operation.confirmation + 1,
    };
}

/** Applies an answer that agrees with an operation in state `confirming`. */
function applyAgreeingAnswer(
  transaction: OperationTransaction,
  answer: PresentAnswer,
  step: StepInput,
): void {
  const operation = withoutFutureTimes(transaction.operation, step.now);
  const { decision } = answer;
  if (!decision.hasAction) {
    transaction.operation = refuseOperation(operation, noActionReason(decision), step.now);
    return;
  }
  // The decision at the first answer applies to the whole operation, even if Keystone must confirm
  // the operation again.
  const isFirstAnswer = operation.confirmedAt.length === 0 && transaction.tasks.length === 0;
  transaction.operation = {
    ...(isFirstAnswer ? withDecision(operation, decision) : operation),
    hold: undefined,
    confirmedAt: confirmingAnswerTimes(operation.confirmedAt, step.now),
  };
  if (answer.cloudSnapshot && transaction.tasks.length === 0)
    planTasks(transaction, answer.cloudSnapshot, step);
  if (!isConfirmed(transaction.operation, step))
    requestConfirmingAnswer(transaction, confirmationIntervalMillisOf(operation, step), step);
  else if (answer.projects) openLifecycleProjects(transaction, answer.projects, step);
  else advanceOperation(transaction, step);
}

/** A provision needs only one answer (see `isConfirmed`). */
const confirmationIntervalMillisOf = ({ action }: Operation, step: StepInput): number =>
  action === 'provision' ? 0 : step.confirmationIntervalMillis;

const noActionReason = ({ rule }: LifecycleDecision): string =>
  rule === undefined
    ? 'the policy has no action for it'
    : `rule ${rule} of the policy has no action for it`;

const withDecision = (operation: Operation, decision: LifecycleDecision): Operation => ({
  ...operation,
  mode: decision.mode,
  notBefore: operation.openedAt + decision.delayMillis,
  lifecycle: {
    ...operation.lifecycle,
    rule: decision.rule,
    options: decision.options,
    provision: decision.provision,
  },
});

/**
 * Applies an answer that contradicts the operation. If Keystone repeats the answer for one minute,
 * the operation ends. If the operation may have changed resources, the operation of the opposite
 * action then opens, even without a notification. A provision has no opposite action.
 */
function applyContradictingAnswer(
  transaction: OperationTransaction,
  reason: string,
  answer: PresentAnswer | undefined,
  step: StepInput,
): void {
  const { operation } = transaction;
  if (operation.state === 'held') return;
  const since = Math.min(
    operation.hold?.reason === reason ? operation.hold.since : step.now,
    step.now,
  );
  if (step.now - since < SAME_ANSWER_MILLIS) {
    const advice = 'No resource is changed. The propagator asks Keystone again for one minute.';
    transaction.operation = { ...operation, hold: { reason, since, advice } };
    requestNextConfirmation(transaction, delaySecondsWhileUnchanged(since, step));
    return;
  }
  transaction.operation = supersede(operation, reason, step.now);
  const { action, cause, id, lifecycle, mode, scope, startedAt } = operation;
  const hasActed = (startedAt !== undefined && mode === 'enforce') || lifecycle?.hasSuperseded;
  // No operation undoes a provision: the created resources stay.
  if (!answer || !hasActed || action === 'provision') return;
  transaction.messages.push({
    type: `account.${scope.type}.${action === 'suspend' ? 'enabled' : 'disabled'}`,
    data: {
      account: Account.parse(scope),
      cause: { messageId: `superseded/${id}`, eventType: cause.eventType, at: step.now },
    },
  });
}

function retryAfterUnknown(
  transaction: OperationTransaction,
  error: ErrorReport,
  step: StepInput,
): void {
  const { operation } = transaction;
  if (operation.state !== 'confirming') return;
  const since = operation.hold?.since ?? step.now;
  const reason = `Keystone gave no certain answer: ${error.message}`;
  transaction.operation = { ...operation, hold: { reason, since, advice: error.advice } };
  requestNextConfirmation(transaction, delaySecondsWhileBlocked(since, step));
}
