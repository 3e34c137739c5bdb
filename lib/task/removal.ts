import pLimit from 'p-limit';
import type { Condition } from '../../events/service.ts';
import { type ErrorReport, reportOf } from '../shared/errors.ts';
import {
  blockedCondition,
  blockedConditions,
  removalCondition,
  resourceCondition,
} from './conditions.ts';
import type { BatchRemoval, CommonContext, Removal, Resource, ResourceType } from './service.ts';
import type { IterationInput } from './type-iteration.ts';

/** The result of the removals of one type in one iteration. */
export interface Removals {
  /** The resources that the service reported as gone. */
  readonly removedResources: readonly Resource[];
  /** The resources whose deletion the service has accepted and not confirmed yet. */
  readonly acceptedResources: readonly Resource[];
  /** The number of resources that this release of the service cannot remove. */
  readonly retainedCount: number;
  /** The number of blocked resources that can also be removed after the project's deletion. */
  readonly deferredCount: number;
  readonly conditions: readonly Condition[];
  readonly errors: readonly ErrorReport[];
}

/**
 * Removes the resources of one type with bounded concurrency. No further removal begins after the
 * deadline, after the process was told to stop, or after a 401 or 403 of the service. Never throws.
 */
export async function removeAll<Context extends CommonContext>(
  resourceType: ResourceType<Context>,
  resources: readonly Resource[],
  input: IterationInput<Context>,
): Promise<Removals> {
  const results = new RemovalResults(resourceType, input);
  results.addBlocked(resources);
  const removableResources = resources.filter(({ blocked }) => !blocked);
  const work = { resourceType, input, results };
  const limit = pLimit(input.concurrency);
  const { batch } = resourceType;
  await Promise.all(
    batch
      ? inChunks(removableResources, batch.maxItems).map((chunk) =>
          limit(removeBatch, chunk, batch, work),
        )
      : removableResources.map((resource) => limit(removeOne, resource, work)),
  );
  return results;
}

/** The removals of one type that are under way, with their results so far. */
interface RemovalWork<Context extends CommonContext> {
  readonly resourceType: ResourceType<Context>;
  readonly input: IterationInput<Context>;
  readonly results: RemovalResults;
}

async function removeOne<Context extends CommonContext>(
  resource: Resource,
  work: RemovalWork<Context>,
): Promise<void> {
  const { results } = work;
  try {
    if (await isStopped(work)) return;
    const [unheld] = await excludeHeld([resource], work);
    if (unheld) results.add(unheld, await unheld.remove());
  } catch (thrown) {
    results.addError(resource, thrown);
  }
}

async function removeBatch<Context extends CommonContext>(
  resources: readonly Resource[],
  batch: BatchRemoval<Resource, Context>,
  work: RemovalWork<Context>,
): Promise<void> {
  const { input, resourceType, results } = work;
  try {
    if (await isStopped(work)) return;
    const unheld = await excludeHeld(resources, work);
    if (unheld.length === 0) return;
    const removals = await batch.remove(unheld, input.context);
    for (const [index, resource] of unheld.entries()) {
      const removal =
        removals[index] ??
        new TypeError(`${resourceType.name}: no result for one of ${unheld.length} resources`);
      if (removal instanceof Error) results.addError(resource, removal);
      else results.add(resource, removal);
    }
  } catch (thrown) {
    for (const resource of resources) results.addError(resource, thrown);
  }
}

/**
 * True if no further removal of the type may begin. If a condition stops all removals, it is added
 * to the results.
 */
const isStopped = async <Context extends CommonContext>({
  input,
  results,
}: RemovalWork<Context>): Promise<boolean> =>
  // After a 401 or 403 the service would refuse the other removals, too.
  results.isDenied ||
  input.stopping?.aborted === true ||
  input.context.now() >= input.deadline ||
  results.recordHalt(await input.whyHalted?.());

/**
 * Returns the resources without a hold, and records each resource with a hold as blocked. A person
 * may have added a hold after the listing.
 */
async function excludeHeld<Context extends CommonContext>(
  resources: readonly Resource[],
  { input, resourceType, results }: RemovalWork<Context>,
): Promise<readonly Resource[]> {
  const holds = await input.findHolds?.(resourceType.name, resources);
  if (!holds || holds.size === 0) return resources;
  for (const resource of resources) resource.blocked = holds.get(resource.id) ?? resource.blocked;
  results.addBlocked(resources);
  return resources.filter(({ id }) => !holds.has(id));
}

function inChunks<Item>(items: readonly Item[], maxItems: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / maxItems) }, (_, index) =>
    items.slice(index * maxItems, (index + 1) * maxItems),
  );
}

/** Collects the results of the removals of one type. */
class RemovalResults implements Removals {
  readonly removedResources: Resource[] = [];
  readonly acceptedResources: Resource[] = [];
  readonly conditions: Condition[] = [];
  readonly errors: ErrorReport[] = [];
  retainedCount = 0;
  deferredCount = 0;
  /** True if the service refused a removal with 401 or 403. */
  isDenied = false;
  #isHalted = false;
  readonly #name: ResourceType['name'];
  readonly #input: Pick<IterationInput<CommonContext>, 'service' | 'context'>;

  constructor(
    { name }: Pick<ResourceType, 'name'>,
    input: Pick<IterationInput<CommonContext>, 'service' | 'context'>,
  ) {
    this.#name = name;
    this.#input = input;
  }

  /** Records the conditions of those resources that must not be removed now. */
  addBlocked(resources: readonly Resource[]): void {
    this.conditions.push(...blockedConditions(this.#name, resources));
    this.deferredCount += resources.filter(
      ({ blocked }) => blocked?.isRemovableAfterDeletion,
    ).length;
  }

  /**
   * Records the reason that stops all removals, if there is one. Returns true if this call or an
   * earlier one recorded a reason.
   */
  recordHalt(reason: Condition | undefined): boolean {
    if (reason && !this.#isHalted) {
      this.#isHalted = true;
      this.conditions.push({ ...reason, resourceType: this.#name });
    }
    return this.#isHalted;
  }

  add(resource: Resource, removal: Removal): void {
    if (removal.kind === 'gone') {
      this.removedResources.push(resource);
      return;
    }
    if (removal.kind === 'accepted') this.acceptedResources.push(resource);
    if (removal.kind === 'blocked' && removal.isRemovableAfterDeletion) this.deferredCount += 1;
    if (removal.kind === 'retained') this.retainedCount += 1;
    this.conditions.push(removalCondition(this.#name, resource, removal));
  }

  addError(resource: Resource, thrown: unknown): void {
    const error = reportOf(thrown, {
      code: `${this.#name}.remove`,
      service: this.#input.service,
      region: this.#input.context.region,
    });
    const { message, advice, requestId } = error;
    if (error.class === 'Gone') this.removedResources.push(resource);
    else if (error.class === 'Blocked')
      this.conditions.push(
        blockedCondition(this.#name, resource, { message, actor: 'none', advice }),
      );
    else {
      this.errors.push(error);
      this.isDenied ||= error.class === 'Denied';
      const actor = error.class === 'Transient' ? 'none' : 'operator';
      this.conditions.push({
        ...resourceCondition(this.#name, error.class, message, actor, resource),
        advice,
        requestId,
      });
    }
  }
}
