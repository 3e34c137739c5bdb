import * as z from 'zod';
import {
  type Assessment,
  type Comparison,
  defineSuspension,
  type ProjectContext,
  type Suspension,
} from '../../task/service.ts';

/** Limits by name. */
export type Limits = Readonly<Record<string, number>>;

/** The calls that read and write the limits of a project in one service. */
export interface QuotaSuspension {
  /** The limits that suspend lowers. Limits that the service itself needs are not in the list. */
  readonly limits: readonly string[];
  /** Sentences for the documentation: the reasons why other limits stay. */
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

interface Row {
  readonly project: string;
  readonly limits: Limits;
  /** The value to which suspend lowers each limit: zero, or the usage. */
  readonly lowered: Limits;
}

const number = z.number();
const limitsByName = z.record(z.string(), number);
/** `lowered`: the values that suspend writes. A limit without a value is set to zero. */
const before = z.object({ limits: limitsByName, lowered: limitsByName.optional() });
type Before = z.infer<typeof before>;

/** -1 means no limit, so it is higher than any other value. */
const isHigher = (limit: number, other: number): boolean => limit === -1 || limit > other;

const loweredOf = ({ limits, lowered = {} }: Before): Limits =>
  Object.fromEntries(Object.keys(limits).map((name) => [name, lowered[name] ?? 0]));

/**
 * Sorts the limits of a record by their present value: the value that suspend writes, the recorded
 * value, or a third value that another actor has set.
 */
function sortLimits({ limits }: Row, record: Before) {
  const lowered = loweredOf(record);
  const names = Object.keys(record.limits).filter((name) => record.limits[name] !== lowered[name]);
  const isLowered = (name: string): boolean => limits[name] === lowered[name];
  const isRecorded = (name: string): boolean => limits[name] === record.limits[name];
  return {
    lowered: names.filter(isLowered),
    recorded: names.filter(isRecorded),
    changed: names.filter((name) => !isLowered(name) && !isRecorded(name)),
  };
}

/** A limit that another actor has set counts only after no other limit is lowered. */
function compare(row: Row, record: Before): Comparison {
  const { lowered, recorded, changed } = sortLimits(row, record);
  if (lowered.length > 0) return { kind: recorded.length > 0 ? 'partly' : 'suspended' };
  if (changed.length > 0) return { kind: 'changed', message: `its limits: ${changed.join(', ')}` };
  // The service would refuse the recorded values, so suspend must record the present usage.
  const isOutdated = Object.entries(loweredOf(record)).some(
    ([name, limit]) => (row.lowered[name] ?? 0) > limit,
  );
  return isOutdated
    ? { kind: 'changed', message: 'its usage has grown since the record' }
    : { kind: 'as-before' };
}

const pick = (from: Limits, names: readonly string[]): Limits =>
  Object.fromEntries(names.map((name) => [name, from[name] ?? 0]));

/** Returns the limits that a suspension lowers. A limit at or below the usage stays. */
function assess({ limits, lowered }: Row): Assessment<Before> {
  const names = Object.keys(limits).filter((name) =>
    isHigher(limits[name] ?? 0, lowered[name] ?? 0),
  );
  if (names.length === 0) return { kind: 'at-rest' };
  const isUsed = names.some((name) => (lowered[name] ?? 0) > 0);
  return {
    kind: 'switch',
    before: {
      limits: pick(limits, names),
      ...(isUsed ? { lowered: pick(lowered, names) } : {}),
    },
  };
}

/**
 * Defines a suspension that lowers the limits of a project to zero, or to the usage. Resume writes
 * the recorded values back. Most services do not show which values are defaults, and a suspension
 * may not reset limits with a DELETE. Resume therefore writes defaults as limits of the project,
 * and later changes of the defaults do not affect it.
 */
export const defineQuotaSuspension = (quota: QuotaSuspension): ((service: string) => Suspension) =>
  defineSuspension<Row, Before>({
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
    before,
    async list(context) {
      const [read, usage = {}] = await Promise.all([
        quota.read(context),
        quota.readUsage?.(context),
      ]);
      const limits = quota.limits.flatMap((name): [string, number][] => {
        const value = number.safeParse(read[name]);
        return value.success ? [[name, value.data]] : [];
      });
      const lowered = limits.map(([name]): [string, number] => [name, usage[name] ?? 0]);
      // The answer names no owner, so the owner is the project of the request.
      return [
        {
          project: context.project,
          limits: Object.fromEntries(limits),
          lowered: Object.fromEntries(lowered),
        },
      ];
    },
    id: ({ project }) => project,
    owner: ({ project }) => project,
    assess,
    async suspend(row, record, context) {
      const { lowered, recorded } = sortLimits(row, record);
      const names = [...lowered, ...recorded];
      if (names.length > 0) await quota.write(pick(loweredOf(record), names), context);
    },
    compare,
    async resume(row, record, context) {
      const { lowered } = sortLimits(row, record);
      if (lowered.length > 0) await quota.write(pick(record.limits, lowered), context);
    },
  });
