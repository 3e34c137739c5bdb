import * as z from 'zod';
import type { ResourceTypeName } from '../../events/ids.ts';
import type { Engine } from '../engine/port.ts';
import type { Appeared, ApprovedPlan, Operation } from '../operation/model.ts';
import type { PlanPage } from '../operation/plan.ts';
import { PropagatorError } from '../shared/errors.ts';
import type { Blocker, Resource } from '../task/service.ts';
import type { FindBlockers } from '../task/type-iteration.ts';
import { readPlan, type ServicePlace } from './plan-store.ts';

/**
 * All runs of the operation record in the same document which resources outside of the plan they
 * remove. Lock conflicts are therefore normal. After this number of conflicts the run is retried.
 */
const MAX_CONFLICTS = 50;
const StoredDrift = z.looseObject({ resources: z.array(z.string()) });

/** Compares the listings of a run with the approved plan of its operation. */
export interface PlanGuard {
  /** Returns the resources that the run must not remove, with the reason. */
  readonly findBlockers: FindBlockers;
  /** Returns how many resources of each type the plan does not list, for the report of the run. */
  readonly appeared: () => Appeared;
}

/**
 * Returns the guard of a run whose operation carries out an approved plan. Returns `undefined` for
 * any other operation, and after a person has accepted the drift of the plan. The guard allows the
 * removal of a limited number of resources that the plan does not list. It records each of these
 * resources before the removal, so that concurrent runs cannot exceed the limit. In phase `plan`
 * (`isCounting`) the guard only counts.
 *
 * `unlistedTypes`: types of class C, which a plan cannot list. The plan names these types, and the
 * approval of the plan includes all their resources.
 */
export function planGuard(
  operation: Operation,
  place: ServicePlace,
  { isCounting, unlistedTypes }: { isCounting: boolean; unlistedTypes: readonly string[] },
  engine: Pick<Engine, 'reads' | 'commit'>,
): PlanGuard | undefined {
  const { plan } = operation;
  if (!plan || plan.driftAccepted) return undefined;
  const pagesPromise = readPlan(plan.of, engine.reads, place);
  pagesPromise.catch(() => undefined);
  const appeared = new Map<string, Appeared[string]>();
  return {
    appeared: () => Object.fromEntries(appeared),
    async findBlockers(resourceType, resources) {
      if (unlistedTypes.includes(resourceType)) return new Map();
      const idsInPlan = plannedIds(await pagesPromise, resourceType);
      if (!idsInPlan) return new Map();
      const unplannedResources = resources.filter(({ id }) => !idsInPlan.has(id));
      if (isCounting) {
        const count = unplannedResources.length;
        appeared.set(resourceType, {
          count,
          example: exampleOf(unplannedResources),
          isRefused: false,
        });
        return new Map();
      }
      const keys = unplannedResources.map(({ id }) => keyOf(resourceType, id));
      const allowedKeys = await recordDriftUpToLimit(operation, plan, keys, engine);
      const refusedResources = unplannedResources.filter(
        ({ id }) => !allowedKeys.has(keyOf(resourceType, id)),
      );
      appeared.set(resourceType, {
        count: countOfType(allowedKeys, resourceType) + refusedResources.length,
        example: exampleOf([...refusedResources, ...unplannedResources]),
        isRefused: refusedResources.length > 0,
      });
      return new Map(refusedResources.map(({ id }) => [id, driftBlocker(plan)]));
    },
  };
}

/** The id of the first resource, for messages. */
const exampleOf = ([first]: readonly Resource[]): string => first?.id ?? '-';

/** Returns how many of the recorded resources are of this type. */
const countOfType = (keys: ReadonlySet<string>, resourceType: ResourceTypeName): number =>
  [...keys].filter((key) => key.startsWith(keyOf(resourceType, ''))).length;

/**
 * Returns the ids that the plan lists for a type, or `undefined` if the listing in the plan is
 * incomplete. An incomplete listing cannot show which resources are new.
 */
function plannedIds(
  pages: readonly PlanPage[],
  resourceType: ResourceTypeName,
): ReadonlySet<string> | undefined {
  const pagesOfType = pages.filter((page) => page.resourceType === resourceType);
  const isIncomplete = pagesOfType.some(({ total }) => total !== undefined);
  if (isIncomplete) return undefined;
  return new Set(pagesOfType.flatMap(({ resources }) => resources.map(({ id }) => id)));
}

const keyOf = (resourceType: ResourceTypeName, id: Resource['id']): string =>
  `${resourceType} ${id}`;

const driftBlocker = ({ of: planId, allowedDrift }: ApprovedPlan): Blocker => ({
  message:
    `it appeared after the approved plan ${planId}, ` +
    `and only ${allowedDrift} resources outside of the plan may be removed`,
  actor: 'operator',
  advice: 'The operation is held, and shows how to continue.',
});

/**
 * Records the resources that the run will remove although the plan does not list them (`keys`), up
 * to the allowed number. Returns the keys of all resources that the runs of the operation have
 * recorded.
 */
async function recordDriftUpToLimit(
  { id }: Operation,
  { allowedDrift }: ApprovedPlan,
  keys: readonly string[],
  engine: Pick<Engine, 'reads' | 'commit'>,
): Promise<ReadonlySet<string>> {
  for (let attempts = 0; attempts < MAX_CONFLICTS; attempts += 1) {
    const [storedDrift] = await engine.reads.documents('drift', id, 'allowed');
    const storedKeys = storedDrift ? StoredDrift.parse(storedDrift.value).resources : [];
    const storedKeySet = new Set(storedKeys);
    const newKeys = keys.filter((key) => !storedKeySet.has(key));
    const newlyAllowedKeys = newKeys.slice(0, Math.max(0, allowedDrift - storedKeys.length));
    if (newlyAllowedKeys.length === 0) return storedKeySet;
    const document = {
      collection: 'drift',
      partition: id,
      id: 'allowed',
      version: storedDrift?.version ?? 0,
      value: { resources: [...storedKeys, ...newlyAllowedKeys] },
    } as const;
    if ((await engine.commit({ documents: [document] })) === 'committed')
      return new Set([...storedKeys, ...newlyAllowedKeys]);
  }
  throw new PropagatorError({
    code: 'plan.drift',
    class: 'Transient',
    message: 'other runs of the operation recorded resources outside of the plan at the same time',
    advice: 'Wait: the propagator tries again automatically.',
  });
}
