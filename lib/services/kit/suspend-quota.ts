import * as z from 'zod';
import {
  type Assessment,
  type Comparison,
  defineSuspension,
  type ProjectContext,
  type SuspensionType,
} from '../../task/service.ts';
import type { QuotaLimits } from './provision-quota.ts';

/** The input of {@link defineQuotaSuspension}. */
export interface QuotaSuspensionDefinition {
  /** The names of the limits that suspend lowers. Omit the limits that the service itself needs. */
  readonly limitNames: readonly string[];
  /** Sentences for the documentation: the reasons why other limits are not changed. */
  readonly unchangedReasons?: readonly string[];
  /** Reads the effective limits: the limits of the project, or the defaults where it has none. */
  read(context: ProjectContext): Promise<Readonly<Record<string, unknown>>>;
  /**
   * Reads the usage of each limit. Set for a service that refuses a limit below the usage: suspend
   * then lowers each limit to the usage and not to zero. A limit equal to the usage also prevents
   * new resources.
   */
  readUsage?(context: ProjectContext): Promise<Readonly<Record<string, number>>>;
  write(limits: QuotaLimits, context: ProjectContext): Promise<void>;
}

interface QuotaRow {
  readonly project: string;
  readonly limits: QuotaLimits;
  /** The lowest value that suspend may now write for each limit: zero, or the present usage. */
  readonly lowestLimits: QuotaLimits;
}

const numberSchema = z.number();
const limitsByNameSchema = z.record(z.string(), numberSchema);
/**
 * The limits before the suspension. `lowered`: the values that suspend writes. If `lowered` does
 * not name a limit, suspend sets this limit to zero.
 */
const recordedLimitsSchema = z.object({
  limits: limitsByNameSchema,
  lowered: limitsByNameSchema.optional(),
});
type RecordedLimits = z.infer<typeof recordedLimitsSchema>;

/** -1 means no limit, so it is higher than any other value. */
const isHigher = (limit: number, other: number): boolean => limit === -1 || limit > other;

/** Returns the value that suspend writes for each recorded limit. */
const loweredLimits = ({ limits, lowered = {} }: RecordedLimits): QuotaLimits =>
  Object.fromEntries(Object.keys(limits).map((name) => [name, lowered[name] ?? 0]));

/**
 * Groups the names of the recorded limits by the present value of each limit: the value that
 * suspend writes, the recorded value, or a third value that another actor has set.
 */
function groupByPresentValue({ limits }: QuotaRow, state: RecordedLimits) {
  const limitsAfterSuspend = loweredLimits(state);
  // A limit for which suspend and resume would write the same value is omitted.
  const names = Object.keys(state.limits).filter(
    (name) => state.limits[name] !== limitsAfterSuspend[name],
  );
  const isLowered = (name: string): boolean => limits[name] === limitsAfterSuspend[name];
  const isRecorded = (name: string): boolean => limits[name] === state.limits[name];
  return {
    loweredNames: names.filter(isLowered),
    recordedNames: names.filter(isRecorded),
    changedNames: names.filter((name) => !isLowered(name) && !isRecorded(name)),
  };
}

/**
 * Compares the present limits with the record. While any limit has its lowered value, the result is
 * `suspended` or `partly`, so that resume restores this limit. This also applies if another actor
 * has changed other limits.
 */
function compare(row: QuotaRow, state: RecordedLimits): Comparison {
  const { loweredNames, recordedNames, changedNames } = groupByPresentValue(row, state);
  if (loweredNames.length > 0) return { kind: recordedNames.length > 0 ? 'partly' : 'suspended' };
  if (changedNames.length > 0)
    return { kind: 'changed', message: `its limits: ${changedNames.join(', ')}` };
  // If the usage has grown, the service would refuse the lowered value of the record. The result
  // `changed` makes suspend record the state again.
  const isRecordBelowUsage = Object.entries(loweredLimits(state)).some(
    ([name, limit]) => (row.lowestLimits[name] ?? 0) > limit,
  );
  return isRecordBelowUsage
    ? { kind: 'changed', message: 'its usage has grown since the limits were recorded' }
    : { kind: 'as-recorded' };
}

const pickLimits = (from: QuotaLimits, names: readonly string[]): QuotaLimits =>
  Object.fromEntries(names.map((name) => [name, from[name] ?? 0]));

/** Records the limits that suspend can lower. */
function assess({ limits, lowestLimits }: QuotaRow): Assessment<RecordedLimits> {
  const names = Object.keys(limits).filter((name) =>
    isHigher(limits[name] ?? 0, lowestLimits[name] ?? 0),
  );
  if (names.length === 0) return { kind: 'at-rest' };
  const hasUsage = names.some((name) => (lowestLimits[name] ?? 0) > 0);
  return {
    kind: 'suspend',
    recordedState: {
      limits: pickLimits(limits, names),
      ...(hasUsage ? { lowered: pickLimits(lowestLimits, names) } : {}),
    },
  };
}

/** Reads the limits, and the usage if the service needs it, as one row. */
async function readRow(
  quota: QuotaSuspensionDefinition,
  context: ProjectContext,
): Promise<QuotaRow> {
  const [shownLimits, usage = {}] = await Promise.all([
    quota.read(context),
    quota.readUsage?.(context),
  ]);
  const limits = quota.limitNames.flatMap((name): [string, number][] => {
    const value = numberSchema.safeParse(shownLimits[name]);
    return value.success ? [[name, value.data]] : [];
  });
  const lowestLimits = limits.map(([name]): [string, number] => [name, usage[name] ?? 0]);
  return {
    // The answer names no owner, so the owner is the project of the request.
    project: context.project,
    limits: Object.fromEntries(limits),
    lowestLimits: Object.fromEntries(lowestLimits),
  };
}

/**
 * Defines a suspension that lowers the limits of a project to zero, or to the usage. Resume writes
 * the recorded values back, also a value that was a default. Most services do not show which values
 * are defaults. A reset to the defaults would also need a DELETE, which the API client of a resume
 * refuses. After a resume, a change of the default therefore no longer affects the project.
 */
export const defineQuotaSuspension = (
  quota: QuotaSuspensionDefinition,
): ((service: string) => SuspensionType) =>
  defineSuspension<QuotaRow, RecordedLimits>({
    name: 'quota',
    options: ['quota-zero'],
    summary: {
      suspend:
        `Option \`quotas: zero\`: these limits are set to ` +
        `${quota.readUsage ? 'the usage' : 'zero'}: ${quota.limitNames.join(', ')}.`,
      record: 'The value of each of these limits.',
      resume:
        'The recorded values are written back, except to a limit that was changed meanwhile. A ' +
        'value that was a default becomes a limit of the project.',
      unchanged: quota.unchangedReasons ?? [],
    },
    recordedState: recordedLimitsSchema,
    list: async (context) => [await readRow(quota, context)],
    id: ({ project }) => project,
    owner: ({ project }) => project,
    assess,
    async suspend(row, state, context) {
      const { loweredNames, recordedNames } = groupByPresentValue(row, state);
      const names = [...loweredNames, ...recordedNames];
      if (names.length > 0) await quota.write(pickLimits(loweredLimits(state), names), context);
    },
    compare,
    async resume(row, state, context) {
      const { loweredNames } = groupByPresentValue(row, state);
      if (loweredNames.length > 0)
        await quota.write(pickLimits(state.limits, loweredNames), context);
    },
  });
