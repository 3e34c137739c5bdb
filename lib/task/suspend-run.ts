import type { Condition } from '../../events/service.ts';
import {
  inProgress,
  type LifecycleRunInput,
  lifecycleRun,
  ownRows,
  type TypeWork,
} from './lifecycle-run.ts';
import type { RunReport } from './run.ts';
import { chosenTypes, type Suspension, type SuspensionRow } from './suspension.ts';
import { recordKey, type SuspensionRecord } from './suspension-records.ts';

/**
 * Suspends one service of a project. The run first records the state of a resource that resume must
 * restore (safety rule "Record the state before the first change"). After that the run suspends the
 * resource. The run has finished when a listing at or after `settleAt` shows all resources at rest.
 * Before `settleAt`, services may still accept cached tokens.
 */
export function suspendRun(input: LifecycleRunInput): Promise<RunReport> {
  const chosen = chosenTypes(input.types, input.options);
  const types = chosen.map(({ type }) => type);
  const optionOf = new Map(chosen.map(({ type, option }) => [type, option]));
  return lifecycleRun(
    { ...input, types },
    {
      work: (type) => suspendType(type, optionOf.get(type) ?? '', input),
      finish: async () => undefined,
      waitsForSettling:
        'all resources are suspended; the next listing follows when the cached tokens have expired',
    },
  );
}

async function suspendType(
  type: Suspension,
  option: string,
  input: LifecycleRunInput,
): Promise<TypeWork> {
  const { rows, conditions } = await ownRows(type, input.context);
  const recordByKey = new Map((await input.records.all()).map((one) => [recordKey(one), one]));
  const { resourceType } = type;
  const work = { total: 0, left: 0, conditions, changes: [] as (() => Promise<void>)[] };
  const unrecorded: { row: SuspensionRow; record: SuspensionRecord }[] = [];
  for (const row of rows) {
    const recorded = recordByKey.get(recordKey({ resourceType, id: row.id }));
    const condition = recorded
      ? continueRecorded(row, recorded, option, work, input)
      : beginUnrecorded(row, option, resourceType, work, unrecorded, input);
    if (condition) work.conditions.push({ ...condition, resourceType, example: row.id });
  }
  if (input.phase === 'apply') await recordAll(unrecorded, work, input);
  return { resourceType, ...work };
}

type Work = { total: number; left: number; changes: (() => Promise<void>)[] };

function beginUnrecorded(
  row: SuspensionRow,
  option: string,
  resourceType: string,
  work: Work,
  unrecorded: { row: SuspensionRow; record: SuspensionRecord }[],
  { context }: LifecycleRunInput,
): Condition | undefined {
  const assessment = row.assess(option);
  if (assessment.kind === 'at-rest') return undefined;
  if (assessment.kind === 'leave')
    return {
      class: 'Unsupported',
      message: assessment.message,
      actor: 'operator',
      advice: assessment.advice,
      count: 1,
    };
  work.total += 1;
  work.left += 1;
  if (assessment.kind === 'wait') return inProgress(resourceType, assessment.message);
  const { before } = assessment;
  unrecorded.push({
    row,
    record: { resourceType, id: row.id, before, at: context.now(), version: 0 },
  });
  return undefined;
}

function continueRecorded(
  row: SuspensionRow,
  record: SuspensionRecord,
  option: string,
  work: Work,
  { records }: LifecycleRunInput,
): Condition | undefined {
  const comparison = row.compare(record.before);
  work.total += 1;
  if (comparison.kind === 'suspended') return undefined;
  if (comparison.kind === 'changing') {
    work.left += 1;
    return inProgress(record.resourceType, comparison.message);
  }
  if (comparison.kind === 'changed') {
    // Another actor has changed the resource after its state was recorded. If the resource runs
    // again, its present state replaces the recorded state.
    const assessment = row.assess(option);
    if (assessment.kind !== 'switch') {
      work.total -= 1;
      return undefined;
    }
    work.left += 1;
    const { before } = assessment;
    work.changes.push(async () => {
      await records.replace({ ...record, before });
      await row.suspend(before);
    });
    return undefined;
  }
  work.left += 1;
  work.changes.push(() => row.suspend(record.before));
  return undefined;
}

/**
 * Stores the records, and adds the suspension of each resource to the changes. If an earlier run
 * has stored a record of the resource, the earlier record is used.
 */
async function recordAll(
  unrecorded: readonly { row: SuspensionRow; record: SuspensionRecord }[],
  work: Work,
  { records, mayContinue }: LifecycleRunInput,
): Promise<void> {
  if (unrecorded.length === 0 || !(await mayContinue())) return;
  const stored = new Map(
    (await records.add(unrecorded.map(({ record }) => record))).map((one) => [recordKey(one), one]),
  );
  for (const { row, record } of unrecorded) {
    const storedRecord = stored.get(recordKey(record));
    if (storedRecord) work.changes.push(() => row.suspend(storedRecord.before));
  }
}
