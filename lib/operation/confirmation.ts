import type { UserId } from '../../events/ids.ts';
import type { ErrorReport } from '../shared/errors.ts';
import { advance, holdForLeftovers, isConfirmed, isOnLivingProject } from './advance.ts';
import {
  confirmAgain,
  delayUntil,
  delayWhileBlocked,
  delayWhileShown,
  SHOWN_FOR_MILLIS,
} from './confirm-again.ts';
import { applyDomain } from './domain-begin.ts';
import { withoutFuture } from './elapsed.ts';
import type { Operation, Scope } from './model.ts';
import { refuse } from './open.ts';
import { isEnded } from './overtaking.ts';
import { planTasks } from './plan-tasks.ts';
import { endWindow, hasTimeLeft, resumeWindow, waitWhileEnabled } from './recovery.ts';
import { REGION_CODE } from './registry.ts';
import { mergedRerunScope } from './scope.ts';
import type { CloudSnapshot } from './snapshot.ts';
import type { OperationTransaction, Rules } from './transaction.ts';
import { moveOperation } from './transitions.ts';

/**
 * Keystone's answer about the account (safety rule "Keystone decides"). `unknown`: Keystone gave no
 * answer, or an uncertain one.
 */
export type KeystoneAnswer =
  /** `cloud` is needed only before the tasks are planned. */
  | {
      readonly kind: 'absent';
      readonly cloud: CloudSnapshot | undefined;
      /** The account in the inventory; `undefined` if the inventory does not have it. */
      readonly known?: Scope | undefined;
    }
  /** `alive` is set when an administrator requested the cleanup. */
  | {
      readonly kind: 'present';
      readonly enabled: boolean;
      readonly alive?: CloudSnapshot & {
        readonly roles: readonly string[];
        readonly members: readonly UserId[];
      };
    }
  /** An administrator requested the deletion of a domain, and Keystone shows it. */
  | { readonly kind: 'domain'; readonly enabled: boolean }
  /**
   * The project exists, and Keystone would refuse to disable or delete it (safety rule "Know the
   * end before the beginning").
   */
  | { readonly kind: 'blocked'; readonly message: string; readonly advice: string }
  /**
   * The account is deleted, and it is protected. Its resources are kept (safety rule "Never the
   * cloud's own").
   */
  | { readonly kind: 'protected'; readonly because: string }
  /** Another account exists whose id a database may treat as equal to this one. */
  | { readonly kind: 'alike'; readonly living: string }
  | { readonly kind: 'unknown'; readonly error: ErrorReport };

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

/**
 * Applies an answer that comes after the confirmation. If another client deleted the project, the
 * operation continues as after any deletion. If the project exists and all tasks have ended, a
 * person decides.
 */
function applyLaterConfirmation(
  transaction: OperationTransaction,
  keystoneAnswer: KeystoneAnswer,
  rules: Rules,
): void {
  const { state, order } = transaction.operation;
  const isDone = order.every(({ id }) => isEnded(transaction.task(id)));
  const isReadyToClose = isDone && state === 'running';
  if (keystoneAnswer.kind === 'unknown' && isReadyToClose) {
    applyUnknown(transaction, keystoneAnswer.error, rules);
    return;
  }
  transaction.operation = {
    ...transaction.operation,
    confirmation: transaction.operation.confirmation + 1,
  };
  // `protected` also means that the account is deleted. Each run checks the protection itself.
  if (keystoneAnswer.kind === 'absent' || keystoneAnswer.kind === 'protected')
    continueAsDeleted(transaction, isDone, rules);
  else if (keystoneAnswer.kind === 'present' && isReadyToClose) {
    transaction.operation = { ...transaction.operation, hold: undefined };
    holdForLeftovers(transaction, rules);
  }
  advance(transaction, rules);
}

/** Continues without the project, because another client has deleted it. */
function continueAsDeleted(transaction: OperationTransaction, isDone: boolean, rules: Rules): void {
  const { operation } = transaction;
  const running =
    operation.state === 'running'
      ? operation
      : { ...moveOperation(operation, 'running'), hold: undefined };
  transaction.operation = isDone
    ? { ...running, hold: undefined, confirmedAt: [rules.now] }
    : running;
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

function applyUnknown(transaction: OperationTransaction, error: ErrorReport, rules: Rules): void {
  const { operation } = transaction;
  // Keystone cannot be asked about an id with a slash, so a retry does not help. An operator can
  // correct the causes of all other errors, for example a proxy that answers 405.
  if (error.code === 'keystone.id.hidden' && operation.state === 'confirming') {
    transaction.operation = refuse(operation, error.message, rules.now);
    return;
  }
  const since = operation.hold?.since ?? rules.now;
  transaction.operation = {
    ...operation,
    hold: {
      reason:
        error.code === REGION_CODE
          ? error.message
          : `Keystone gave no certain answer: ${error.message}`,
      since,
      advice: error.advice,
    },
  };
  confirmAgain(transaction, delayWhileBlocked(since, rules));
}

/**
 * Holds an operation that has removed nothing yet. The operation continues automatically when
 * Keystone would allow the deletion.
 */
function applyBlocked(
  transaction: OperationTransaction,
  { message, advice }: Extract<KeystoneAnswer, { kind: 'blocked' }>,
  rules: Rules,
): void {
  const { operation } = transaction;
  const since = operation.hold?.since ?? rules.now;
  const reason = `nothing was removed: Keystone would refuse to delete the project: ${message}`;
  transaction.operation = {
    ...operation,
    hold: { reason, since, advice, about: 'keystoneAction' },
  };
  confirmAgain(transaction, delayWhileBlocked(since, rules));
}

function applyPresent(transaction: OperationTransaction, reason: string, rules: Rules): void {
  const { operation } = transaction;
  // If the clock was set back, the recorded time is in the future.
  const since = Math.min(
    operation.hold?.reason === reason ? operation.hold.since : rules.now,
    rules.now,
  );
  if (rules.now - since >= SHOWN_FOR_MILLIS) {
    transaction.operation = refuse(operation, reason, rules.now);
    return;
  }
  // Keystone shows the account, so an earlier 404 does not count.
  const advice =
    'The answer may be stale, or the notification forged. Nothing is removed. Keystone is ' +
    'asked again for one minute.';
  transaction.operation = { ...operation, confirmedAt: [], hold: { reason, since, advice } };
  confirmAgain(transaction, delayWhileShown(since, rules));
}
