import type { ResourceTypeName } from '../../events/ids.ts';
import type { Condition, Counts } from '../../events/service.ts';
import { type ErrorReport, reportOf } from '../shared/errors.ts';
import { aggregateConditions, inProgressCondition } from './conditions.ts';
import type { ProjectContext } from './context.ts';
import { makeChanges, mustStop } from './lifecycle-changes.ts';
import type { RunReport } from './run.ts';
import type { RunControl } from './run-control.ts';
import { errorOutcome, type Outcome } from './run-outcome.ts';
import type { SuspensionType } from './suspension.ts';
import type { SuspensionRecords } from './suspension-records.ts';

/** The input of a run that suspends or resumes one service for one project. */
export interface LifecycleRunInput extends RunControl {
  /**
   * The types in the order in which the run handles them. Resume has the reverse order of suspend.
   */
  readonly types: readonly SuspensionType[];
  /**
   * Suspend only: the options of the policy file for this service; `undefined` if the policy file
   * has none.
   */
  readonly options: readonly string[] | undefined;
  readonly context: ProjectContext;
  readonly suspensionRecords: SuspensionRecords;
  /** `plan`: the run only counts. */
  readonly phase: 'plan' | 'apply';
  /**
   * Epoch milliseconds. The run finishes only after a listing that began at or after this time.
   * Before this time, a run of a superseded operation may still make its last call. During a
   * suspend, services may also still accept cached tokens of the disabled project.
   */
  readonly settleAt: number;
  readonly concurrency: number;
}

/** One listing of a resource type, compared with the desired state. */
export interface TypeComparison {
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
  /**
   * Lists one type, and compares its rows with the records. `listedAt`: the time before the first
   * listing of this comparison.
   */
  compare(type: SuspensionType, listedAt: number): Promise<TypeComparison>;
  /** Called after the listing that shows that the run has finished. */
  finish(): Promise<void>;
  /** Shown while all resources have the desired state, and `settleAt` is still in the future. */
  readonly settlingMessage: string;
}

/**
 * Maximum number of iterations. Usually two are enough: one makes the changes, and one lists again.
 */
const MAX_ITERATIONS = 4;

/** One comparison of all types of the service. */
interface ServiceComparison {
  /** Epoch milliseconds before the first call. */
  readonly listedAt: number;
  /** The comparisons of the types that could be listed. */
  readonly typeComparisons: readonly TypeComparison[];
  /** The errors of the other types. */
  readonly errors: readonly ErrorReport[];
}

/** How a run ends, with conditions in addition to those of the last comparison. */
interface RunEnding {
  readonly outcome: Outcome;
  readonly conditions?: readonly Condition[];
}

/**
 * Compares and changes the resources repeatedly, until a listing shows the desired state, an error
 * occurs, or this run can change nothing more. In the last case the task runs again later. An error
 * of one type stops no other type. API errors are in the outcome and are not thrown.
 */
export async function runLifecycleSteps(
  input: LifecycleRunInput,
  steps: LifecycleSteps,
): Promise<RunReport> {
  const latestComparisonByType = new Map<ResourceTypeName, TypeComparison>();
  for (let iteration = 1; ; iteration += 1) {
    const comparison = await compareTypes(input, steps);
    for (const type of comparison.typeComparisons)
      latestComparisonByType.set(type.resourceType, type);
    const counts = countsOf(latestComparisonByType);
    input.onCounts?.(counts);
    const ending = await changeOrEnd(comparison, iteration, input, steps);
    if (ending) return reportOfRun(counts, comparison, ending);
  }
}

async function compareTypes(
  input: LifecycleRunInput,
  steps: LifecycleSteps,
): Promise<ServiceComparison> {
  const { context, service } = input;
  const listedAt = context.now();
  const results = await Promise.all(
    input.types.map(async (type): Promise<TypeComparison | { error: ErrorReport }> => {
      try {
        return await steps.compare(type, listedAt);
      } catch (thrown) {
        const code = `${type.resourceType}.list`;
        return { error: reportOf(thrown, { code, service, region: context.region }) };
      }
    }),
  );
  return {
    listedAt,
    typeComparisons: results.flatMap((one) => ('error' in one ? [] : [one])),
    errors: results.flatMap((one) => ('error' in one ? [one.error] : [])),
  };
}

/**
 * Makes the changes of one comparison. Returns how the run ends, or `undefined` if another
 * iteration must follow.
 */
async function changeOrEnd(
  { errors, listedAt, typeComparisons }: ServiceComparison,
  iteration: number,
  input: LifecycleRunInput,
  steps: LifecycleSteps,
): Promise<RunEnding | undefined> {
  const changes = input.phase === 'plan' ? [] : typeComparisons.flatMap((one) => one.changes);
  const failure = errorOutcome([...errors, ...(await makeChanges(changes, input))]);
  if (failure) return { outcome: failure };
  if (input.phase === 'plan') return { outcome: { kind: 'finished' } };
  if (typeComparisons.every(({ changes, left }) => left === 0 && changes.length === 0))
    return finishOrRunAgain(listedAt, input, steps);
  const mayRepeat =
    changes.length > 0 &&
    iteration < MAX_ITERATIONS &&
    !mustStop(input) &&
    (await input.mayContinue());
  return mayRepeat ? undefined : { outcome: { kind: 'again', afterSeconds: 0, error: undefined } };
}

/** Ends a run whose resources all have the desired state. */
async function finishOrRunAgain(
  listedAt: number,
  { context, settleAt }: LifecycleRunInput,
  steps: LifecycleSteps,
): Promise<RunEnding> {
  if (listedAt >= settleAt) {
    await steps.finish();
    return { outcome: { kind: 'finished' } };
  }
  const afterSeconds = Math.max(0.1, (settleAt - context.now()) / 1000);
  return {
    outcome: { kind: 'again', afterSeconds, error: undefined },
    conditions: [inProgressCondition(steps.settlingMessage)],
  };
}

function reportOfRun(
  counts: Counts,
  { typeComparisons }: ServiceComparison,
  { conditions = [], outcome }: RunEnding,
): RunReport {
  return {
    counts,
    conditions: aggregateConditions([
      ...typeComparisons.flatMap((one) => one.conditions),
      ...conditions,
    ]),
    outcome,
    // `empty` means here that no resource of the type is left to change. Dependent services may
    // then begin, even before `settleAt`.
    verification: Object.fromEntries(
      typeComparisons.map(
        ({ resourceType, left }) => [resourceType, left === 0 ? 'empty' : 'present'] as const,
      ),
    ),
    newlyListed: {},
    seenIds: undefined,
  };
}

const countsOf = (latestComparisonByType: ReadonlyMap<ResourceTypeName, TypeComparison>): Counts =>
  Object.fromEntries(
    [...latestComparisonByType].map(([name, { total, left }]) => [
      name,
      { listed: total, gone: total - left, left },
    ]),
  );
