import { HOLD_TAG } from '../../events/hold.ts';
import type { Condition } from '../../events/service.ts';
import { hasEnded } from './ended.ts';
import type { Operation, Task } from './model.ts';

/**
 * Returns the condition of a deletion hold on a resource of the task, or `undefined` if no hold is
 * known. The dead-letter message of a task with a known hold must not be discarded. The discard
 * would end the task and start the services that wait for the resource. For example, Swift would
 * remove the data of a backup that has a hold.
 *
 * `heldTypes`: the resource types of all stored holds in force. A hold in the metadata of a
 * resource is not stored. Such a hold counts until a run no longer reports it.
 */
export function holdOnTask(
  operation: Operation,
  task: Task | undefined,
  heldTypes: readonly string[],
): Condition | undefined {
  if (operation.action !== 'cleanup' || hasEnded(operation)) return undefined;
  return task?.conditions.find(
    ({ isHold, resourceType, message }) =>
      isHold &&
      resourceType !== undefined &&
      (message.includes(HOLD_TAG) ||
        // The condition may be about a resource that its service would delete with the held one.
        heldTypes.some((type) => type === resourceType || message.includes(`resource ${type}/`))),
  );
}
