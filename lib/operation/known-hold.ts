import { HOLD_TAG } from '../../events/hold.ts';
import type { Condition } from '../../events/service.ts';
import type { Operation, Task } from './model.ts';
import { hasEnded } from './open.ts';

/**
 * Returns the condition of a hold that is known to keep a resource of the task, or `undefined`.
 * While there is one, the dead letter of the task must not be discarded: the task would end, and
 * services that wait for the held resource would begin. For example, Swift would remove the data of
 * a held backup. `heldTypes`: the resource types of all stored holds in force. A hold in the
 * metadata of a resource is not stored, so it counts until a run no longer finds it.
 */
export function knownHold(
  operation: Operation,
  task: Task | undefined,
  heldTypes: readonly string[],
): Condition | undefined {
  if (operation.action !== 'cleanup' || hasEnded(operation)) return undefined;
  return task?.conditions.find(
    ({ isHold, resourceType, message }) =>
      isHold &&
      resourceType !== undefined &&
      (heldTypes.includes(resourceType) || message.includes(HOLD_TAG)),
  );
}
