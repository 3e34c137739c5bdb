import type { ResourceTypeName } from '../../events/ids.ts';
import type { Condition } from '../../events/service.ts';
import { inProgressCondition } from './conditions.ts';
import { type LifecycleRunInput, runLifecycleSteps, type TypeComparison } from './lifecycle-run.ts';
import { listOwnRows } from './own-rows.ts';
import type { RunReport } from './run.ts';
import { chosenTypes, type SuspensionRow, type SuspensionType } from './suspension.ts';
import { recordKey, type SuspensionRecord, type SuspensionRecords } from './suspension-records.ts';

/**
 * Suspends one service of a project. The run first records the state of a resource that resume must
 * restore (safety rule "Record the state before the first change"). After that the run suspends the
 * resource. The run has finished when a listing at or after `settleAt` shows no resource that
 * suspend must still change. Before `settleAt`, services may still accept cached tokens.
 */
export function suspendService(input: LifecycleRunInput): Promise<RunReport> {
  const typesWithOptions = chosenTypes(input.types, input.options);
  const types = typesWithOptions.map(({ type }) => type);
  const optionByType = new Map(typesWithOptions.map(({ type, option }) => [type, option]));
  return runLifecycleSteps(
    { ...input, types },
    {
      compare: (type) => compareForSuspend(type, optionByType.get(type) ?? '', input),
      finish: async () => undefined,
      settlingMessage:
        'all resources are suspended; the next listing follows when the cached tokens have expired',
    },
  );
}

/** A resource that suspend must change, with the new record of its present state. */
interface RowToRecord {
  readonly row: SuspensionRow;
  readonly record: SuspensionRecord;
}

/**
 * The next step for one resource. `skip`: suspend does not change the resource and does not count
 * it. `suspended`: the resource needs no change any more. `wait`: the service is changing the
 * resource. `record`: the present state is recorded, and after that the resource is suspended.
 * `change`: a record already exists, and suspend changes the resource now.
 */
type RowStep =
  | { readonly kind: 'skip'; readonly condition?: Condition }
  | { readonly kind: 'suspended' }
  | { readonly kind: 'wait'; readonly condition: Condition }
  | { readonly kind: 'record'; readonly rowToRecord: RowToRecord }
  | { readonly kind: 'change'; readonly change: () => Promise<void> };

async function compareForSuspend(
  type: SuspensionType,
  option: string,
  input: LifecycleRunInput,
): Promise<TypeComparison> {
  const { resourceType } = type;
  const { rows, conditions } = await listOwnRows(type, input.context);
  const recordByKey = new Map(
    (await input.suspensionRecords.all()).map((one) => [recordKey(one), one]),
  );
  const steps = rows.map((row) => {
    const record = recordByKey.get(recordKey({ resourceType, id: row.id }));
    return record
      ? stepOfRecorded(row, record, option, input.suspensionRecords)
      : stepOfUnrecorded(row, option, resourceType, input.context.now());
  });
  for (const [index, step] of steps.entries())
    if ('condition' in step && step.condition)
      conditions.push({ ...step.condition, resourceType, example: rows[index]?.id });
  const rowsToRecord = steps.flatMap((step) => (step.kind === 'record' ? [step.rowToRecord] : []));
  const countedSteps = steps.filter(({ kind }) => kind !== 'skip');
  return {
    resourceType,
    total: countedSteps.length,
    left: countedSteps.filter(({ kind }) => kind !== 'suspended').length,
    conditions,
    changes: [
      ...steps.flatMap((step) => (step.kind === 'change' ? [step.change] : [])),
      ...(input.phase === 'apply' ? await recordAndGetChanges(rowsToRecord, input) : []),
    ],
  };
}

function stepOfUnrecorded(
  row: SuspensionRow,
  option: string,
  resourceType: ResourceTypeName,
  recordedAt: number,
): RowStep {
  const assessment = row.assess(option);
  if (assessment.kind !== 'suspend') return stepWithoutChange(assessment);
  const { recordedState } = assessment;
  const record = { resourceType, id: row.id, recordedState, recordedAt, version: 0 };
  return { kind: 'record', rowToRecord: { row, record } };
}

function stepWithoutChange(
  assessment: Exclude<ReturnType<SuspensionRow['assess']>, { kind: 'suspend' }>,
): RowStep {
  if (assessment.kind === 'at-rest') return { kind: 'skip' };
  if (assessment.kind === 'wait')
    return { kind: 'wait', condition: inProgressCondition(assessment.message) };
  const { advice, message } = assessment;
  const condition = { class: 'Unsupported', message, actor: 'operator', advice, count: 1 } as const;
  return { kind: 'skip', condition };
}

function stepOfRecorded(
  row: SuspensionRow,
  record: SuspensionRecord,
  option: string,
  suspensionRecords: SuspensionRecords,
): RowStep {
  const comparison = row.compare(record.recordedState);
  if (comparison.kind === 'suspended') return { kind: 'suspended' };
  if (comparison.kind === 'changing')
    return { kind: 'wait', condition: inProgressCondition(comparison.message) };
  if (comparison.kind !== 'changed')
    return { kind: 'change', change: () => row.suspend(record.recordedState) };
  // Another actor has changed the resource after its state was recorded. If the resource runs
  // again, its present state replaces the recorded state. For each part of the resource that is
  // still suspended, the recorded value is kept.
  const assessment = row.assess(option, record.recordedState);
  if (assessment.kind !== 'suspend') return stepWithoutChange(assessment);
  const { recordedState } = assessment;
  const change = async (): Promise<void> => {
    await suspensionRecords.replace({ ...record, recordedState });
    await row.suspend(recordedState);
  };
  return { kind: 'change', change };
}

/**
 * Stores the records, and returns the changes that suspend the resources. If an earlier run has
 * stored a record of a resource, the earlier record is used.
 */
async function recordAndGetChanges(
  rowsToRecord: readonly RowToRecord[],
  { suspensionRecords, mayContinue }: LifecycleRunInput,
): Promise<(() => Promise<void>)[]> {
  if (rowsToRecord.length === 0 || !(await mayContinue())) return [];
  const storedRecords = await suspensionRecords.add(rowsToRecord.map(({ record }) => record));
  const recordByKey = new Map(storedRecords.map((one) => [recordKey(one), one]));
  return rowsToRecord.flatMap(({ row, record }) => {
    const storedRecord = recordByKey.get(recordKey(record));
    return storedRecord ? [() => row.suspend(storedRecord.recordedState)] : [];
  });
}
