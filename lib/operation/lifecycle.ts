import type { Cause } from '../../events/account.ts';
import type { OperationId } from '../../events/ids.ts';
import type { OutgoingMessage } from '../../events/index.ts';
import { hasEnded, refuseProtected } from './ended.ts';
import { isSameMessage } from './generation.ts';
import type { LifecycleRequest, Mode, Operation, Scope, SuspendOrResume } from './model.ts';
import { newOperation, operationId } from './new-operation.ts';
import {
  cleanupsOf,
  isCleanupUnderWay,
  needsResume,
  suspendsAndResumesOf,
} from './operation-history.ts';
import { moveOperation } from './transitions.ts';

/** The input of {@link openLifecycle}. Times are epoch milliseconds. */
export interface OpenLifecycleInput {
  readonly action: SuspendOrResume;
  readonly scope: Scope;
  readonly cause: Cause;
  /** All operations about the account, of every action. */
  readonly allOperations: readonly Operation[];
  /** The mode of the settings. The policy can only change this mode to `observe`. */
  readonly mode: Mode;
  readonly now: number;
  readonly protectedBecause: string | undefined;
  readonly parentId?: OperationId;
  /** Set when an administrator requested the operation. The policy then does not apply. */
  readonly request?: LifecycleRequest | undefined;
  /** Resume only: the canceled or refused deletion whose suspension is undone. */
  readonly undoes?: OperationId | undefined;
}

/**
 * The result of {@link openLifecycle}: the opened and changed operations and the messages to send.
 */
export interface OpenedLifecycle {
  /** `undefined` if no operation opens. */
  readonly opened: Operation | undefined;
  /** The operations that are superseded, or that Keystone must confirm again. */
  readonly changed: readonly Operation[];
  readonly messages: readonly OutgoingMessage[];
}

/** A run may still make its last call for this long after its operation was superseded. */
export const LAST_CALL_MILLIS = 120_000;

/**
 * Returns the operation that opens when a project, domain or user was disabled or enabled, or
 * `undefined` if nothing changes. The operation supersedes an open operation of the opposite action
 * (safety rule "The newest state in Keystone decides"). A request of an administrator can also
 * supersede an open operation of the same action. No operation opens during a cleanup, because a
 * cleanup supersedes suspend and resume. Keystone must confirm the operation before its first
 * change.
 */
export function openLifecycle(input: OpenLifecycleInput): OpenedLifecycle | undefined {
  const { action, cause, allOperations, now, scope } = input;
  if (allOperations.some((operation) => isSameMessage(operation.cause, cause))) return undefined;
  if (cleanupUnderWay(allOperations)) return undefined;
  const openLifecycles = openLifecyclesOf(allOperations);
  const openWithSameAction = openLifecycles.find((operation) => operation.action === action);
  if (openWithSameAction && !isReplacedByRequest(openWithSameAction, input.request))
    return undefined;
  // Nothing is suspended, so no resume opens. An open suspension must ask Keystone again whether
  // the account is still disabled.
  if (action === 'resume' && !needsResume(scope.type, allOperations))
    return reconfirmOperations(openLifecycles);
  const generation = (suspendsAndResumesOf(allOperations)[0]?.generation ?? 0) + 1;
  const operation = newLifecycle(input, generation, openLifecycles);
  if (input.protectedBecause) {
    const opened = refuseProtected(operation, input.protectedBecause, now);
    return { opened, changed: [], messages: [] };
  }
  const { id } = operation;
  const superseded = openLifecycles.map((one) => supersede(one, `${id} has replaced it`, now));
  return {
    opened: operation,
    changed: superseded,
    messages: [
      { type: 'operation.confirm', data: { operationId: id, confirmation: 1 } },
      ...superseded.flatMap(finishedMessages),
    ],
  };
}

/** Returns the cleanup that is under way, if there is one. No suspend or resume opens meanwhile. */
const cleanupUnderWay = (allOperations: readonly Operation[]): Operation | undefined =>
  cleanupsOf(allOperations).find(isCleanupUnderWay);

const openLifecyclesOf = (allOperations: readonly Operation[]): Operation[] =>
  suspendsAndResumesOf(allOperations).filter((operation) => !hasEnded(operation));

/**
 * Returns the reason why {@link openLifecycle} opened no operation for the request of an
 * administrator.
 */
export function whyNotOpened({
  action,
  allOperations,
}: Pick<OpenLifecycleInput, 'action' | 'allOperations'>): string {
  const cleanup = cleanupUnderWay(allOperations);
  if (cleanup) return `the deletion ${cleanup.id} of the project is under way`;
  const openWithSameAction = openLifecyclesOf(allOperations).find((one) => one.action === action);
  return openWithSameAction
    ? `the ${action} ${openWithSameAction.id} was requested before and has not ended`
    : 'no resource is suspended, so there is nothing to resume';
}

/**
 * True if the request of an administrator replaces an open operation of the same action. The policy
 * may still refuse an operation that no administrator requested, so only such an operation is
 * replaced.
 */
const isReplacedByRequest = (
  { lifecycle }: Operation,
  request: LifecycleRequest | undefined,
): boolean => request !== undefined && !lifecycle?.request;

/** Lets Keystone confirm the open operations again, without a new operation. */
function reconfirmOperations(openLifecycles: readonly Operation[]): OpenedLifecycle | undefined {
  if (openLifecycles.length === 0) return undefined;
  const changed = openLifecycles.map(withoutConfirmations);
  return { opened: undefined, changed, messages: askAgainMessages(changed) };
}

/** Returns the record of the operation that supersedes `openLifecycles`. */
function newLifecycle(
  input: OpenLifecycleInput,
  generation: number,
  openLifecycles: readonly Operation[],
): Operation {
  const { action, now, request, scope, undoes } = input;
  const id = operationId(scope, generation, action);
  const hasStarted = openLifecycles.some(({ startedAt }) => startedAt !== undefined);
  return {
    ...newOperation({ ...input, id, generation, notBefore: now }),
    action,
    lifecycle: {
      request,
      ...(undoes ? { undoes } : {}),
      hasSuperseded: openLifecycles.length > 0 || undefined,
      settleAt: hasStarted ? now + LAST_CALL_MILLIS : undefined,
    },
  };
}

/**
 * Returns the operation without its confirmations. Keystone must confirm it again before it can
 * begin or end `observed`. Otherwise the report of the last count could end a suspension as
 * `observed` after the account was enabled, and no resume would follow.
 */
const withoutConfirmations = (operation: Operation): Operation =>
  operation.state === 'confirming'
    ? { ...operation, confirmedAt: [], confirmation: operation.confirmation + 1 }
    : operation;

/** The prefix of the message id in the causes that follow a canceled or refused deletion. */
export const UNDO_CAUSE_PREFIX = 'undone/';

/**
 * True for a resume that follows the canceled or refused deletion of a project, or of a domain with
 * its projects. Such a resume ignores protections, because it only restores.
 */
export const isUndoOfSuspension = ({ action, cause, lifecycle }: Operation): boolean =>
  action === 'resume' &&
  lifecycle?.request !== undefined &&
  cause.messageId.startsWith(UNDO_CAUSE_PREFIX);

/** Returns the messages that make the operations ask Keystone again, unless they have ended. */
export const askAgainMessages = (operations: readonly Operation[]): OutgoingMessage[] =>
  operations
    .filter((operation) => !hasEnded(operation))
    .map(({ id, confirmation }) => ({
      type: 'operation.confirm',
      data: { operationId: id, confirmation },
    }));

/** Ends an operation that a later state of Keystone or a later decision replaces. */
export const supersede = (operation: Operation, reason: string, now: number): Operation => ({
  ...moveOperation(operation, 'superseded'),
  hold: { reason, since: now, advice: 'No action is needed: the newer operation decides.' },
  endedAt: now,
});

/**
 * Returns the message about the end of an operation. The operation of its domain waits for this
 * message.
 */
export const finishedMessages = ({ id, state, parentId }: Operation): OutgoingMessage[] => [
  {
    type: 'operation.finished',
    data: { operationId: id, state, ...(parentId ? { parentId } : {}) },
  },
];
