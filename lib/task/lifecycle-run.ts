import pLimit from 'p-limit';
import type { ProjectId, ResourceTypeName } from '../../events/ids.ts';
import type { Condition, Counts } from '../../events/service.ts';
import { type ErrorReport, reportOf } from '../shared/errors.ts';
import { aggregate } from './conditions.ts';
import type { ProjectContext } from './context.ts';
import { freshMemoize, type RunReport } from './run.ts';
import type { RunControl } from './run-control.ts';
import type { Outcome } from './run-outcome.ts';
import { ownership } from './safety-rules.ts';
import type { Suspension, SuspensionRow } from './suspension.ts';
import type { SuspensionRecords } from './suspension-records.ts';
import { contextWithoutDeletion } from './without-deletion.ts';

/** The input of a run that suspends or resumes one service for one project. */
export interface LifecycleRunInput extends RunControl {
  /**
   * In the order in which the run handles them. For resume this is the reverse order of suspend.
   */
  readonly types: readonly Suspension[];
  /** The options of the policy file for this service; `undefined`: it has none. Suspend only. */
  readonly options: readonly string[] | undefined;
  readonly context: ProjectContext;
  readonly records: SuspensionRecords;
  /** `plan`: only count. */
  readonly phase: 'plan' | 'apply';
  /**
   * Epoch milliseconds. Only a listing that began at or after this time proves the end. Before this
   * time, services may still accept cached tokens of the disabled project.
   */
  readonly settleAt: number;
  readonly concurrency: number;
}

/** The result of one listing of a resource type. */
export interface TypeWork {
  readonly resourceType: ResourceTypeName;
  /**
   * The number of all resources that the action concerns, including resources that need no change.
   */
  readonly total: number;
  /** The number of resources that do not have the desired state yet. */
  readonly left: number;
  readonly conditions: readonly Condition[];
  /** The changes to make now. */
  readonly changes: readonly (() => Promise<void>)[];
}

/** The steps in which suspend and resume differ. */
export interface LifecycleSteps {
  /** Compares the rows of one type with the records, and returns the changes to make. */
  work(type: Suspension, listedAt: number): Promise<TypeWork>;
  /** Called when a listing has proved the end. */
  finish(): Promise<void>;
  readonly waitsForSettling: string;
}

/**
 * Maximum number of iterations. Usually two are enough: one makes the changes, and one lists again.
 */
const MAX_ITERATIONS = 4;

/** A type whose listing failed. */
interface Failed {
  readonly error: ErrorReport;
}

/**
 * Repeats the steps until a listing shows that all changes are made or that the service only needs
 * time. An error of one type stops no other type. API errors are in the outcome and are not thrown.
 */
export async function lifecycleRun(
  input: LifecycleRunInput,
  steps: LifecycleSteps,
): Promise<RunReport> {
  const totals = new Map<ResourceTypeName, TypeWork>();
  const { now } = input.context;
  for (let iteration = 1; ; iteration += 1) {
    const listedAt = now();
    const typeResults = await Promise.all(
      input.types.map((type) => workOf(type, listedAt, input, steps)),
    );
    const works = typeResults.flatMap((one) => ('error' in one ? [] : [one]));
    const errors = typeResults.flatMap((one) => ('error' in one ? [one.error] : []));
    for (const work of works) totals.set(work.resourceType, work);
    const counts = countsOf(totals);
    input.onCounts?.(counts);
    const conditions = works.flatMap((work) => work.conditions);
    const report = (outcome: Outcome, more: readonly Condition[] = []): RunReport => ({
      counts,
      conditions: aggregate([...conditions, ...more]),
      outcome,
      // If all resources are at rest, the next services can begin. They do not wait for the expiry
      // of cached tokens.
      verification: Object.fromEntries(
        works.map((work) => [work.resourceType, work.left === 0 ? 'empty' : 'present'] as const),
      ),
      fresh: {},
      seenIds: undefined,
    });
    const changes = input.phase === 'plan' ? [] : works.flatMap((work) => work.changes);
    errors.push(...(await makeChanges(changes, input)));
    const error = worstError(errors);
    if (error && error.class !== 'Transient') return report({ kind: 'failed', error });
    if (error) return report({ kind: 'again', afterSeconds: error.retryAfterSeconds ?? 0, error });
    if (input.phase === 'plan') return report({ kind: 'finished' });
    if (works.every((work) => work.left === 0 && work.changes.length === 0)) {
      if (listedAt >= input.settleAt) {
        await steps.finish();
        return report({ kind: 'finished' });
      }
      const afterSeconds = (input.settleAt - now()) / 1000;
      const waits = { ...inProgress(input.service, steps.waitsForSettling), count: 1 };
      return report(
        { kind: 'again', afterSeconds: Math.max(0.1, afterSeconds), error: undefined },
        [waits],
      );
    }
    if (
      changes.length === 0 ||
      iteration >= MAX_ITERATIONS ||
      now() >= input.deadline ||
      input.stopping?.aborted ||
      !(await input.mayContinue())
    )
      return report({ kind: 'again', afterSeconds: 0, error: undefined });
  }
}

async function workOf(
  type: Suspension,
  listedAt: number,
  input: LifecycleRunInput,
  steps: LifecycleSteps,
): Promise<TypeWork | Failed> {
  try {
    return await steps.work(type, listedAt);
  } catch (thrown) {
    const code = `${type.resourceType}.list`;
    return {
      error: reportOf(thrown, { code, service: input.service, region: input.context.region }),
    };
  }
}

async function makeChanges(
  changes: readonly (() => Promise<void>)[],
  { concurrency, context, deadline, service, stopping, mayContinue }: LifecycleRunInput,
): Promise<ErrorReport[]> {
  const limit = pLimit(concurrency);
  let isOver = false;
  const errors = changes.map((change) =>
    limit(async (): Promise<ErrorReport | undefined> => {
      if (isOver || stopping?.aborted || context.now() >= deadline) return undefined;
      if (!(await mayContinue())) {
        isOver = true;
        return undefined;
      }
      try {
        await change();
        return undefined;
      } catch (thrown) {
        const error = reportOf(thrown, {
          code: `${service}.change`,
          service,
          region: context.region,
        });
        if (error.class === 'Denied') isOver = true;
        // A resource that vanished needs no change. The next listing shows it.
        return error.class === 'Gone' ? undefined : error;
      }
    }),
  );
  return (await Promise.all(errors)).filter((error) => error !== undefined);
}

/**
 * Lists a type with an API client that cannot delete, and keeps the rows of the project (safety
 * rule "Check the owner of every row").
 */
export async function ownRows(
  type: Suspension,
  context: ProjectContext,
): Promise<{ rows: SuspensionRow[]; conditions: Condition[] }> {
  // A memoized answer may be older than the changes of the previous iteration.
  const listed = await type.list({ ...contextWithoutDeletion(context), memoize: freshMemoize() });
  const rows: SuspensionRow[] = [];
  const foreign: SuspensionRow[] = [];
  for (const row of listed)
    (ownership(row, context.project as ProjectId) === 'ours' ? rows : foreign).push(row);
  const [first] = foreign;
  if (!first) return { rows, conditions: [] };
  const condition: Condition = {
    class: 'Blocked',
    resourceType: type.resourceType,
    message:
      'the listing showed resources without an owner or of another owner; they are not changed',
    actor: 'operator',
    advice: `Find out why ${type.resourceType} lists them for this project.`,
    count: foreign.length,
    example: first.id,
  };
  return { rows, conditions: [condition] };
}

/** Returns a condition that only needs time. */
export const inProgress = (resourceType: string, message: string, example?: string): Condition => ({
  class: 'InProgress',
  ...(resourceType.includes('.') ? { resourceType: resourceType as ResourceTypeName } : {}),
  message,
  actor: 'none',
  count: 1,
  ...(example === undefined ? {} : { example }),
});

const countsOf = (totals: ReadonlyMap<ResourceTypeName, TypeWork>): Counts =>
  Object.fromEntries(
    [...totals].map(([name, { total, left }]) => [
      name,
      { listed: total, gone: total - left, left },
    ]),
  );

/**
 * Returns the most important error: `Denied`, then `Unexpected`, then the `Transient` error with
 * the longest delay.
 */
export function worstError(errors: readonly ErrorReport[]): ErrorReport | undefined {
  const rank = ({ class: errorClass }: ErrorReport): number =>
    errorClass === 'Denied' ? 2 : errorClass === 'Transient' ? 0 : 1;
  return errors.toSorted(
    (one, other) =>
      rank(other) - rank(one) || (other.retryAfterSeconds ?? 0) - (one.retryAfterSeconds ?? 0),
  )[0];
}
