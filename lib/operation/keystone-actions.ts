import type { ErrorReport } from '../shared/errors.ts';
import { advance, hold } from './advance.ts';
import type { KeystoneAction } from './model.ts';
import type { AccountState } from './preflight.ts';
import { invalidateVerifications } from './ready.ts';
import type { OperationTransaction, Rules } from './transaction.ts';
import { moveOperation } from './transitions.ts';

/**
 * What became of an act: what Keystone showed right before it, and what kept it from being done.
 */
export interface KeystoneActionResult {
  readonly number: number;
  readonly shown?: AccountState;
  readonly error?: ErrorReport;
}

const LONGEST_WAIT_SECONDS = 60;

/**
 * Takes in what became of an act in Keystone. What is transient or stands in the way for now is
 * tried again; whatever else goes wrong waits for a person, for the next step would build on it. An
 * answer to an older act is left aside.
 */
export function applyKeystoneAction(
  transaction: OperationTransaction,
  { number, shown, error }: KeystoneActionResult,
  rules: Rules,
): void {
  const { keystoneAction, state, hold: held } = transaction.operation;
  if (!keystoneAction || keystoneAction.number !== number || keystoneAction.done) return;
  if (
    error &&
    keystoneAction.what === 'delete' &&
    shown === 'enabled' &&
    invalidateVerifications(transaction)
  ) {
    // Somebody works in it again: what was proven empty may not be any more.
    transaction.operation = moveOperation(
      { ...transaction.operation, keystoneAction: { ...keystoneAction, done: true } },
      'running',
    );
    advance(transaction, rules);
  } else if (error) takeFailure(transaction, keystoneAction, error, rules);
  else {
    transaction.operation = {
      ...transaction.operation,
      keystoneAction: { ...keystoneAction, done: true },
      hold: state === 'held' ? held : undefined,
    };
    // A disabled project gives no token, nor does one that somebody deleted: from here on it goes
    // as after a deletion, but for what was proven before.
    const givesNoToken =
      keystoneAction.what === 'disable' ||
      (keystoneAction.what === 'assign-role' && shown === 'absent');
    if (givesNoToken && state === 'pre-delete')
      transaction.operation = moveOperation(transaction.operation, 'running');
    advance(transaction, rules);
  }
}

const DOING = {
  'assign-role': 'taking a role on the project',
  'revoke-role': 'giving the role on the project back',
  disable: 'disabling the project',
  delete: 'deleting the project',
} as const;

function takeFailure(
  transaction: OperationTransaction,
  keystoneAction: KeystoneAction,
  error: ErrorReport,
  rules: Rules,
): void {
  const isStopped = error.class === 'Blocked';
  const reason = `${DOING[keystoneAction.what]} in Keystone ${isStopped ? 'waits' : 'failed'}: ${error.message}`;
  const { state } = transaction.operation;
  const isUnderWay = state === 'pre-delete' || state === 'closing';
  // Giving a role back goes on in whatever state the operation is.
  if (!isUnderWay && keystoneAction.what !== 'revoke-role') return;
  // `Gone`: somebody deleted the project this very moment; the next try sees that.
  if (isUnderWay && !isStopped && error.class !== 'Transient' && error.class !== 'Gone') {
    hold(transaction, reason, rules.now, { about: 'keystoneAction', advice: error.advice });
    return;
  }
  if (isUnderWay)
    transaction.operation = {
      ...transaction.operation,
      hold: {
        reason,
        since: keystoneAction.since,
        advice: error.advice,
        ...(isStopped ? { about: 'keystoneAction' } : {}),
      },
    };
  const delaySeconds = Math.min(
    LONGEST_WAIT_SECONDS,
    Math.max(1, (rules.now - keystoneAction.since) / 4000),
  );
  transaction.messages.push({
    type: 'operation.keystone-action',
    data: {
      operationId: transaction.operation.id,
      what: keystoneAction.what,
      number: keystoneAction.number,
    },
    delaySeconds,
  });
}
