import type { Condition } from '../../events/service.ts';
import { inProgressCondition } from './conditions.ts';
import { type LifecycleRunInput, runLifecycleSteps, type TypeComparison } from './lifecycle-run.ts';
import { listOwnRows } from './own-rows.ts';
import type { RunReport } from './run.ts';
import type { SuspensionRow, SuspensionType } from './suspension.ts';
import { recordKey, type SuspensionRecord } from './suspension-records.ts';

/**
 * Resumes one service of a project. Each resource that is still suspended gets its recorded state.
 * If another actor has changed a resource, the run reports the resource, and restores only the
 * parts that are still suspended. When a listing at or after `settleAt` shows the recorded state of
 * a resource, its record is removed. The run has finished when no resource is left to restore. It
 * then removes all records.
 */
export function resumeService(input: LifecycleRunInput): Promise<RunReport> {
  return runLifecycleSteps(input, {
    compare: (type, listedAt) => compareForResume(type, listedAt, input),
    finish: async () => {
      if (input.phase === 'apply')
        await input.suspensionRecords.remove(await input.suspensionRecords.all());
    },
    settlingMessage:
      'all resources are restored; the next listing follows when each call of the suspension has ' +
      'ended',
  });
}

async function compareForResume(
  type: SuspensionType,
  listedAt: number,
  input: LifecycleRunInput,
): Promise<TypeComparison> {
  const { resourceType } = type;
  const recordsOfType = (await input.suspensionRecords.all()).filter(
    (one) => one.resourceType === resourceType,
  );
  if (recordsOfType.length === 0)
    return { resourceType, total: 0, left: 0, conditions: [], changes: [] };
  const { rows, conditions } = await listOwnRows(type, input.context);
  const rowByKey = new Map(rows.map((row) => [recordKey({ resourceType, id: row.id }), row]));
  const steps = recordsOfType.map((record) =>
    resumeStepOf(record, rowByKey.get(recordKey(record)), type),
  );
  const restoredRecords = recordsOfType.filter(
    (_record, index) => steps[index]?.state === 'restored',
  );
  if (input.phase === 'apply' && listedAt >= input.settleAt)
    await input.suspensionRecords.remove(restoredRecords);
  return {
    resourceType,
    total: recordsOfType.length,
    left: steps.filter(({ state }) => state === 'to-restore').length,
    conditions: [...conditions, ...steps.flatMap(({ condition }) => condition ?? [])],
    changes: steps.flatMap(({ change }) => change ?? []),
  };
}

/** What resume does now with one recorded resource. */
interface ResumeStep {
  /**
   * `restored`: the resource has its recorded state, or does not exist any more. `to-restore`:
   * resume must still restore the resource or a part of it. `changed`: another actor has changed
   * the resource, so resume does not restore it.
   */
  readonly state: 'restored' | 'to-restore' | 'changed';
  readonly condition?: Condition;
  readonly change?: () => Promise<void>;
}

function resumeStepOf(
  record: SuspensionRecord,
  row: SuspensionRow | undefined,
  { resourceType }: SuspensionType,
): ResumeStep {
  // A resource that no longer exists needs no change, like a restored one.
  if (!row) return { state: 'restored' };
  const comparison = row.compare(record.recordedState);
  const change = (): Promise<void> => row.resume(record.recordedState);
  switch (comparison.kind) {
    case 'as-recorded':
      return { state: 'restored' };
    case 'suspended':
    case 'partly':
      return { state: 'to-restore', change };
    case 'changing': {
      const example = { resourceType, example: record.id };
      const condition = inProgressCondition(comparison.message, example);
      return { state: 'to-restore', condition };
    }
    case 'changed': {
      const condition = changedCondition(record, comparison.message);
      return comparison.isPartlySuspended
        ? { state: 'to-restore', condition, change }
        : { state: 'changed', condition };
    }
  }
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
