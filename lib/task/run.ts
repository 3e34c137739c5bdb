import type { ProjectId, ResourceTypeName, UserId } from '../../events/ids.ts';
import type { Condition, Counts, Phase } from '../../events/service.ts';
import type { ErrorReport } from '../shared/errors.ts';
import { aggregate } from './conditions.ts';
import { IdFilter } from './id-filter.ts';
import { iteration, type TypeIteration } from './iteration.ts';
import { type Confirmation, refuseOwnProject } from './safety-rules.ts';
import { SeenResources } from './seen-resources.ts';
import type {
  CommonContext,
  ProjectContext,
  ResourceType,
  Service,
  UserContext,
} from './service.ts';

/** The outcome of one run. */
export type Outcome =
  /**
   * Phases `pre-delete` and `apply`: a listing after the removals was empty. Phase `plan`: all
   * types were counted.
   */
  | { readonly is: 'finished' }
  /**
   * Resources are left or could not be listed. The next run begins after at least this many
   * seconds. `returned`: resources that this run removed were listed again.
   */
  | {
      readonly is: 'again';
      readonly afterSeconds: number;
      readonly error: ErrorReport | undefined;
      readonly returned?: ErrorReport | undefined;
    }
  /** All types that can be listed are empty. The others can no longer be listed or removed. */
  | { readonly is: 'unreachable'; readonly because: string }
  /** A retry alone does not help: a person must act, or the code is wrong. */
  | { readonly is: 'failed'; readonly error: ErrorReport };

/**
 * By resource type: the number of resources that no earlier run of the task listed, as far as
 * known.
 */
export type Fresh = Readonly<Record<string, number>>;

/** The report of one run. */
export interface RunReport {
  readonly counts: Counts;
  readonly conditions: readonly Condition[];
  readonly outcome: Outcome;
  /**
   * Resource types that were empty in their last listing (safety rule "List again before finished").
   */
  readonly verifiedEmpty: readonly ResourceTypeName[];
  readonly fresh: Fresh;
  /** The ids that the task has listed so far, with those of this run (see {@link IdFilter}). */
  readonly seenIds: string | undefined;
}

interface Common {
  readonly service: Service;
  readonly phase: Phase;
  /** Safety rule "Keystone decides": without a confirmation only phase `plan` may run. */
  readonly confirmation: Confirmation | undefined;
  /**
   * Resource types that were empty in the last listing before this run. They are listed only after
   * the others are empty.
   */
  readonly skipTypes?: readonly ResourceTypeName[];
  /** Resource types that were verified empty while the project existed. */
  readonly verifiedBeforeDeletion?: readonly ResourceTypeName[];
  /** The ids that earlier runs of the task listed (see {@link IdFilter}). */
  readonly seenIds?: string | undefined;
  /** By resource type: how many were left at the end of the previous run. */
  readonly leftBefore?: Readonly<Record<string, number>>;
  /** Concurrent removals; default: the service's own value. */
  readonly concurrency?: number;
  /** Epoch milliseconds after which the run begins nothing and returns `again`. */
  readonly deadline: number;
  /** Aborted when the process stops. The run then begins nothing and returns `again`. */
  readonly stopping?: AbortSignal | undefined;
  /** Asked before each removal: the reason why nothing may be removed now, or `undefined`. */
  readonly halted?: () => Promise<Condition | undefined>;
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

/** Two iterations are enough when all removals succeed at once: one removes, one lists again. */
const MAX_ITERATIONS = 6;

/**
 * Runs one service on one project: lists, checks the owner of each row, removes with bounded
 * concurrency, and lists again. An API error is in the outcome and is not thrown. A run may be
 * repeated at any point. Throws `TypeError` without a confirmation of this account, and
 * `PropagatorError` for the propagator's own project.
 */
export async function runProjectCleanup(input: ProjectRunInput): Promise<RunReport> {
  refuseOwnProject(input.context.project, input.context.api.ownProject, input.service.name);
  return runTypes(input, input.service.resourceTypes, input.context.project, input.context);
}

/**
 * Runs one service on the resources of a deleted user, by the same safety rules as
 * {@link runProjectCleanup}.
 */
export async function runUserCleanup(input: UserRunInput): Promise<RunReport> {
  return runTypes(input, input.service.userResourceTypes, input.context.user, input.context);
}

async function runTypes<At extends CommonContext>(
  input: Common,
  all: readonly ResourceType<At>[],
  owner: ProjectId | UserId,
  context: At,
): Promise<RunReport> {
  const { service } = input;
  if (input.phase !== 'plan' && input.confirmation?.account !== owner)
    throw new TypeError(
      `${service.name}: nothing is removed without a confirmation for exactly this account`,
    );

  const ledger = new Ledger(input.seenIds, input.leftBefore ?? {});
  const proven = new Map<ResourceTypeName, boolean>();
  const holding = all.filter((resourceType) => !input.skipTypes?.includes(resourceType.name));
  let looked = holding.length > 0 && holding.length < all.length ? holding : all;
  for (let iterations = 1; ; iterations += 1) {
    const resourceTypes = await iteration({
      service: service.name,
      resourceTypes: looked,
      owner,
      context: iterations === 1 ? context : { ...context, memoize: freshMemoize() },
      phase: input.phase,
      verifiedBeforeDeletion: input.verifiedBeforeDeletion ?? [],
      concurrency: input.concurrency ?? service.concurrency,
      deadline: input.deadline,
      stopping: input.stopping,
      halted: input.halted,
      wasRemoved: (resourceType, id) => ledger.wasRemoved(resourceType, id),
      onType: (done) => {
        if (!done.count) return;
        ledger.add(done);
        input.onCounts?.(ledger.counts, ledger.fresh);
      },
    });
    for (const { resourceType, verifiedEmpty } of resourceTypes)
      proven.set(resourceType, verifiedEmpty);
    const report = (outcome: Outcome): RunReport => ({
      verifiedEmpty: all.flatMap(({ name }) => (proven.get(name) ? [name] : [])),
      counts: ledger.counts,
      fresh: ledger.fresh,
      seenIds: ledger.seenIds,
      conditions: aggregate(resourceTypes.flatMap((resourceType) => resourceType.conditions)),
      outcome,
    });
    const error = worst(resourceTypes);
    if (error && error.class !== 'Transient') return report({ is: 'failed', error });
    if (input.phase === 'plan')
      return report(
        error
          ? { is: 'again', afterSeconds: error.retryAfterSeconds ?? 0, error }
          : { is: 'finished' },
      );
    if (error) return report({ is: 'again', afterSeconds: error.retryAfterSeconds ?? 0, error });
    // Only a listing of every resource type proves the end (safety rule "List again before
    // finished").
    if (
      looked === all &&
      resourceTypes.every(
        (resourceType) =>
          resourceType.verifiedEmpty ||
          resourceType.unreachable !== undefined ||
          resourceType.canFollowDeletion,
      )
    ) {
      const beyond = [
        ...new Set(resourceTypes.flatMap((resourceType) => resourceType.unreachable ?? [])),
      ];
      return report(
        beyond.length > 0 ? { is: 'unreachable', because: beyond.join('; ') } : { is: 'finished' },
      );
    }
    const returned = resourceTypes.find((resourceType) => resourceType.returned)?.returned;
    const removed = resourceTypes.reduce(
      (sum, resourceType) => sum + (resourceType.count?.gone ?? 0),
      0,
    );
    const isEmpty = resourceTypes.every(
      (resourceType) =>
        resourceType.verifiedEmpty ||
        resourceType.unreachable !== undefined ||
        resourceType.canFollowDeletion ||
        resourceType.count?.left === 0,
    );
    // The API reported at least one removal, or reports nothing left. Another iteration follows at
    // once.
    if (
      (removed === 0 && !isEmpty) ||
      context.now() >= input.deadline ||
      input.stopping?.aborted ||
      iterations >= MAX_ITERATIONS
    )
      return report({ is: 'again', afterSeconds: 0, error: undefined, returned });
    if (isEmpty) looked = all;
  }
}

/** Collects what one run has listed, by resource type. */
class Ledger {
  readonly #seenBefore: IdFilter;
  readonly #hasFilter: boolean;
  readonly #leftBefore: Readonly<Record<string, number>>;
  readonly #types = new Map<string, SeenResources>();
  readonly #seenIds: string | undefined;

  constructor(seenIds: string | undefined, leftBefore: Readonly<Record<string, number>>) {
    this.#seenIds = seenIds;
    this.#hasFilter = seenIds !== undefined;
    this.#seenBefore = IdFilter.from(seenIds);
    this.#leftBefore = leftBefore;
  }

  wasRemoved(resourceType: string, id: string): boolean {
    return this.#types.get(resourceType)?.wasRemoved(id) ?? false;
  }

  add({ resourceType, count, seen }: TypeIteration): void {
    const nothing = { listedIds: [], goneIds: [], listed: 0, gone: 0, isPartial: false };
    this.#of(resourceType).add(seen ?? { ...nothing, ...count });
  }

  get counts(): Counts {
    return Object.fromEntries([...this.#types].map(([name, seen]) => [name, seen.count]));
  }

  get fresh(): Fresh {
    return Object.fromEntries(
      [...this.#types].flatMap(([name, { fresh }]) => (fresh > 0 ? [[name, fresh]] : [])),
    );
  }

  /** The filter of earlier runs with the ids of this run; `undefined` while nothing was listed. */
  get seenIds(): string | undefined {
    const filter = IdFilter.from(this.#seenIds);
    let added = false;
    for (const [name, seen] of this.#types)
      added = seen.addTo(filter, (id) => keyOf(name, id)) || added;
    return added || this.#hasFilter ? filter.toString() : undefined;
  }

  #of(resourceType: string): SeenResources {
    const known = this.#types.get(resourceType);
    if (known) return known;
    const seen = new SeenResources(
      (id) => this.#hasFilter && this.#seenBefore.has(keyOf(resourceType, id)),
      this.#leftBefore[resourceType],
    );
    this.#types.set(resourceType, seen);
    return seen;
  }
}

const keyOf = (resourceType: string, id: string): string => `${resourceType} ${id}`;

/**
 * Returns the most important error: `Denied`, then `Unexpected`, then `Transient`. Among equals it
 * is the one with the longest `Retry-After`.
 */
function worst(resourceTypes: readonly TypeIteration[]): ErrorReport | undefined {
  const rank = (error: ErrorReport): number =>
    error.class === 'Denied' ? 2 : error.class === 'Transient' ? 0 : 1;
  return resourceTypes
    .flatMap((resourceType) => resourceType.errors)
    .sort((a, b) => rank(b) - rank(a) || (b.retryAfterSeconds ?? 0) - (a.retryAfterSeconds ?? 0))
    .at(0);
}

/**
 * Returns an empty cache. An answer that one iteration shares must not be older than the iteration.
 */
export function freshMemoize(): ProjectContext['memoize'] {
  const asked = new Map<string, Promise<unknown>>();
  return <T>(key: string, ask: () => Promise<T>): Promise<T> => {
    const known = asked.get(key) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const answer = ask();
    asked.set(key, answer);
    return answer;
  };
}
