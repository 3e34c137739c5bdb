import { advance, isConfirmed, isOnLivingProject } from './advance.ts';
import { confirmAgain, delayUntil } from './confirm-again.ts';
import { applyDomain } from './domain-begin.ts';
import { withoutFuture } from './elapsed.ts';
import type { KeystoneAnswer } from './keystone-answer.ts';
import { applyLaterConfirmation } from './later-confirmation.ts';
import type { Operation } from './model.ts';
import { refuse } from './open.ts';
import { planTasks } from './plan-tasks.ts';
import { endWindow, resumeWindow, waitWhileEnabled } from './recovery.ts';
import { hasTimeLeft } from './recovery-window.ts';
import { mergedRerunScope } from './scope.ts';
import type { OperationTransaction, Rules } from './transaction.ts';
import { applyBlocked, applyPresent, applyUnknown } from './unconfirmed.ts';

/** True if the operation still waits for Keystone's answer number `confirmation`. */
export const awaitsConfirmation = (operation: Operation, confirmation: number): boolean =>
  operation.confirmation === confirmation &&
  (operation.state === 'confirming' || mayBeDeleted(operation));

/**
 * True for a requested operation whose project another client may delete at any time. Keystone's
 * answer is applied in these states, and while the operation is held for leftovers.
 */
const mayBeDeleted = (operation: Operation): boolean =>
  isOnLivingProject(operation) &&
  (operation.state === 'recoverable' ||
    operation.state === 'pre-delete' ||
    operation.state === 'running' ||
    isHeldForLeftovers(operation));
const isHeldForLeftovers = ({ state, hold }: Operation): boolean =>
  state === 'held' && hold?.about === 'leftovers';

/**
 * Applies Keystone's answer number `confirmation` to the operation. An answer to an earlier
 * question is ignored.
 */
export function applyConfirmation(
  transaction: OperationTransaction,
  confirmation: number,
  keystoneAnswer: KeystoneAnswer,
  rules: Rules,
): void {
  const { operation } = transaction;
  if (!awaitsConfirmation(operation, confirmation)) return;
  if (operation.state === 'recoverable') {
    // Another client has deleted the project, so it cannot be recovered. Ask again, as at the end
    // of the window.
    if (keystoneAnswer.kind === 'absent') endWindow(transaction, [], rules);
    return;
  }
  if (operation.state !== 'confirming') {
    applyLaterConfirmation(transaction, keystoneAnswer, rules);
    return;
  }
  const isShown = ['present', 'blocked', 'domain'].includes(keystoneAnswer.kind);
  if (isShown && hasTimeLeft(operation)) {
    resumeWindow(transaction, rules);
    return;
  }
  switch (keystoneAnswer.kind) {
    case 'absent':
      if (operation.action === 'plan') {
        transaction.operation = refuse(
          operation,
          'Keystone no longer shows the project, so there is nothing to plan',
          rules.now,
        );
        break;
      }
      applyAbsent(transaction, keystoneAnswer, rules);
      break;
    case 'present':
      if (operation.request && keystoneAnswer.alive)
        applyRequested(transaction, keystoneAnswer.enabled, keystoneAnswer.alive, rules);
      else
        applyPresent(
          transaction,
          `Keystone still shows it (${keystoneAnswer.enabled ? 'enabled' : 'disabled'})`,
          rules,
        );
      break;
    case 'domain':
      applyDomain(transaction, keystoneAnswer.enabled, rules);
      break;
    case 'protected':
      transaction.operation = refuse(operation, `protected: ${keystoneAnswer.because}`, rules.now);
      break;
    case 'blocked':
      applyBlocked(transaction, keystoneAnswer, rules);
      break;
    case 'alike':
      transaction.operation = refuse(
        operation,
        `an existing ${operation.scope.type} has an id that databases may treat as equal to ` +
          `this one (${keystoneAnswer.living}): they differ only in case, accents or spaces, ` +
          'and a removal could affect the wrong account',
        rules.now,
      );
      break;
    case 'unknown':
      applyUnknown(transaction, keystoneAnswer.error, rules);
      break;
  }
}

/** Applies an answer that shows the project to an operation that an administrator requested. */
function applyRequested(
  transaction: OperationTransaction,
  enabled: boolean,
  alive: NonNullable<Extract<KeystoneAnswer, { kind: 'present' }>['alive']>,
  rules: Rules,
): void {
  const { operation } = transaction;
  if (!operation.request || operation.scope.type !== 'project') return;
  if (enabled && !operation.request.enabled && operation.recovery) {
    waitWhileEnabled(transaction, rules);
    return;
  }
  if (enabled && !operation.request.enabled) {
    transaction.operation = refuse(
      operation,
      operation.parentId === undefined
        ? 'the project was disabled when its cleanup was requested, and Keystone shows it ' +
            'enabled now'
        : 'the project was disabled when the deletion of its domain was approved, and Keystone ' +
            'shows it enabled now',
      rules.now,
    );
    return;
  }
  transaction.operation = {
    ...operation,
    hold: undefined,
    // The project exists, so an earlier 404 was wrong.
    confirmation: operation.confirmation + 1,
    confirmedAt: [],
    scope: { ...operation.scope, members: alive.members },
    request: { ...operation.request, enabled },
    roles: alive.roles,
  };
  if (transaction.tasks.length === 0) planTasks(transaction, alive, rules);
  advance(transaction, rules);
}

function applyAbsent(
  transaction: OperationTransaction,
  { cloud, known }: Extract<KeystoneAnswer, { kind: 'absent' }>,
  rules: Rules,
): void {
  const isUnplanned =
    transaction.operation.scope.type !== 'domain' && transaction.tasks.length === 0;
  const operation = withoutFuture(transaction.operation, rules.now);
  const first = operation.confirmedAt.at(0);
  transaction.operation = {
    ...operation,
    hold: undefined,
    confirmedAt: first === undefined ? [rules.now] : [first, rules.now],
    ...(known ? { scope: mergedRerunScope(operation.scope, known) } : {}),
  };
  // A single 404 before the end of a recovery window may be wrong. Tasks that are planned now would
  // count resources long before the window ends.
  const mayPlan = !hasTimeLeft(operation) || isConfirmed(transaction.operation, rules);
  if (isUnplanned && cloud && mayPlan) planTasks(transaction, cloud, rules);
  // An operation without tasks would end at once and remove nothing.
  const isPlanned = !isUnplanned || cloud !== undefined;
  if (isPlanned && isConfirmed(transaction.operation, rules)) {
    if (operation.scope.type !== 'domain') advance(transaction, rules);
    return;
  }
  const due = Math.max(
    operation.notBefore,
    (first ?? rules.now) + rules.confirmationIntervalMillis,
  );
  confirmAgain(transaction, delayUntil(due, rules));
}
