import type { ProjectId, UserId } from '../../events/ids.ts';
import type { CleanupInput } from './cleanup-input.ts';
import { runIteration } from './iteration.ts';
import { createMemoize } from './memoize.ts';
import type { RunCounter } from './run-counter.ts';
import { awaitsOnlyDeletions, type Outcome, outcomeOf, runAgainOutcome } from './run-outcome.ts';
import type { CommonContext, ResourceType } from './service.ts';
import { hasNothingLeft, type IterationInput, type TypeResult } from './type-iteration.ts';

/** Usually two iterations are enough: one removes, and one lists again. */
const MAX_ITERATIONS = 6;

/** The parts of a run that are the same in all its iterations. */
export interface CleanupRun<Context extends CommonContext> {
  readonly input: CleanupInput;
  readonly owner: ProjectId | UserId;
  readonly context: Context;
  readonly counter: RunCounter;
  /** The types that this run must list and verify. */
  readonly typesToVerify: readonly ResourceType<Context>[];
}

/** The results of one iteration by type, and the outcome if the run ends after it. */
export interface IterationResult {
  readonly typeResults: readonly TypeResult[];
  readonly outcome: Outcome | undefined;
}

/**
 * Runs one iteration over the selected types. `iteration` is its number, from 1. Determines whether
 * the run ends after it.
 */
export async function iterateAndDecide<Context extends CommonContext>(
  selectedTypes: readonly ResourceType<Context>[],
  iteration: number,
  run: CleanupRun<Context>,
): Promise<IterationResult> {
  const { context, typesToVerify, input } = run;
  const iterationContext = iteration === 1 ? context : contextWithNewCache(context);
  const typeResults = await runIteration(iterationInput(selectedTypes, iterationContext, run));
  const waitMillis = recordListingsAndGetWaitMillis(typeResults, input);
  const outcome = outcomeOf(typeResults, {
    isPlan: input.phase === 'plan',
    areAllTypesListed: selectedTypes.length === typesToVerify.length,
  });
  if (outcome) return { typeResults, outcome };
  if (!mayIterateAgain(typeResults, iteration, input, context))
    return { typeResults, outcome: runAgainOutcome(typeResults, waitMillis) };
  return awaitsOnlyDeletions(typeResults)
    ? listEmptiedTypesAgain(typeResults, selectedTypes, waitMillis, run)
    : { typeResults, outcome: undefined };
}

/**
 * Ends a run that only waits for deletions in progress. Other services may wait for types that this
 * run has just emptied, and they begin only after the report of this run. The run therefore lists
 * the emptied types again, and then ends while the deletions are still in progress.
 */
async function listEmptiedTypesAgain<Context extends CommonContext>(
  typeResults: readonly TypeResult[],
  selectedTypes: readonly ResourceType<Context>[],
  waitMillis: number,
  run: CleanupRun<Context>,
): Promise<IterationResult> {
  const typesToList = typesAndTheirDependencies(emptiedTypes(typeResults), selectedTypes);
  const newListings = await runIteration(
    iterationInput(typesToList, contextWithNewCache(run.context), run),
  );
  const newestListings = typeResults.map(
    (type) => newListings.find(({ resourceType }) => resourceType === type.resourceType) ?? type,
  );
  // Only the emptied types were listed after the last removal, so the run cannot end as `finished`.
  const outcome = outcomeOf(newestListings, {
    isPlan: run.input.phase === 'plan',
    areAllTypesListed: false,
  });
  return {
    typeResults: newestListings,
    outcome: outcome ?? runAgainOutcome(newestListings, waitMillis),
  };
}

const contextWithNewCache = <Context extends CommonContext>(context: Context): Context => ({
  ...context,
  memoize: createMemoize(),
});

const iterationInput = <Context extends CommonContext>(
  resourceTypes: readonly ResourceType<Context>[],
  context: Context,
  { counter, input, owner }: CleanupRun<Context>,
): IterationInput<Context> => ({
  service: input.service.name,
  resourceTypes,
  owner,
  context,
  phase: input.phase,
  verifiedBeforeDeletion: input.verifiedBeforeDeletion ?? [],
  concurrency: input.concurrency ?? input.service.concurrency,
  deadline: input.deadline,
  stopping: input.stopping,
  whyHalted: input.whyHalted,
  onListed: input.onListed,
  findBlockers: input.findBlockers,
  findHolds: input.findHolds,
  wasRemoved: (resourceType, id) => counter.wasRemoved(resourceType, id),
  onType: (type) => {
    if (!type.count) return;
    counter.add(type);
    input.onCounts?.(counter.counts, counter.newlyListed);
  },
});

/** Returns the names of the types of which this iteration removed all listed resources. */
const emptiedTypes = (typeResults: readonly TypeResult[]): string[] =>
  typeResults.flatMap(({ count, resourceType }) =>
    count && count.gone > 0 && count.left === 0 ? [resourceType] : [],
  );

/** Returns the resource types with these names, and all types that they depend on. */
function typesAndTheirDependencies<Context extends CommonContext>(
  names: readonly string[],
  allTypes: readonly ResourceType<Context>[],
): ResourceType<Context>[] {
  const namesToList = new Set(names);
  // The loop also visits the names that it adds.
  for (const name of namesToList)
    for (const { type } of allTypes.find((one) => one.name === name)?.dependsOn ?? [])
      namesToList.add(type);
  return allTypes.filter(({ name }) => namesToList.has(name));
}

/**
 * True if another iteration may follow immediately: the service confirmed at least one removal, or
 * no resource seems to be left.
 */
const mayIterateAgain = (
  typeResults: readonly TypeResult[],
  iteration: number,
  { deadline, stopping }: CleanupInput,
  { now }: Pick<CommonContext, 'now'>,
): boolean =>
  (typeResults.some(({ count }) => (count?.gone ?? 0) > 0) || typeResults.every(hasNothingLeft)) &&
  now() < deadline &&
  !stopping?.aborted &&
  iteration < MAX_ITERATIONS;

/**
 * Records the listings. The usual duration of deletions is computed from them. Returns the
 * milliseconds until a listing is likely to show a change. Returns 0 if a resource waits for
 * anything other than its own deletion.
 */
function recordListingsAndGetWaitMillis(
  typeResults: readonly TypeResult[],
  { awaitedServices = [], recordListingAndGetWaitMillis }: CleanupInput,
): number {
  // After a partial run, the next listing may be much later than the end of a deletion. The time of
  // that listing must not count as the duration of the deletion.
  if (awaitedServices.length > 0) return 0;
  const waits = typeResults.flatMap((type) => {
    const { resourceType, countedIds, acceptedIds = [], count } = type;
    if (!countedIds || countedIds.isPartial || !count) return [];
    const millis =
      recordListingAndGetWaitMillis?.(resourceType, countedIds.listedIds, acceptedIds) ?? 0;
    if (hasNothingLeft(type)) return [];
    return acceptedIds.length === count.left ? [millis] : [0];
  });
  return waits.length > 0 ? Math.min(...waits) : 0;
}
