import type { ServiceRequested } from '../../events/service.ts';
import type { Reads } from '../engine/port.ts';
import { hasEnded } from '../operation/ended.ts';
import type { Operation } from '../operation/model.ts';
import type { TaskWithOperation } from './task-deps.ts';

/**
 * Returns the stored operation and task of a requested run. Returns `undefined` for a late or
 * duplicate message, whose run has ended.
 */
export async function readCurrentRun(
  { data }: ServiceRequested,
  reads: Pick<Reads, 'operation' | 'task'>,
): Promise<TaskWithOperation | undefined> {
  const [operation, task] = await Promise.all([
    reads.operation(data.operationId),
    reads.task(data.taskId),
  ]);
  if (!operation || !task) return undefined;
  const isCurrent = task.run === data.run && task.endedAt === undefined;
  return isCurrent ? { operation, task } : undefined;
}

/**
 * True if the operation is a plan, suspend, resume or provision that has ended, for example because
 * a later operation has superseded it. A run of this operation has no further effect.
 */
export const isRunObsolete = (operation: Operation): boolean =>
  operation.action !== 'cleanup' && hasEnded(operation);
