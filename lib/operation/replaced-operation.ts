import type { OperationId } from '../../events/ids.ts';
import { hasEnded, refuseOperation } from './ended.ts';
import type { ApprovedPlan, Operation } from './model.ts';
import type { OperationWithMessages } from './open-cleanup.ts';

/** The open operation that a request replaces. */
export interface ReplacedOperation {
  readonly openOperation: Operation;
  /** The operation in its end state, with the message about its end. */
  readonly endedOperation: OperationWithMessages;
  /** The operation of the domain that waits for the replaced operation, if it has not ended. */
  readonly parent: Operation | undefined;
}

/** The request that replaces an operation, with the operation of the domain as `parent`. */
interface ReplacingRequest {
  readonly by: string;
  readonly now: number;
  readonly parent?: Operation | undefined;
  readonly plan?: ApprovedPlan;
}

/** Ends the open operation that a request replaces. */
export function replaceOperation(
  openOperation: Operation,
  { by, now, parent, plan }: ReplacingRequest,
): ReplacedOperation {
  const because = isReplacedByPlan(openOperation, plan)
    ? `${by} approved the newer plan ${plan?.of}`
    : `Keystone shows the project, and ${by} asked for its cleanup`;
  return {
    openOperation,
    endedOperation: refuseReplaced(openOperation, because, now),
    parent: parent && !hasEnded(parent) ? parent : undefined,
  };
}

/**
 * True for an operation that a notification of a deletion opened and that has not started. Keystone
 * shows the project, so the notification was forged or too early. The operation must not prevent
 * the request of an administrator.
 */
export const isRefuted = ({ request, startedAt, state }: Operation): boolean =>
  request === undefined && startedAt === undefined && (state === 'confirming' || state === 'held');

/** True if the newer plan `plan` replaces a held operation that carries out an earlier plan. */
export const isReplacedByPlan = (
  { plan: earlier, startedAt, state }: Operation,
  plan: ApprovedPlan | undefined,
): boolean =>
  plan !== undefined && earlier !== undefined && startedAt === undefined && state === 'held';

/** Returns the fields that the new operation takes over from the replaced one. */
export const fieldsFromReplaced = ({
  openOperation: { recovery, waitsForChildProjects },
  parent,
}: ReplacedOperation): Partial<Operation> => ({
  ...(parent ? { parentId: parent.id, waitsForChildProjects } : {}),
  // The window of the replaced operation is over. Keep the record of the changes that it made.
  ...(recovery ? { recovery: { ...recovery, remainingMillis: 0 } } : {}),
});

/** Returns a domain's operation in which a new operation of a project replaces an earlier one. */
export const withReplacedChild = (
  parent: Operation,
  earlierId: OperationId,
  newId: OperationId,
): Operation => ({
  ...parent,
  children: parent.children.map((id) => (id === earlierId ? newId : id)),
});

/**
 * Ends an operation that the request replaces. Announces the end to the operation of the domain.
 */
function refuseReplaced(
  openOperation: Operation,
  because: string,
  now: number,
): OperationWithMessages {
  const operation = refuseOperation(openOperation, because, now);
  const { id, state, parentId } = operation;
  return {
    operation,
    messages: [
      {
        type: 'operation.finished',
        data: { operationId: id, state, ...(parentId ? { parentId } : {}) },
      },
    ],
  };
}
