import { createHash } from 'node:crypto';
import type { Cause } from '../../events/account.ts';
import { OperationId } from '../../events/ids.ts';
import type { Outgoing } from '../../events/index.ts';
import { type DeletionTimes, isNewDeletion, isSameMessage } from './generation.ts';
import {
  type CleanupRequest,
  ENDED_OPERATION_STATES,
  type Mode,
  type Operation,
  type Rerun,
  type Scope,
} from './model.ts';
import { moveOperation } from './transitions.ts';

/** The input of {@link openCleanup}. Times are epoch milliseconds. */
export interface OpenCleanupInput {
  readonly scope: Scope;
  readonly cause: Cause;
  /** All cleanups of the account, newest first. */
  readonly cleanups: readonly Operation[];
  readonly mode: Mode;
  readonly now: number;
  readonly gracePeriodMillis: number;
  /** The reason if the account is protected (safety rule "Never the cloud's own"). */
  readonly protectedBecause: string | undefined;
  readonly parentId?: OperationId;
  /** Set when an administrator requests the cleanup of an existing project. */
  readonly request?: CleanupRequest;
  /** Set when a person runs an ended operation again. */
  readonly rerun?: Rerun;
  /** The times that tell whether the last operation already handles this deletion. */
  readonly deletion?: DeletionTimes;
  /**
   * The reason if Keystone's lists may be wrong. The operation is then held until a person releases
   * it or a notification announces the deletion.
   */
  readonly listingProblem?: string;
  /** The number of the rule in the policy file that decided about mode and delay. */
  readonly rule?: number | undefined;
}

/** An operation that was opened or changed, and the messages to send for it. */
export interface OpenedOperation {
  readonly operation: Operation;
  readonly messages: readonly Outgoing[];
}

/**
 * Returns the operation that the deletion of an account opens or changes, or `undefined` when an
 * operation already handles this deletion. The rules, in this order:
 *
 * - A message opens at most one operation.
 * - A request or rerun of a person opens a new generation. The caller ensures that no operation of
 *   the account is open.
 * - A notification continues an operation that is held because Keystone's lists may be wrong.
 * - A refused operation is continued, because the new notification may be true.
 * - A new deletion ({@link isNewDeletion}) opens a new generation. If the last operation has not
 *   ended, the new one opens after its end.
 * - An observed operation is opened again once the mode is `enforce`.
 *
 * The id is derived from the account and the generation. Two notifications about one deletion
 * therefore cannot create two operations.
 */
export function openCleanup(input: OpenCleanupInput): OpenedOperation | undefined {
  const { cleanups, cause } = input;
  if (cleanups.some((operation) => isSameMessage(operation.cause, cause))) return undefined;
  const last = cleanups[0];
  const isByPerson = input.request !== undefined || input.rerun !== undefined;
  const decision = last && !isByPerson ? decideByLast(last, input) : 'open';
  if (decision === 'open') return openNewGeneration(input, last);
  return decision === 'ignore' ? undefined : decision;
}

/**
 * Decides what the deletion changes when the account already has an operation, `last`. Returns the
 * changed operation, `open` if a new operation opens, or `ignore` if `last` handles the deletion.
 */
function decideByLast(
  last: Operation,
  input: OpenCleanupInput,
): OpenedOperation | 'open' | 'ignore' {
  const { cause, deletion, listingProblem, mode, protectedBecause } = input;
  // A notification continues the held operation. Another list with missing accounts does not
  // continue it.
  if (isHeldForListingProblem(last))
    return listingProblem || protectedBecause ? 'ignore' : reconfirmRefused(last, input);
  if (listingProblem && !hasEnded(last)) return 'ignore';
  const isNew = deletion !== undefined && isNewDeletion(last, deletion);
  if (!hasEnded(last)) return (isNew ? withNextDeletion(last, cause) : undefined) ?? 'ignore';
  if (last.state === 'refused' && !last.request)
    return protectedBecause ? 'ignore' : reconfirmRefused(last, input);
  const mayBeCarriedOut = last.state === 'observed' && mode === 'enforce';
  return isNew || mayBeCarriedOut || last.state === 'refused' ? 'open' : 'ignore';
}

/** Opens a cleanup of the account with the next generation after `last`. */
function openNewGeneration(input: OpenCleanupInput, last: Operation | undefined): OpenedOperation {
  const { now } = input;
  const generation = (last?.generation ?? 0) + 1;
  const id = operationId(input.scope, generation);
  const operation: Operation = {
    ...newOperation({ ...input, id, generation, notBefore: now + input.gracePeriodMillis }),
    parentId: input.parentId,
    request: input.request,
    rerun: input.rerun,
    ...(input.rule === undefined ? {} : { lifecycle: { rule: input.rule } }),
  };
  if (input.protectedBecause)
    return {
      operation: refuseOperation(operation, `protected: ${input.protectedBecause}`, now),
      messages: [],
    };
  if (input.listingProblem)
    return { operation: holdForListingProblem(operation, input.listingProblem, now), messages: [] };
  return {
    operation,
    messages: [{ type: 'operation.confirm', data: { operationId: id, confirmation: 1 } }],
  };
}

/**
 * Returns the record of an operation that has just been opened and waits for Keystone. The action
 * is `cleanup`, unless the caller changes it.
 */
export const newOperation = (
  input: Pick<Operation, 'id' | 'scope' | 'generation' | 'mode' | 'cause' | 'notBefore'> & {
    readonly now: number;
    readonly parentId?: OperationId | undefined;
  },
): Operation => ({
  id: input.id,
  action: 'cleanup',
  scope: input.scope,
  generation: input.generation,
  mode: input.mode,
  state: 'confirming',
  cause: input.cause,
  parentId: input.parentId,
  confirmedAt: [],
  confirmation: 1,
  notBefore: input.notBefore,
  order: [],
  children: [],
  hold: undefined,
  request: undefined,
  rerun: undefined,
  next: undefined,
  keystoneAction: undefined,
  roles: [],
  uncovered: [],
  leftOut: [],
  waived: [],
  released: undefined,
  openedAt: input.now,
  startedAt: undefined,
  endedAt: undefined,
  version: 0,
});

/**
 * Records another deletion in an operation that has not ended. After its end a new operation opens
 * for that deletion. Returns `undefined` if the deletion is recorded already.
 */
const withNextDeletion = (running: Operation, cause: Cause): OpenedOperation | undefined =>
  running.next && isSameMessage(running.next, cause)
    ? undefined
    : { operation: { ...running, next: cause }, messages: [] };

/** Lets Keystone confirm a refused or held operation again, for the new cause. */
function reconfirmRefused(refused: Operation, input: OpenCleanupInput): OpenedOperation {
  const operation: Operation = {
    ...moveOperation(refused, 'confirming'),
    cause: input.cause,
    mode: input.mode,
    confirmedAt: [],
    confirmation: refused.confirmation + 1,
    notBefore: input.now + input.gracePeriodMillis,
    hold: undefined,
    endedAt: undefined,
  };
  if (input.listingProblem)
    return {
      operation: holdForListingProblem(operation, input.listingProblem, input.now),
      messages: [],
    };
  return {
    operation,
    messages: [
      {
        type: 'operation.confirm',
        data: { operationId: operation.id, confirmation: operation.confirmation },
      },
    ],
  };
}

/**
 * True if the operation is held because so many accounts were missing in Keystone's lists that the
 * lists may be wrong.
 */
export const isHeldForListingProblem = ({ state, hold }: Operation): boolean =>
  state === 'held' && hold?.about === 'listing';

function holdForListingProblem(operation: Operation, reason: string, now: number): Operation {
  const advice =
    `Check with \`openstack ${operation.scope.type} show ${operation.scope.id}\` whether it is ` +
    `gone. If it is: propagator operation release ${operation.id} --reason "…". If Keystone ` +
    'lists it again, the next sweep ends this operation.';
  return {
    ...moveOperation(operation, 'held'),
    hold: { reason, since: now, advice, about: 'listing' },
  };
}

/** Ends an operation that must not continue. Its hold shows the reason. */
export function refuseOperation(operation: Operation, reason: string, now: number): Operation {
  const advice =
    operation.action === 'plan'
      ? 'No plan was made. The project itself was not changed.'
      : operation.recovery
        ? 'No resource was removed. The changes of the recovery window are reverted if Keystone ' +
          'still has the account: it is enabled and resumed as before.'
        : 'No resource was changed. If the account is really gone, run it again: propagator ' +
          `operation rerun ${operation.id} --reason "…"`;
  return {
    ...moveOperation(operation, 'refused'),
    hold: { reason, since: now, advice },
    endedAt: now,
  };
}

/** Returns `op-` and the start of a SHA-256 of the action, the account and the generation. */
export function operationId(
  scope: Pick<Scope, 'type' | 'id'>,
  generation: number,
  action: Operation['action'] = 'cleanup',
): OperationId {
  const digest = createHash('sha256')
    .update([action, scope.type, scope.id, generation].join('\n'))
    .digest('hex');
  return OperationId.parse(`op-${digest.slice(0, 12)}`);
}

/** True if the operation is in one of its end states. */
export const hasEnded = (operation: Operation): boolean =>
  ENDED_OPERATION_STATES.includes(operation.state);

/**
 * Returns the operations that this operation has opened, out of all `children`. Returns `undefined`
 * if one of these operations has not ended or is missing in `children`.
 */
export function childrenIfAllEnded(
  { children: ids }: Pick<Operation, 'children'>,
  children: readonly Operation[],
): readonly Operation[] | undefined {
  const ownChildren = children.filter(({ id }) => ids.includes(id));
  return ownChildren.length >= ids.length && ownChildren.every(hasEnded) ? ownChildren : undefined;
}
