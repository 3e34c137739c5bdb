import * as z from 'zod';
import {
  type Assessment,
  type Comparison,
  defineSuspension,
  type ProjectContext,
  type SuspensionType,
} from '../../task/service.ts';

/** Limits by name. */
export type Limits = Readonly<Record<string, number>>;

/** The calls that read and write the limits of a project in one service. */
export interface QuotaSuspension {
  /** The limits that suspend lowers. Limits that the service itself needs are not in the list. */
  readonly limits: readonly string[];
  /** Sentences for the documentation: the reasons why other limits are not changed. */
  readonly unchanged?: readonly string[];
  /** Reads the effective limits: the limits of the project, or the defaults where it has none. */
  read(context: ProjectContext): Promise<Readonly<Record<string, unknown>>>;
  /**
   * Reads the usage of each limit. Set for a service that refuses a limit below the usage: suspend
   * then lowers each limit to the usage and not to zero. A limit equal to the usage also prevents
   * new resources.
   */
  readUsage?(context: ProjectContext): Promise<Readonly<Record<string, number>>>;
  write(limits: Limits, context: ProjectContext): Promise<void>;
}

interface QuotaRow {
  readonly project: string;
  readonly limits: Limits;
  /** The value to which suspend lowers each limit: zero, or the present usage. */
  readonly lowered: Limits;
}

const numberSchema = z.number();
const limitsByName = z.record(z.string(), numberSchema);
/** `lowered`: the values that suspend writes. Suspend sets a limit without a value to zero. */
const recordedLimits = z.object({ limits: limitsByName, lowered: limitsByName.optional() });
type RecordedLimits = z.infer<typeof recordedLimits>;

/** -1 means no limit, so it is higher than any other value. */
const isHigher = (limit: number, other: number): boolean => limit === -1 || limit > other;

/** Returns the values that suspend writes for the recorded limits. */
const loweredLimits = ({ limits, lowered = {} }: RecordedLimits): Limits =>
  Object.fromEntries(Object.keys(limits).map((name) => [name, lowered[name] ?? 0]));

/**
 * Groups the names of the recorded limits by the present value of each limit: the value that
 * suspend writes, the recorded value, or a third value that another actor has set.
 */
function groupByPresentValue({ limits }: QuotaRow, state: RecordedLimits) {
  const lowered = loweredLimits(state);
  // Suspend and resume write the same value to any other limit.
  const names = Object.keys(state.limits).filter((name) => state.limits[name] !== lowered[name]);
  const isLowered = (name: string): boolean => limits[name] === lowered[name];
  const isRecorded = (name: string): boolean => limits[name] === state.limits[name];
  return {
    lowered: names.filter(isLowered),
    recorded: names.filter(isRecorded),
    changed: names.filter((name) => !isLowered(name) && !isRecorded(name)),
  };
}

/**
 * While one limit has its lowered value, the result is `suspended` or `partly`, even if another
 * actor has changed another limit. Resume then still restores the lowered limits.
 */
function compare(row: QuotaRow, state: RecordedLimits): Comparison {
  const { lowered, recorded, changed } = groupByPresentValue(row, state);
  if (lowered.length > 0) return { kind: recorded.length > 0 ? 'partly' : 'suspended' };
  if (changed.length > 0) return { kind: 'changed', message: `its limits: ${changed.join(', ')}` };
  // If the usage has grown, the service would refuse the recorded lowered value. The result
  // `changed` makes suspend record the state again.
  const isBelowUsage = Object.entries(loweredLimits(state)).some(
    ([name, limit]) => (row.lowered[name] ?? 0) > limit,
  );
  return isBelowUsage
    ? { kind: 'changed', message: 'its usage has grown since the limits were recorded' }
    : { kind: 'as-recorded' };
}

const pickLimits = (from: Limits, names: readonly string[]): Limits =>
  Object.fromEntries(names.map((name) => [name, from[name] ?? 0]));

/** Records the limits that are higher than the value to which suspend lowers them. */
function assess({ limits, lowered }: QuotaRow): Assessment<RecordedLimits> {
  const names = Object.keys(limits).filter((name) =>
    isHigher(limits[name] ?? 0, lowered[name] ?? 0),
  );
  if (names.length === 0) return { kind: 'at-rest' };
  const isUsed = names.some((name) => (lowered[name] ?? 0) > 0);
  return {
    kind: 'suspend',
    recordedState: {
      limits: pickLimits(limits, names),
      ...(isUsed ? { lowered: pickLimits(lowered, names) } : {}),
    },
  };
}

/** Reads the limits, and the usage if the service needs it, as one row. */
async function readRow(quota: QuotaSuspension, context: ProjectContext): Promise<QuotaRow> {
  const [shownLimits, usage = {}] = await Promise.all([
    quota.read(context),
    quota.readUsage?.(context),
  ]);
  const limits = quota.limits.flatMap((name): [string, number][] => {
    const value = numberSchema.safeParse(shownLimits[name]);
    return value.success ? [[name, value.data]] : [];
  });
  const lowered = limits.map(([name]): [string, number] => [name, usage[name] ?? 0]);
  return {
    // The answer names no owner, so the owner is the project of the request.
    project: context.project,
    limits: Object.fromEntries(limits),
    lowered: Object.fromEntries(lowered),
  };
}

/**
 * Defines a suspension that lowers the limits of a project to zero, or to the usage. Resume writes
 * the recorded values back. It also writes a value that was a default, because most services do not
 * show which values are defaults, and because resume may not send the DELETE that resets limits.
 * Later changes of the default then do not affect the project.
 */
export const defineQuotaSuspension = (
  quota: QuotaSuspension,
): ((service: string) => SuspensionType) =>
  defineSuspension<QuotaRow, RecordedLimits>({
    name: 'quota',
    options: ['quota-zero'],
    summary: {
      suspend:
        `Option \`quotas: zero\`: these limits are set to ` +
        `${quota.readUsage ? 'the usage' : 'zero'}: ${quota.limits.join(', ')}.`,
      record: 'The value of each of these limits.',
      resume:
        'The recorded values are written back, except to a limit that was changed meanwhile. A ' +
        'value that was a default becomes a limit of the project.',
      unchanged: quota.unchanged ?? [],
    },
    recordedState: recordedLimits,
    list: async (context) => [await readRow(quota, context)],
    id: ({ project }) => project,
    owner: ({ project }) => project,
    assess,
    async suspend(row, state, context) {
      const { lowered, recorded } = groupByPresentValue(row, state);
      const names = [...lowered, ...recorded];
      if (names.length > 0) await quota.write(pickLimits(loweredLimits(state), names), context);
    },
    compare,
    async resume(row, state, context) {
      const { lowered } = groupByPresentValue(row, state);
      if (lowered.length > 0) await quota.write(pickLimits(state.limits, lowered), context);
    },
  });
