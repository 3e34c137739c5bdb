import type { Condition } from '../../events/service.ts';
import { inProgressCondition } from './conditions.ts';
import { type LifecycleRunInput, lifecycleRun, type TypeComparison } from './lifecycle-run.ts';
import { ownRows } from './own-rows.ts';
import type { RunReport } from './run.ts';
import type { SuspensionType } from './suspension.ts';
import { recordKey, type SuspensionRecord } from './suspension-records.ts';

/**
 * Resumes one service of a project. Each resource that is still suspended gets its recorded state.
 * If another actor has changed a resource, the run reports it and does not change it. When a
 * listing at or after `settleAt` shows the recorded state of a resource, its record is removed. The
 * run has finished when no resource is left to restore. It then removes all records.
 */
export function resumeRun(input: LifecycleRunInput): Promise<RunReport> {
  return lifecycleRun(input, {
    compare: (type, listedAt) => resumeType(type, listedAt, input),
    finish: async () => {
      if (input.phase === 'apply') await input.records.remove(await input.records.all());
    },
    settlingMessage:
      'all resources are restored; the next listing follows when the suspending run has ended',
  });
}

async function resumeType(
  type: SuspensionType,
  listedAt: number,
  input: LifecycleRunInput,
): Promise<TypeComparison> {
  const { resourceType } = type;
  const recordsOfType = (await input.records.all()).filter(
    (one) => one.resourceType === resourceType,
  );
  if (recordsOfType.length === 0)
    return { resourceType, total: 0, left: 0, conditions: [], changes: [] };
  const { rows, conditions } = await ownRows(type, input.context);
  const rowOf = new Map(rows.map((row) => [recordKey({ resourceType, id: row.id }), row]));
  const changes: (() => Promise<void>)[] = [];
  const restoredRecords: SuspensionRecord[] = [];
  let left = 0;
  for (const record of recordsOfType) {
    const row = rowOf.get(recordKey(record));
    // A resource that no longer exists needs no change, like a restored one.
    const comparison = row?.compare(record.recordedState) ?? { kind: 'as-recorded' as const };
    if (comparison.kind === 'changed')
      conditions.push(changedCondition(record, comparison.message));
    if (comparison.kind === 'as-recorded') restoredRecords.push(record);
    else if (comparison.kind !== 'changed' || comparison.isPartlySuspended) {
      left += 1;
      if (comparison.kind === 'changing')
        conditions.push(
          inProgressCondition(comparison.message, { resourceType, example: record.id }),
        );
      else changes.push(() => row?.resume(record.recordedState) ?? Promise.resolve());
    }
  }
  if (input.phase === 'apply' && listedAt >= input.settleAt)
    await input.records.remove(restoredRecords);
  return { resourceType, total: recordsOfType.length, left, conditions, changes };
}

const changedCondition = ({ resourceType, id }: SuspensionRecord, message: string): Condition => ({
  class: 'Unsupported',
  resourceType: resourceType as NonNullable<Condition['resourceType']>,
  message: `the resource was changed while it was suspended, and is not changed back: ${message}`,
  actor: 'operator',
  advice: 'Ask the owner of the project whether the resource should run again.',
  count: 1,
  example: id,
});
