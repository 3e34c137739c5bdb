import type { Cause } from '../../events/account.ts';
import type { OperationId } from '../../events/ids.ts';
import { hasEnded, refuseProtected } from './ended.ts';
import { isSameMessage } from './generation.ts';
import { LAST_CALL_MILLIS, type OpenedLifecycle } from './lifecycle.ts';
import type { LifecycleRequest, Mode, Operation, Scope } from './model.ts';
import { newOperation, operationId } from './new-operation.ts';
import { cleanupsOf, isCleanupUnderWay } from './operation-history.ts';

/** The input of {@link openProvision}. Times are epoch milliseconds. */
export interface OpenProvisionInput {
  readonly scope: Scope;
  readonly cause: Cause;
  /** All operations about the project, of every action. */
  readonly allOperations: readonly Operation[];
  /** The mode of the settings. The policy can only change this mode to `observe`. */
  readonly mode: Mode;
  readonly now: number;
  readonly protectedBecause: string | undefined;
  readonly parentId?: OperationId;
  /** Set when an administrator requested the operation by a command. */
  readonly request?: LifecycleRequest | undefined;
}

/** Returns the provision operations, newest first. */
export const provisionsOf = (operations: readonly Operation[]): Operation[] =>
  operations
    .filter(({ action }) => action === 'provision')
    .toSorted((one, other) => other.generation - one.generation);

/**
 * True if the last provision of the project was superseded, for example because the project was
 * disabled. The provision is repeated when the project is enabled.
 */
export const awaitsProvision = (operations: readonly Operation[]): boolean =>
  provisionsOf(operations)[0]?.state === 'superseded';

/**
 * Returns the operation that opens when a project was created, or `undefined` if none opens. None
 * opens during another provision or a cleanup. For a project that is provisioned already, an
 * operation opens only at the request of an administrator.
 */
export function openProvision(input: OpenProvisionInput): OpenedLifecycle | undefined {
  const { request, cause, allOperations, now, scope } = input;
  if (allOperations.some((operation) => isSameMessage(operation.cause, cause))) return undefined;
  if (cleanupsOf(allOperations).some(isCleanupUnderWay)) return undefined;
  const earlierProvisions = provisionsOf(allOperations);
  const [lastProvision] = earlierProvisions;
  if (earlierProvisions.some((operation) => !hasEnded(operation))) return undefined;
  const isDone = lastProvision?.state === 'finished' || lastProvision?.state === 'unverified';
  if (isDone && !request) return undefined;
  const generation = (lastProvision?.generation ?? 0) + 1;
  const id = operationId(scope, generation, 'provision');
  const operation: Operation = {
    ...newOperation({ ...input, id, generation, notBefore: now }),
    action: 'provision',
    lifecycle: { request },
  };
  if (input.protectedBecause)
    return {
      opened: refuseProtected(operation, input.protectedBecause, now),
      changed: [],
      messages: [],
    };
  return {
    opened: operation,
    changed: [],
    messages: [{ type: 'operation.confirm', data: { operationId: id, confirmation: 1 } }],
  };
}

/**
 * Returns the open provision operations, paused by a hold because the deletion of the project was
 * announced. Their runs make no further calls. The pause ends if Keystone still shows the project.
 * The operation ends if Keystone no longer shows it.
 */
export const pausedProvisions = (operations: readonly Operation[], now: number): Operation[] =>
  provisionsOf(operations)
    .filter((operation) => !hasEnded(operation) && operation.state !== 'held')
    .map((operation) => ({
      ...operation,
      hold: {
        reason: 'the deletion of the project was announced',
        since: now,
        advice: 'No action is needed: the answer of Keystone decides.',
      },
    }));

/**
 * Returns how many milliseconds a cleanup must wait for the last call of a provision that was just
 * paused. The cleanup must list the resource that this call may create.
 */
export const lastCallDelayMillis = (operations: readonly Operation[]): number =>
  provisionsOf(operations).some((one) => !hasEnded(one) && one.startedAt !== undefined)
    ? LAST_CALL_MILLIS
    : 0;
