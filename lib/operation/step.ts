import type { TaskId } from '../../events/ids.ts';
import type { ServiceReport } from '../../events/service.ts';
import { announceEnd } from './advance.ts';
import { applyCancel } from './cancel.ts';
import { applyConfirmation } from './confirmation.ts';
import { applyDiscard, applyRedrive, type Discarded } from './dead-letter.ts';
import { applyChildren, type DomainProject, openProjects } from './domain.ts';
import { advanceDomain, type DomainProgress } from './domain-advance.ts';
import { applyPlans } from './domain-plan.ts';
import { announceDisabled } from './domain-project.ts';
import { applyKeystoneAction } from './keystone-actions.ts';
import type { KeystoneAnswer } from './keystone-answer.ts';
import { applyLifecycleConfirmation, type LifecycleAnswer } from './lifecycle-confirmation.ts';
import { applyLifecycleChildren } from './lifecycle-domain.ts';
import type { KeystoneActionResult, Operation, Task } from './model.ts';
import { hasEnded } from './open.ts';
import { applyWindow } from './recovery.ts';
import { cancelRecoverable, isCanceledBefore, undo } from './recovery-cancel.ts';
import { applyRelease } from './release.ts';
import { applyReport } from './report.ts';
import { OperationTransaction, type Rules, type Step } from './transaction.ts';

/** Every event that an operation handles. */
export type Input =
  | {
      readonly kind: 'confirmation';
      readonly confirmation: number;
      readonly keystoneAnswer: KeystoneAnswer;
      readonly projects?: readonly DomainProject[];
    }
  | {
      readonly kind: 'lifecycle-confirmation';
      readonly confirmation: number;
      readonly answer: LifecycleAnswer;
    }
  | { readonly kind: 'report'; readonly report: ServiceReport }
  | ({ readonly kind: 'acted' } & KeystoneActionResult)
  | { readonly kind: 'redriven'; readonly taskId: TaskId }
  | ({ readonly kind: 'discarded' } & Discarded)
  | {
      readonly kind: 'released';
      readonly by: string;
      readonly reason: string;
      readonly since?: number | undefined;
      /** The suspensions and resumes of an account whose recovery window the release ends. */
      readonly lifecycles?: readonly Operation[];
    }
  | {
      readonly kind: 'window';
      readonly number: number;
      readonly lifecycles: readonly Operation[];
    }
  | {
      readonly kind: 'canceled';
      readonly by: string;
      readonly reason: string;
      /** Domains only: the operations of their projects. */
      readonly children: readonly Operation[];
    }
  | { readonly kind: 'child-ended'; readonly children: readonly Operation[] }
  /** Domains that an administrator requested: the state of their projects. */
  | ({ readonly kind: 'domain-progress' } & DomainProgress);

/**
 * Handles one event: returns the changes to the operation and its tasks, or `undefined` if there
 * are none. `step` is a pure function. The caller commits the changes in one transaction. On a lock
 * conflict the caller reads the state again and repeats `step`.
 */
export function step(
  operation: Operation,
  tasks: readonly Task[],
  input: Input,
  rules: Rules,
): Step | undefined {
  const transaction = new OperationTransaction(operation, tasks);
  const { canceled } = operation;
  if (canceled && isCanceledBefore(operation) && input.kind !== 'acted')
    cancelRecoverable(transaction, canceled, rules);
  else apply(transaction, input, rules);
  if (!hasEnded(operation) && isTakenBack(transaction.operation)) undo(transaction, rules);
  announceDisabled(transaction, operation);
  // The operation of the domain waits for every end, also for a refusal.
  if (!hasEnded(operation) && hasEnded(transaction.operation)) announceEnd(transaction);
  const done = transaction.done();
  const unchanged =
    transaction.operation === operation &&
    done.operations.length === 1 &&
    done.tasks.length === 0 &&
    done.messages.length === 0 &&
    done.deadLetters.length === 0;
  return unchanged ? undefined : done;
}

function apply(transaction: OperationTransaction, input: Input, rules: Rules): void {
  const { operation } = transaction;
  switch (input.kind) {
    case 'confirmation':
      applyConfirmation(transaction, input.confirmation, input.keystoneAnswer, rules);
      if (input.keystoneAnswer.kind === 'absent' && input.projects)
        openProjects(transaction, input.projects, rules);
      break;
    case 'lifecycle-confirmation':
      applyLifecycleConfirmation(transaction, input.confirmation, input.answer, rules);
      break;
    case 'report':
      // A run of a superseded suspension, resume or provision may still report. Ignore its report.
      if (operation.action === 'cleanup' || !hasEnded(operation))
        applyReport(transaction, input.report, rules);
      // The last run reports its removals. No further run may follow.
      if (operation.state === 'canceled') transaction.dropMessages();
      break;
    case 'acted':
      applyKeystoneAction(transaction, input, rules);
      break;
    case 'redriven':
      applyRedrive(transaction, transaction.task(input.taskId), rules);
      break;
    case 'discarded':
      applyDiscard(transaction, input, rules);
      break;
    case 'released':
      applyRelease(transaction, input, rules);
      break;
    case 'canceled':
      applyCancel(transaction, input, rules);
      break;
    case 'window':
      applyWindow(transaction, input.number, input.lifecycles, rules);
      break;
    case 'child-ended':
      if (operation.action === 'plan') applyPlans(transaction, input.children, rules.now);
      else if (operation.action === 'cleanup')
        applyChildren(transaction, input.children, rules.now);
      else applyLifecycleChildren(transaction, input.children, rules.now);
      break;
    case 'domain-progress':
      advanceDomain(transaction, input, rules);
      break;
  }
}

/** True for the ended deletion of a project or domain that Keystone keeps. */
const isTakenBack = ({ action, request, scope, state }: Operation): boolean =>
  action === 'cleanup' &&
  request !== undefined &&
  scope.type !== 'user' &&
  (state === 'canceled' || state === 'refused');
