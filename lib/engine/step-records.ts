import type { OperationId } from '../../events/ids.ts';
import type { Reads, StepQuery, StepRecords } from './port-reads.ts';

/** Implements `stepRecords` with the separate reads, which run at the same time. */
export async function readStepRecords(
  reads: Pick<Reads, 'operation' | 'tasks' | 'countStartedSince' | 'coverageWaivers' | 'documents'>,
  id: OperationId,
  { startedSince, documentPartition: { collection, partition } }: StepQuery,
): Promise<StepRecords | undefined> {
  const operation = await reads.operation(id);
  if (!operation) return undefined;
  const { action, scope } = operation;
  const [tasks, startedCount, waivers, documents] = await Promise.all([
    reads.tasks(id),
    reads.countStartedSince(startedSince, scope.type, action),
    reads.coverageWaivers(),
    reads.documents(collection, partition),
  ]);
  return { operation, tasks, startedCount, waivers, documents };
}
