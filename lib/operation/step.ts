import type { TaskId } from '../../events/ids.ts';
import type { ServiceReport } from '../../events/service.ts';
import { announceEnd } from './advance.ts';
import { applyCancel } from './cancel.ts';
import { applyConfirmation } from './confirmation.ts';
import { applyDiscard, applyRedrive, type DiscardDecision } from './dead-letter.ts';
import { type DomainProject, endDomainCleanup, openCleanupsOfDeletedDomain } from './domain.ts';
import { advanceDomain, type DomainProgress } from './domain-advance.ts';
import { endDomainPlan } from './domain-plan.ts';
import { announceDisabled } from './domain-project.ts';
import { hasEnded } from './ended.ts';
import { applyKeystoneActionResult } from './keystone-actions.ts';
import type { KeystoneAnswer } from './keystone-answer.ts';
import { applyLifecycleConfirmation, type LifecycleAnswer } from './lifecycle-confirmation.ts';
import { endDomainLifecycle } from './lifecycle-domain.ts';
import type { KeystoneActionResult, Operation, Task } from './model.ts';
import { applyWindowCheck } from './recovery.ts';
import {
  cancelInRecoveryWindow,
  hasPendingCancellation,
  restoreAccount,
} from './recovery-cancel.ts';
import { applyRelease } from './release.ts';
import { applyReport } from './report.ts';
import { OperationTransaction, type StepChanges, type StepInput } from './transaction.ts';

/** Everything that can change an operation, with the facts that the caller has read for it. */
export type StepEvent =
  | {
      readonly kind: 'confirmation';
      readonly questionNumber: number;
      readonly keystoneAnswer: KeystoneAnswer;
      readonly projects?: readonly DomainProject[];
    }
  | {
      readonly kind: 'lifecycle-confirmation';
      readonly questionNumber: number;
      readonly answer: LifecycleAnswer;
    }
  | { readonly kind: 'report'; readonly report: ServiceReport }
  /** The end of one attempt of the operation's Keystone action. */
  | ({ readonly kind: 'keystone-action-result' } & KeystoneActionResult)
  | { readonly kind: 'redriven'; readonly taskId: TaskId }
  | ({ readonly kind: 'discarded' } & DiscardDecision)
  | {
      readonly kind: 'released';
      readonly by: string;
      readonly reason: string;
      readonly since?: number | undefined;
      /** The suspensions and resumes of an account whose recovery window the release ends. */
      readonly suspendsAndResumes?: readonly Operation[];
    }
  /** A check of the recovery window is due. */
  | {
      readonly kind: 'window-check';
      readonly number: number;
      readonly suspendsAndResumes: readonly Operation[];
    }
  | {
      readonly kind: 'canceled';
      readonly by: string;
      readonly reason: string;
      /** Domains only: the operations of their projects. */
      readonly children: readonly Operation[];
    }
  | { readonly kind: 'child-ended'; readonly children: readonly Operation[] }
  /** Requested deletion of a domain only: the state of a project may have changed. */
  | ({ readonly kind: 'domain-progress' } & DomainProgress);

/**
 * Applies one event to an operation. Returns the changes to the operation and its tasks, or
 * `undefined` if there are none. The function is pure. The caller commits the changes in one
 * transaction. On a lock conflict the caller reads the stored state again and repeats the call.
 */
export function step(
  operation: Operation,
  tasks: readonly Task[],
  event: StepEvent,
  stepInput: StepInput,
): StepChanges | undefined {
  const transaction = new OperationTransaction(operation, tasks);
  const { canceled } = operation;
  // A pending cancellation comes before any other event, because the event could begin the
  // deletion. Only the result of a Keystone action is applied, because it has already happened.
  if (canceled && hasPendingCancellation(operation) && event.kind !== 'keystone-action-result')
    cancelInRecoveryWindow(transaction, canceled, stepInput);
  else applyEvent(transaction, event, stepInput);
  if (!hasEnded(operation) && isAbandonedDeletion(transaction.operation))
    restoreAccount(transaction, stepInput);
  announceDisabled(transaction, operation);
  // The operation of a domain waits for the end of each project's operation. A refusal is also an
  // end.
  if (!hasEnded(operation) && hasEnded(transaction.operation)) announceEnd(transaction);
  const changes = transaction.changes();
  const isUnchanged =
    transaction.operation === operation &&
    changes.operations.length === 1 &&
    changes.tasks.length === 0 &&
    changes.messages.length === 0 &&
    changes.deadLetters.length === 0;
  return isUnchanged ? undefined : changes;
}

function applyEvent(
  transaction: OperationTransaction,
  event: StepEvent,
  stepInput: StepInput,
): void {
  switch (event.kind) {
    case 'confirmation':
      applyConfirmation(transaction, event.questionNumber, event.keystoneAnswer, stepInput);
      if (event.keystoneAnswer.kind === 'absent' && event.projects)
        openCleanupsOfDeletedDomain(transaction, event.projects, stepInput);
      break;
    case 'lifecycle-confirmation':
      applyLifecycleConfirmation(transaction, event.questionNumber, event.answer, stepInput);
      break;
    case 'report':
      applyServiceReport(transaction, event.report, stepInput);
      break;
    case 'keystone-action-result':
      applyKeystoneActionResult(transaction, event, stepInput);
      break;
    case 'redriven':
      applyRedrive(transaction, transaction.task(event.taskId), stepInput);
      break;
    case 'discarded':
      applyDiscard(transaction, event, stepInput);
      break;
    case 'released':
      applyRelease(transaction, event, stepInput);
      break;
    case 'canceled':
      applyCancel(transaction, event, stepInput);
      break;
    case 'window-check':
      applyWindowCheck(transaction, event.number, event.suspendsAndResumes, stepInput);
      break;
    case 'child-ended':
      applyEndedChild(transaction, event.children, stepInput.now);
      break;
    case 'domain-progress':
      advanceDomain(transaction, event, stepInput);
      break;
  }
}

/** Applies the report of a run, also after the end of the operation. */
function applyServiceReport(
  transaction: OperationTransaction,
  report: ServiceReport,
  stepInput: StepInput,
): void {
  const { operation } = transaction;
  // A run of a superseded suspension, resume or provision may still report. Ignore its report.
  if (operation.action === 'cleanup' || !hasEnded(operation))
    applyReport(transaction, report, stepInput);
  // A canceled operation only counts the removals of its last run. No further run may follow.
  if (operation.state === 'canceled') transaction.dropMessages();
}

/** Ends the operation of a domain if all its operations about projects have ended. */
function applyEndedChild(
  transaction: OperationTransaction,
  children: readonly Operation[],
  now: number,
): void {
  const { action } = transaction.operation;
  if (action === 'plan') endDomainPlan(transaction, children, now);
  else if (action === 'cleanup') endDomainCleanup(transaction, children, now);
  else endDomainLifecycle(transaction, children, now);
}

/** True for a requested deletion that ended before Keystone deleted the project or domain. */
const isAbandonedDeletion = ({ action, request, scope, state }: Operation): boolean =>
  action === 'cleanup' &&
  request !== undefined &&
  scope.type !== 'user' &&
  (state === 'canceled' || state === 'refused');
