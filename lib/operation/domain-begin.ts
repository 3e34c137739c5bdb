import { requestNextConfirmation } from './confirm-again.ts';
import { scheduleDomainAdvance } from './domain-advance.ts';
import type { Operation } from './model.ts';
import type { AccountState } from './preflight.ts';
import { waitWhileEnabled } from './recovery.ts';
import { mayHaveDisabledAccount } from './recovery-window.ts';
import type { OperationTransaction, StepInput } from './transaction.ts';
import { moveOperation } from './transitions.ts';

/**
 * Applies an answer that shows the domain whose deletion was requested. If the recovery window may
 * have disabled the domain, the operation first enables it, because Keystone gives no token on the
 * projects of a disabled domain.
 */
export function applyDomainShown(
  transaction: OperationTransaction,
  enabled: boolean,
  step: StepInput,
): void {
  const { operation } = transaction;
  const { keystoneAction, recovery, request } = operation;
  // Ignore the answer while the domain is being enabled.
  if (keystoneAction?.what === 'enable' && !keystoneAction.done) return;
  if (recovery && enabled && request?.enabled === false) waitWhileEnabled(transaction, step);
  else if (!enabled && mustEnableDomain(operation)) {
    const { confirmation } = operation;
    transaction.operation = { ...operation, hold: undefined, confirmation: confirmation + 1 };
    transaction.requestKeystoneAction('enable', step.now);
  } else beginProjectCleanups(transaction, { isDomainEnabled: enabled }, step);
}

/** True if the recovery window may have disabled a domain that had an enabled project. */
const mustEnableDomain = ({ projects = [], recovery }: Operation): boolean =>
  mayHaveDisabledAccount(recovery) &&
  projects.some(({ enabled, plan }) => plan && enabled !== false);

/** Continues after the domain was enabled at the end of its recovery window. */
export function applyDomainEnabled(
  transaction: OperationTransaction,
  accountState: AccountState | undefined,
  step: StepInput,
): void {
  if (transaction.operation.state !== 'confirming') return;
  // Another client has deleted the domain. Keystone must confirm this deletion.
  if (accountState === 'absent') requestNextConfirmation(transaction, 0);
  else beginProjectCleanups(transaction, { isDomainEnabled: true }, step);
}

/**
 * Moves the operation to state `waiting`, in which it opens the cleanups of its projects. The
 * operation disables an enabled domain later.
 */
function beginProjectCleanups(
  transaction: OperationTransaction,
  { isDomainEnabled }: { readonly isDomainEnabled: boolean },
  step: StepInput,
): void {
  const { operation } = transaction;
  const { confirmation, keystoneAction, recovery, request } = operation;
  // The last action may be the one that disabled the domain for the recovery window. It is
  // replaced, because the domain is enabled now.
  const doneEnableAction = keystoneAction && {
    what: 'enable' as const,
    number: keystoneAction.number + 1,
    since: step.now,
    done: true,
  };
  transaction.operation = {
    ...moveOperation(operation, 'waiting'),
    hold: undefined,
    confirmation: confirmation + 1,
    confirmedAt: [],
    startedAt: step.now,
    ...(recovery && isDomainEnabled ? { keystoneAction: doneEnableAction } : {}),
    ...(recovery && isDomainEnabled && request ? { request: { ...request, enabled: true } } : {}),
  };
  scheduleDomainAdvance(transaction);
}
