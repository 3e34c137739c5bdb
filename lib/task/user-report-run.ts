import type { ResourceTypeName, UserId } from '../../events/ids.ts';
import type { Condition, Counts } from '../../events/service.ts';
import { reportOf } from '../shared/errors.ts';
import { aggregateConditions } from './conditions.ts';
import type { UserContext } from './context.ts';
import { createMemoize } from './memoize.ts';
import type { RunReport } from './run.ts';
import { ownershipOf } from './safety-rules.ts';
import { recordKey, type SuspensionRecord, type SuspensionRecords } from './suspension-records.ts';
import type { ReportedRow, UserReportType } from './user-report.ts';
import { contextWithoutDeletion } from './without-deletion.ts';

/** The input of {@link reportUserResources}. */
export interface UserReportInput {
  readonly service: string;
  readonly reportTypes: readonly UserReportType[];
  readonly action: 'suspend' | 'resume';
  readonly context: UserContext;
  /** The resources that the last suspension of the user listed. */
  readonly suspensionRecords: SuspensionRecords;
}

/**
 * The maximum number of conditions for one type, because a user may have trusts in thousands of
 * projects. The counts of the report are always complete.
 */
const MAX_CONDITIONS = 20;

/**
 * Lists the resources that depend on a user, with an API client that cannot delete. `suspend`
 * records the resources, and reports how the disabled user affects each of them. `resume` reports
 * recorded resources that the listing no longer shows. A failed listing becomes a condition, and
 * the records of its type are kept.
 */
export async function reportUserResources(input: UserReportInput): Promise<RunReport> {
  const allRecords = await input.suspensionRecords.all();
  const context = contextWithoutDeletion({ ...input.context, memoize: createMemoize() });
  const reportedTypes = await Promise.all(
    input.reportTypes.map((reportType) => reportOfType(reportType, allRecords, context, input)),
  );
  const counts: Counts = {};
  for (const { resourceType, total } of reportedTypes)
    if (total !== undefined) counts[resourceType] = { listed: total, gone: 0, left: total };
  return {
    counts,
    conditions: aggregateConditions(reportedTypes.flatMap(({ conditions }) => conditions)),
    outcome: { kind: 'finished' },
    verification: {},
    newlyListed: {},
    seenIds: undefined,
  };
}

interface ReportedType {
  readonly resourceType: ResourceTypeName;
  /** `undefined`: the type could not be listed. */
  readonly total: number | undefined;
  readonly conditions: readonly Condition[];
}

async function reportOfType(
  reportType: UserReportType,
  allRecords: readonly SuspensionRecord[],
  context: UserContext,
  { action, suspensionRecords, service }: UserReportInput,
): Promise<ReportedType> {
  const { advice, resourceType } = reportType;
  const conditionFields = { class: 'Unsupported', resourceType, actor: 'operator' } as const;
  let rows: readonly ReportedRow[];
  try {
    const listed = await reportType.list(context);
    rows = listed.filter((row) => ownershipOf(row, context.user as UserId) === 'ours');
  } catch (thrown) {
    const { region } = context;
    const error = reportOf(thrown, { code: `${resourceType}.list`, service, region });
    const message = `it is unknown whether the user has resources of this type: ${error.message}`;
    const condition = { ...conditionFields, message, advice: error.advice, count: 1 };
    return { resourceType, total: undefined, conditions: [condition] };
  }
  const total = rows.length;
  const recordsOfType = allRecords.filter((record) => record.resourceType === resourceType);
  if (action === 'resume')
    return {
      resourceType,
      total,
      conditions: vanishedConditions(recordsOfType, rows, conditionFields),
    };
  await recordListedResources(rows, recordsOfType, resourceType, suspensionRecords, context.now());
  const conditions = effectConditions(rows, { ...conditionFields, advice });
  return { resourceType, total, conditions };
}

/** Returns the condition of the recorded resources that the listing no longer shows. */
function vanishedConditions(
  records: readonly SuspensionRecord[],
  rows: readonly ReportedRow[],
  conditionFields: Omit<Condition, 'message' | 'count'>,
): Condition[] {
  const listedIds = new Set(rows.map(({ id }) => id));
  const vanishedRecords = records.filter(({ id }) => !listedIds.has(id));
  const [first] = vanishedRecords;
  if (!first) return [];
  return [
    {
      ...conditionFields,
      count: vanishedRecords.length,
      advice: 'If the resource is needed, ask the user to create it again.',
      message: 'it existed when the user was disabled, and does not exist now',
      example: first.id,
    },
  ];
}

/** Removes and adds records, so that exactly the listed resources of the type have a record. */
async function recordListedResources(
  rows: readonly ReportedRow[],
  earlierRecords: readonly SuspensionRecord[],
  resourceType: ResourceTypeName,
  suspensionRecords: SuspensionRecords,
  recordedAt: number,
): Promise<void> {
  const newRecordByKey = new Map(
    rows.map(({ id }) => {
      const record = { resourceType, id, recordedState: {}, recordedAt, version: 0 };
      return [recordKey(record), record] as const;
    }),
  );
  await suspensionRecords.remove(
    earlierRecords.filter((record) => !newRecordByKey.has(recordKey(record))),
  );
  const recordedKeys = new Set(earlierRecords.map(recordKey));
  const addedRecords = [...newRecordByKey.values()].filter(
    (record) => !recordedKeys.has(recordKey(record)),
  );
  if (addedRecords.length > 0) await suspensionRecords.add(addedRecords);
}

/**
 * Returns one condition for each message of the rows, often one for each project. If there are more
 * than {@link MAX_CONDITIONS}, the last condition summarizes the rest.
 */
function effectConditions(
  rows: readonly ReportedRow[],
  conditionFields: Omit<Condition, 'message' | 'count'>,
): Condition[] {
  const rowsByMessage = new Map<string, ReportedRow[]>();
  for (const row of rows)
    rowsByMessage.set(row.message, [...(rowsByMessage.get(row.message) ?? []), row]);
  const conditions = [...rowsByMessage].map(([message, [first, ...others]]): Condition => {
    const example = first?.label ?? first?.id;
    return {
      ...conditionFields,
      message,
      count: others.length + 1,
      ...(example ? { example } : {}),
    };
  });
  if (conditions.length <= MAX_CONDITIONS) return conditions;
  const furtherConditions = conditions.slice(MAX_CONDITIONS - 1);
  const count = furtherConditions.reduce((sum, one) => sum + one.count, 0);
  const message = `the same is true in further projects (${furtherConditions.length})`;
  return [...conditions.slice(0, MAX_CONDITIONS - 1), { ...conditionFields, message, count }];
}
