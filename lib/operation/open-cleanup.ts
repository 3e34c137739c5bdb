import type { Cause } from '../../events/account.ts';
import type { OperationId } from '../../events/ids.ts';
import type { OutgoingMessage } from '../../events/index.ts';
import { hasEnded, refuseProtected } from './ended.ts';
import { type DeletionTimes, isNewDeletion, isSameMessage } from './generation.ts';
import type { CleanupRequest, Mode, Operation, Rerun, Scope } from './model.ts';
import { newOperation, operationId } from './new-operation.ts';
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
  readonly deletionTimes?: DeletionTimes;
  /**
   * The reason if Keystone's lists may be wrong. The operation is then held until a person releases
   * it or a notification announces the deletion.
   */
  readonly listingProblem?: string;
  /** The number of the rule in the policy file that decided about mode and delay. */
  readonly rule?: number | undefined;
}

/** An operation that was opened or changed, and the messages to send for it. */
export interface OperationWithMessages {
  readonly operation: Operation;
  readonly messages: readonly OutgoingMessage[];
}

/**
 * Returns the operation that the deletion of an account opens or changes, or `undefined` when an
 * operation already handles this deletion. The rules, in this order:
 *
 * - A message opens at most one operation.
 * - A request or rerun of a person opens a new generation. The caller ensures that no operation of
 *   the account is open.
 * - A notification continues an operation that is held because Keystone's lists may be wrong.
 * - A refused operation is continued, because the new notification may be true. If an administrator
 *   requested the refused operation, the deletion opens a new generation instead.
 * - A new deletion ({@link isNewDeletion}) opens a new generation. If the last operation has not
 *   ended, the new one opens after its end.
 * - If the last operation is `observed` and the mode is now `enforce`, the deletion opens a new
 *   generation.
 *
 * The id is derived from the account and the generation. Two notifications about one deletion
 * therefore cannot create two operations.
 */
export function openCleanup(input: OpenCleanupInput): OperationWithMessages | undefined {
  const { cleanups, cause } = input;
  if (cleanups.some((operation) => isSameMessage(operation.cause, cause))) return undefined;
  const lastCleanup = cleanups[0];
  const isByPerson = input.request !== undefined || input.rerun !== undefined;
  const decision = lastCleanup && !isByPerson ? decideByLastCleanup(lastCleanup, input) : 'open';
  if (decision === 'open') return openNewGeneration(input, lastCleanup);
  return decision === 'ignore' ? undefined : decision;
}

/**
 * What a deletion changes: the last cleanup, a new cleanup (`open`), or nothing (`ignore`), because
 * the last cleanup handles the deletion.
 */
type CleanupDecision = OperationWithMessages | 'open' | 'ignore';

/** Decides what the deletion changes when the account already has a cleanup. */
function decideByLastCleanup(lastCleanup: Operation, input: OpenCleanupInput): CleanupDecision {
  const { cause, deletionTimes, listingProblem } = input;
  // A notification continues the held operation. Another list with missing accounts does not
  // continue it.
  if (isHeldForListingProblem(lastCleanup))
    return listingProblem ? 'ignore' : reconfirmUnlessProtected(lastCleanup, input);
  const isNew = deletionTimes !== undefined && isNewDeletion(lastCleanup, deletionTimes);
  if (hasEnded(lastCleanup)) return decideAfterEnd(lastCleanup, isNew, input);
  return isNew && !listingProblem ? withNextDeletion(lastCleanup, cause) : 'ignore';
}

/** Decides what the deletion changes when the last cleanup of the account has ended. */
function decideAfterEnd(
  lastCleanup: Operation,
  isNew: boolean,
  input: OpenCleanupInput,
): CleanupDecision {
  const { request, state } = lastCleanup;
  if (state === 'refused') return request ? 'open' : reconfirmUnlessProtected(lastCleanup, input);
  const mayBeCarriedOut = state === 'observed' && input.mode === 'enforce';
  return isNew || mayBeCarriedOut ? 'open' : 'ignore';
}

/** Opens a cleanup of the account with the next generation after `lastCleanup`. */
function openNewGeneration(
  input: OpenCleanupInput,
  lastCleanup: Operation | undefined,
): OperationWithMessages {
  const { now } = input;
  const generation = (lastCleanup?.generation ?? 0) + 1;
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
      operation: refuseProtected(operation, input.protectedBecause, now),
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
 * Records another deletion in an operation that has not ended. After its end a new operation opens
 * for that deletion. Returns `ignore` if the deletion is recorded already.
 */
const withNextDeletion = (operation: Operation, cause: Cause): OperationWithMessages | 'ignore' =>
  operation.nextDeletion && isSameMessage(operation.nextDeletion, cause)
    ? 'ignore'
    : { operation: { ...operation, nextDeletion: cause }, messages: [] };

const reconfirmUnlessProtected = (
  stoppedCleanup: Operation,
  input: OpenCleanupInput,
): OperationWithMessages | 'ignore' =>
  input.protectedBecause ? 'ignore' : reconfirm(stoppedCleanup, input);

/** Lets Keystone confirm a refused or held operation again, for the new cause. */
function reconfirm(stoppedCleanup: Operation, input: OpenCleanupInput): OperationWithMessages {
  const operation: Operation = {
    ...moveOperation(stoppedCleanup, 'confirming'),
    cause: input.cause,
    mode: input.mode,
    confirmedAt: [],
    confirmation: stoppedCleanup.confirmation + 1,
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
