import pLimit from 'p-limit';
import type { Condition } from '../../events/service.ts';
import { type ErrorReport, reportOf } from '../shared/errors.ts';
import { blockedCondition, blockedConditions, condition, removalCondition } from './conditions.ts';
import type { BatchRemoval, CommonContext, Removal, Resource, ResourceType } from './service.ts';
import type { IterationInput } from './type-iteration.ts';

/** The result of the removals of one type in one iteration. */
export interface Removals {
  /** The resources that the service reported as gone. */
  readonly gone: readonly Resource[];
  /** The resources whose deletion the service has accepted, now or earlier. */
  readonly accepted: readonly Resource[];
  /** The number of resources that this release of the service cannot remove. */
  readonly retained: number;
  /** The number of resources that are left and can also be removed after the project's deletion. */
  readonly deferred: number;
  readonly conditions: readonly Condition[];
  readonly errors: readonly ErrorReport[];
}

/**
 * Removes the resources of one type with bounded concurrency. No further removal begins after the
 * deadline, after the process was told to stop, or after a 401 or 403 of the service. Never throws.
 */
export async function removeAll<At extends CommonContext>(
  resourceType: ResourceType<At>,
  resources: readonly Resource[],
  input: IterationInput<At>,
): Promise<Removals> {
  const results = new RemovalResults(resourceType, input);
  const limit = pLimit(input.concurrency);
  // After a 401 or 403 the service would refuse the other removals, too.
  const isStopped = async (): Promise<boolean> =>
    results.isDenied ||
    input.stopping?.aborted === true ||
    input.context.now() >= input.deadline ||
    results.haltFor(await input.halted?.());
  // A person may have added a hold after the listing.
  const notHeld = async (some: readonly Resource[]): Promise<readonly Resource[]> => {
    const held = await input.heldNow?.(resourceType.name, some);
    if (!held || held.size === 0) return some;
    for (const one of some) one.blocked = held.get(one.id) ?? one.blocked;
    results.addBlocked(some);
    return some.filter(({ id }) => !held.has(id));
  };
  const removeOne = async (resource: Resource): Promise<void> => {
    try {
      if (await isStopped()) return;
      const [free] = await notHeld([resource]);
      if (free) results.add(free, await free.remove());
    } catch (thrown) {
      results.addError(resource, thrown);
    }
  };
  const removeBatch = async (
    some: readonly Resource[],
    batch: BatchRemoval<Resource, At>,
  ): Promise<void> => {
    try {
      if (await isStopped()) return;
      const free = await notHeld(some);
      if (free.length === 0) return;
      const answers = await batch.remove(free, input.context);
      for (const [index, resource] of free.entries()) {
        const answer =
          answers[index] ??
          new TypeError(`${resourceType.name}: no answer for one of ${free.length} resources`);
        if (answer instanceof Error) results.addError(resource, answer);
        else results.add(resource, answer);
      }
    } catch (thrown) {
      for (const resource of some) results.addError(resource, thrown);
    }
  };
  results.addBlocked(resources);
  const free = resources.filter(({ blocked }) => !blocked);
  const { batch } = resourceType;
  if (batch)
    await Promise.all(chunks(free, batch.most).map((some) => limit(removeBatch, some, batch)));
  else await Promise.all(free.map((resource) => limit(removeOne, resource)));
  return results;
}

function chunks<Item>(items: readonly Item[], most: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / most) }, (_, index) =>
    items.slice(index * most, (index + 1) * most),
  );
}

/** Collects the results of the removals of one type. */
class RemovalResults implements Removals {
  readonly gone: Resource[] = [];
  readonly accepted: Resource[] = [];
  readonly conditions: Condition[] = [];
  readonly errors: ErrorReport[] = [];
  retained = 0;
  deferred = 0;
  /** True if the service refused a removal with 401 or 403. */
  isDenied = false;
  #halt: Condition | undefined;
  readonly #name: ResourceType['name'];
  readonly #input: Pick<IterationInput<CommonContext>, 'service' | 'context'>;

  constructor(
    { name }: Pick<ResourceType, 'name'>,
    input: Pick<IterationInput<CommonContext>, 'service' | 'context'>,
  ) {
    this.#name = name;
    this.#input = input;
  }

  /** Adds the resources that must not be removed now. */
  addBlocked(resources: readonly Resource[]): void {
    this.conditions.push(...blockedConditions(this.#name, resources));
    this.deferred += resources.filter(({ blocked }) => blocked?.canFollowDeletion).length;
  }

  /**
   * Records the reason that stops all removals, if there is one. Returns true if a reason is
   * recorded.
   */
  haltFor(reason: Condition | undefined): boolean {
    if (reason && !this.#halt) {
      this.#halt = reason;
      this.conditions.push({ ...reason, resourceType: this.#name });
    }
    return this.#halt !== undefined;
  }

  add(resource: Resource, removal: Removal): void {
    if (removal.kind === 'gone') {
      this.gone.push(resource);
      return;
    }
    if (removal.kind === 'accepted') this.accepted.push(resource);
    if (removal.kind === 'blocked' && removal.canFollowDeletion) this.deferred += 1;
    if (removal.kind === 'retained') this.retained += 1;
    this.conditions.push(removalCondition(this.#name, resource, removal));
  }

  addError(resource: Resource, thrown: unknown): void {
    const error = reportOf(thrown, {
      code: `${this.#name}.remove`,
      service: this.#input.service,
      region: this.#input.context.region,
    });
    const { message, advice, requestId } = error;
    if (error.class === 'Gone') this.gone.push(resource);
    else if (error.class === 'Blocked')
      this.conditions.push(
        blockedCondition(this.#name, resource, { message, actor: 'none', advice }),
      );
    else {
      this.errors.push(error);
      this.isDenied ||= error.class === 'Denied';
      const actor = error.class === 'Transient' ? 'none' : 'operator';
      this.conditions.push({
        ...condition(this.#name, error.class, message, actor, resource),
        advice,
        requestId,
      });
    }
  }
}
