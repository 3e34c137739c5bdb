import * as z from 'zod';
import {
  type Comparison,
  defineSuspension,
  type ProjectContext,
  type Suspension,
} from '../../task/service.ts';

/** Limits by name. */
export type Limits = Readonly<Record<string, number>>;

/** The calls that read and write the limits of a project in one service. */
export interface QuotaSuspension {
  /**
   * The limits that suspend sets to zero. Limits that the service itself needs are not in the list.
   */
  readonly limits: readonly string[];
  /** Sentences for the documentation: the reasons why other limits stay. */
  readonly unchanged?: readonly string[];
  /** Reads the effective limits: the limits of the project, or the defaults where it has none. */
  read(context: ProjectContext): Promise<Readonly<Record<string, unknown>>>;
  write(limits: Limits, context: ProjectContext): Promise<void>;
}

interface Row {
  readonly project: string;
  readonly limits: Limits;
}

const number = z.number();
const before = z.object({ limits: z.record(z.string(), number) });
type Before = z.infer<typeof before>;

const zeroOf = (limits: Limits): Limits =>
  Object.fromEntries(Object.keys(limits).map((name) => [name, 0]));

function compare({ limits }: Row, record: Before): Comparison {
  const names = Object.keys(record.limits).filter((name) => record.limits[name] !== 0);
  const changed = names.filter(
    (name) => limits[name] !== 0 && limits[name] !== record.limits[name],
  );
  if (changed.length > 0) return { kind: 'changed', message: `its limits: ${changed.join(', ')}` };
  const zeroed = names.filter((name) => limits[name] === 0);
  if (zeroed.length === names.length) return { kind: 'suspended' };
  return zeroed.length === 0 ? { kind: 'as-before' } : { kind: 'partly' };
}

/**
 * Defines a suspension that sets the limits of a project to zero. Resume writes the recorded values
 * back. Most services do not show whether a value is a default, and a suspension may not reset
 * limits with a DELETE. Resume therefore writes defaults as limits of the project, and later
 * changes of the defaults do not affect it.
 */
export const defineQuotaSuspension = (quota: QuotaSuspension): ((service: string) => Suspension) =>
  defineSuspension<Row, Before>({
    name: 'quota',
    options: ['quota-zero'],
    summary: {
      suspend: `Option \`quotas: zero\`: these limits are set to zero: ${quota.limits.join(', ')}.`,
      record: 'The value of each of these limits.',
      resume:
        'The recorded values are written back. A value that was a default becomes a limit of ' +
        'the project.',
      unchanged: quota.unchanged ?? [],
    },
    before,
    async list(context) {
      const read = await quota.read(context);
      const limits = quota.limits.flatMap((name): [string, number][] => {
        const value = number.safeParse(read[name]);
        return value.success ? [[name, value.data]] : [];
      });
      // The answer names no owner, so the owner is the project of the request.
      return [{ project: context.project, limits: Object.fromEntries(limits) }];
    },
    id: ({ project }) => project,
    owner: ({ project }) => project,
    assess: ({ limits }) =>
      Object.values(limits).every((limit) => limit === 0)
        ? { kind: 'at-rest' }
        : { kind: 'switch', before: { limits } },
    suspend: (_row, { limits }, context) => quota.write(zeroOf(limits), context),
    compare,
    resume: (_row, { limits }, context) => quota.write(limits, context),
  });
