import type { ProjectId, ResourceTypeName, UserId } from '../../events/ids.ts';
import type { Condition, Counts, Phase, VerificationStatus } from '../../events/service.ts';
import { aggregate } from './conditions.ts';
import { iteration } from './iteration.ts';
import { type Fresh, Ledger } from './ledger.ts';
import { awaitsOnlyDeletions, type Outcome, outcomeOf, runAgainOutcome } from './run-outcome.ts';
import { type Confirmation, refuseOwnProject } from './safety-rules.ts';
import type {
  CommonContext,
  ProjectContext,
  ResourceType,
  Service,
  UserContext,
} from './service.ts';
import {
  hasNothingLeft,
  type OnListed,
  type RemovalGuard,
  type TypeIteration,
} from './type-iteration.ts';

/** The report of one run. */
export interface RunReport {
  readonly counts: Counts;
  readonly conditions: readonly Condition[];
  readonly outcome: Outcome;
  /** By resource type: the result of its last listing in this run. */
  readonly verification: Readonly<Record<string, VerificationStatus>>;
  readonly fresh: Fresh;
  /** By resource type: the resources that the approved plan does not list. */
  readonly appeared?: Readonly<
    Record<string, { count: number; example: string; isRefused: boolean }>
  >;
  /** The ids that the task has listed so far, including the ids of this run (see `IdFilter`). */
  readonly seenIds: string | undefined;
}

interface Common {
  readonly service: Service;
  readonly phase: Phase;
  /** Safety rule "Keystone decides": without a confirmation only phase `plan` may run. */
  readonly confirmation: Confirmation | undefined;
  /**
   * Resource types that a recent listing verified empty. The run lists them when all others are
   * empty.
   */
  readonly skipTypes?: readonly ResourceTypeName[];
  /** Resource types that were verified empty while the project existed. */
  readonly verifiedBeforeDeletion?: readonly ResourceTypeName[];
  /**
   * The services that this one depends on and that have not ended. The run handles only the types
   * that are independent of all these services.
   */
  readonly awaiting?: readonly string[];
  /** The ids that earlier runs of the task listed (see `IdFilter`). */
  readonly seenIds?: string | undefined;
  /** By resource type: how many resources were left at the end of the previous run. */
  readonly leftBefore?: Readonly<Record<string, number>>;
  /** Concurrent removals; default: the service's own value. */
  readonly concurrency?: number;
  /** Epoch milliseconds. After this time no removal begins, and the run returns `again`. */
  readonly deadline: number;
  /** Aborted when the process stops. After that no removal begins, and the run returns `again`. */
  readonly stopping?: AbortSignal | undefined;
  /**
   * Called before each removal. Returns the condition that stops all removals now, or `undefined`.
   */
  readonly halted?: () => Promise<Condition | undefined>;
  /** Receives the account's own resources of each listing. */
  readonly onListed?: OnListed | undefined;
  /** Called with the listed resources of a type before any of them is removed. */
  readonly guard?: RemovalGuard | undefined;
  /** Called right before a removal: returns the resources that a person holds, by id. */
  readonly heldNow?: RemovalGuard | undefined;
  /**
   * Called once per listed type, with the listed ids and the ids whose deletion is still in
   * progress. Returns the milliseconds until a listing is likely to show a change (see
   * `DeletionTimes`).
   */
  readonly millisUntilChange?: (
    resourceType: ResourceTypeName,
    listedIds: readonly string[],
    acceptedIds: readonly string[],
  ) => number;
  /** Called after each resource type. */
  readonly onCounts?: (counts: Counts, fresh: Fresh) => void;
}
/** The input of {@link runProjectCleanup}. */
export interface ProjectRunInput extends Common {
  readonly context: ProjectContext;
}
/** The input of {@link runUserCleanup}. */
export interface UserRunInput extends Common {
  readonly context: UserContext;
}

/** Usually two iterations are enough: one removes, and one lists again. */
const MAX_ITERATIONS = 6;

/**
 * Cleans up one service of one project. The run lists, checks the owner of each row, removes, and
 * lists again. An API error is in the outcome and is not thrown. A run may be repeated. Throws
 * `TypeError` without a confirmation of this project, and `PropagatorError` for the propagator's
 * own project.
 */
export async function runProjectCleanup(input: ProjectRunInput): Promise<RunReport> {
  refuseOwnProject(input.context.project, input.context.api.ownProject, input.service.name);
  const context = { ...input.context, awaiting: input.awaiting };
  return runTypes(input, input.service.resourceTypes, input.context.project, context);
}

/**
 * Cleans up one service of a deleted user, by the same safety rules as {@link runProjectCleanup}.
 */
export async function runUserCleanup(input: UserRunInput): Promise<RunReport> {
  return runTypes(input, input.service.userResourceTypes, input.context.user, input.context);
}

async function runTypes<At extends CommonContext>(
  input: Common,
  known: readonly ResourceType<At>[],
  owner: ProjectId | UserId,
  context: At,
): Promise<RunReport> {
  const { service } = input;
  if (input.phase !== 'plan' && input.confirmation?.account !== owner)
    throw new TypeError(
      `${service.name}: a run must not remove resources without a confirmation for this account`,
    );

  const ledger = new Ledger(input.seenIds, input.leftBefore ?? {});
  const verification: Record<string, VerificationStatus> = {};
  const mayHaveResources = ({ name }: ResourceType<At>): boolean =>
    !input.skipTypes?.includes(name);
  // While other services are awaited (partial run), the run cannot finish. It therefore skips types
  // that are known to be empty.
  const { awaiting = [] } = input;
  const handledTypes =
    awaiting.length === 0
      ? known
      : known.filter(
          (type) =>
            mayHaveResources(type) &&
            awaiting.every((other) => type.independentOf?.includes(other)),
        );
  const typesToList = handledTypes.filter(mayHaveResources);
  let selected =
    typesToList.length > 0 && typesToList.length < handledTypes.length ? typesToList : handledTypes;
  const iterate = (
    resourceTypes: readonly ResourceType<At>[],
    isFirst: boolean,
  ): Promise<TypeIteration[]> =>
    iteration({
      service: service.name,
      resourceTypes,
      owner,
      context: isFirst ? context : { ...context, memoize: freshMemoize() },
      phase: input.phase,
      verifiedBeforeDeletion: input.verifiedBeforeDeletion ?? [],
      concurrency: input.concurrency ?? service.concurrency,
      deadline: input.deadline,
      stopping: input.stopping,
      halted: input.halted,
      onListed: input.onListed,
      guard: input.guard,
      heldNow: input.heldNow,
      wasRemoved: (resourceType, id) => ledger.wasRemoved(resourceType, id),
      onType: (done) => {
        if (!done.count) return;
        ledger.add(done);
        input.onCounts?.(ledger.counts, ledger.fresh);
      },
    });
  for (let iterations = 1; ; iterations += 1) {
    let types = await iterate(selected, iterations === 1);
    const waitMillis = millisUntilChange(types, input);
    const ended = { isPlan: input.phase === 'plan', isAll: selected === handledTypes };
    let outcome = outcomeOf(types, ended);
    if (!outcome && !mayContinue(types, iterations, input, context))
      outcome = runAgainOutcome(types, waitMillis);
    else if (!outcome && awaitsOnlyDeletions(types)) {
      // Other services may wait for types that are already empty. The other services can begin only
      // after this run has reported. So list only the emptied types again, and do not wait for the
      // deletions in progress.
      const relisted = await iterate(withDependencies(removedTypes(types), selected), false);
      types = types.map(
        (one) => relisted.find(({ resourceType }) => resourceType === one.resourceType) ?? one,
      );
      // Some types were not listed after the last removal, so the run cannot end as `finished`.
      outcome = outcomeOf(types, { ...ended, isAll: false }) ?? runAgainOutcome(types, waitMillis);
    }
    // Skip a status that was taken over from before the deletion, because this run did not verify
    // it.
    for (const { resourceType, status, isEarlierStatus } of types)
      if (!isEarlierStatus) verification[resourceType] = status;
    if (outcome)
      return {
        verification,
        counts: ledger.counts,
        fresh: ledger.fresh,
        seenIds: ledger.seenIds,
        conditions: aggregate(types.flatMap(({ conditions }) => conditions)),
        outcome,
      };
    if (types.every(hasNothingLeft)) selected = handledTypes;
  }
}

/** Returns the names of the types whose resources this iteration removed completely. */
const removedTypes = (types: readonly TypeIteration[]): string[] =>
  types.flatMap(({ count, resourceType }) =>
    count && count.gone > 0 && count.left === 0 ? [resourceType] : [],
  );

/** Returns the resource types with these names, and all types that they depend on. */
function withDependencies<At extends CommonContext>(
  names: readonly string[],
  known: readonly ResourceType<At>[],
): ResourceType<At>[] {
  const selectedNames = new Set(names);
  for (const name of selectedNames)
    for (const { type } of known.find((one) => one.name === name)?.dependsOn ?? [])
      selectedNames.add(type);
  return known.filter(({ name }) => selectedNames.has(name));
}

/**
 * True if another iteration follows immediately: the service confirmed at least one removal, or no
 * resource seems to be left.
 */
const mayContinue = (
  types: readonly TypeIteration[],
  iterations: number,
  { deadline, stopping }: Pick<Common, 'deadline' | 'stopping'>,
  { now }: Pick<CommonContext, 'now'>,
): boolean =>
  (types.some(({ count }) => (count?.gone ?? 0) > 0) || types.every(hasNothingLeft)) &&
  now() < deadline &&
  !stopping?.aborted &&
  iterations < MAX_ITERATIONS;

/**
 * Records the listings, and returns the milliseconds until a listing is likely to show a change.
 * Returns 0 if a resource waits for anything other than its own deletion.
 */
function millisUntilChange(
  types: readonly TypeIteration[],
  {
    awaiting = [],
    millisUntilChange: observeListing,
  }: Pick<Common, 'awaiting' | 'millisUntilChange'>,
): number {
  // Do not measure deletion times in a partial run: the next listing may be much later than the end
  // of a deletion.
  if (awaiting.length > 0) return 0;
  const waits = types.flatMap((type) => {
    const { resourceType, seen, acceptedIds = [], count } = type;
    if (!seen || seen.isPartial || !count) return [];
    const millis = observeListing?.(resourceType, seen.listedIds, acceptedIds) ?? 0;
    if (hasNothingLeft(type)) return [];
    return acceptedIds.length === count.left ? [millis] : [0];
  });
  return waits.length > 0 ? Math.min(...waits) : 0;
}

/**
 * Returns an empty cache. Each iteration has its own cache, because shared answers must not be
 * older than the iteration.
 */
export function freshMemoize(): ProjectContext['memoize'] {
  const answers = new Map<string, Promise<unknown>>();
  return <T>(key: string, load: () => Promise<T>): Promise<T> => {
    const known = answers.get(key) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const answer = load();
    answers.set(key, answer);
    return answer;
  };
}
