import type { ResourceTypeName } from '../../events/ids.ts';
import { type ErrorReport, reportOf } from '../shared/errors.ts';
import { blockedConditions, ownershipConditions, reappearedConditions } from './conditions.ts';
import { type Removals, removeAll } from './removal.ts';
import { ownershipOf } from './safety-rules.ts';
import type { CommonContext, ProjectContext, Resource, ResourceType } from './service.ts';
import {
  allowsDependents,
  type IterationInput,
  type TypeResult,
  unlistedResult,
} from './type-iteration.ts';
import {
  accessWithProjectToken,
  failedListingResult,
  reappearedError,
  unreachableResult,
} from './unlisted.ts';

/**
 * Lists each resource type once. In phases `pre-delete` and `apply` it also requests the removal of
 * the resources. A type is listed after its dependencies: with `until: 'empty'` after they are
 * empty, with `until: 'done'` after this iteration has processed them. Other types are processed
 * concurrently. Never throws. Each result has the errors of its type. An error of one type stops
 * only the types that require it to be empty (safety rule "One stuck project stops no other").
 */
export async function runIteration<Context extends CommonContext = ProjectContext>(
  input: IterationInput<Context>,
): Promise<TypeResult[]> {
  const results = new Map<ResourceTypeName, Promise<TypeResult>>();
  /** Starts the types that this type depends on, and then this type. Starts each type only once. */
  const startType = (resourceType: ResourceType<Context>): Promise<TypeResult> => {
    const startedResult = results.get(resourceType.name);
    if (startedResult !== undefined) return startedResult;
    const dependencies = input.resourceTypes
      .filter(({ name }) => resourceType.dependsOn.some(({ type }) => type === name))
      .map(startType);
    const result = listAndRemoveAfter(dependencies, resourceType, input);
    results.set(resourceType.name, result);
    return result;
  };
  return Promise.all(input.resourceTypes.map(startType));
}

/** Lists a type and removes its resources, after the types that it depends on. */
async function listAndRemoveAfter<Context extends CommonContext>(
  dependencies: readonly Promise<TypeResult>[],
  resourceType: ResourceType<Context>,
  input: IterationInput<Context>,
): Promise<TypeResult> {
  // Phase `plan` only counts, so it lists all types concurrently.
  const dependencyResults = input.phase === 'plan' ? [] : await Promise.all(dependencies);
  const mustWait = dependencyResults.some(
    (other) =>
      !allowsDependents(other) &&
      resourceType.dependsOn.some(
        ({ type, until }) => until === 'empty' && type === other.resourceType,
      ),
  );
  const result = await listAndRemove(resourceType, mustWait, input);
  input.onType(result);
  return result;
}

async function listAndRemove<Context extends CommonContext>(
  resourceType: ResourceType<Context>,
  mustWait: boolean,
  input: IterationInput<Context>,
): Promise<TypeResult> {
  const access =
    resourceType.requiresLiveProject?.class === 'C'
      ? accessWithProjectToken(resourceType, input)
      : undefined;
  if (access && 'result' in access) return access.result;
  // While a required type is not empty, this type is not listed, and its earlier count is kept. The
  // required type reports the cause (safety rule "Every failure has an owner").
  if (mustWait) return unlistedResult(resourceType.name);
  const context = access ? { ...input.context, api: access.api } : input.context;
  let listing: Listing<Context>;
  try {
    listing = await resourceType.list(context);
  } catch (thrown) {
    const code = `${resourceType.name}.list`;
    const error = reportOf(thrown, { code, service: input.service, region: context.region });
    return failedListingResult(resourceType, error, input.verifiedBeforeDeletion);
  }
  return removeListedResources(resourceType, listing, input);
}

type Listing<Context> = Awaited<ReturnType<ResourceType<Context>['list']>>;

/** Removes the listed resources of the owner, and returns the result of the type. Never throws. */
async function removeListedResources<Context extends CommonContext>(
  resourceType: ResourceType<Context>,
  listing: Listing<Context>,
  input: IterationInput<Context>,
): Promise<TypeResult> {
  const { name, requiresLiveProject } = resourceType;
  const ownResources = listing.resources.filter((one) => ownershipOf(one, input.owner) === 'ours');
  const { hasMore, total } = listing;
  input.onListed?.(name, ownResources, hasMore ? (total ?? ownResources.length) : undefined);
  const blockerError = await addBlockers(name, ownResources, input);
  const result = listingResult(name, listing, ownResources, input);
  if (result.status === 'empty') return result;
  if (input.phase === 'plan')
    return {
      ...result,
      conditions: [...result.conditions, ...blockedConditions(name, ownResources)],
    };
  if (blockerError) return { ...result, errors: [blockerError] };
  if (requiresLiveProject?.class === 'D' && input.phase === 'apply') {
    const { conditions, leftReason } = unreachableResult(resourceType, ownResources);
    return { ...result, leftReason, conditions: [...result.conditions, ...conditions] };
  }
  const reappearedResources = ownResources.filter(({ id }) => input.wasRemoved?.(name, id));
  const notYetRemoved = ownResources.filter((one) => !reappearedResources.includes(one));
  const removals = await removeAll(resourceType, notYetRemoved, input);
  return removalResult(result, removals, reappearedResources, input);
}

/** Returns the result of a type after its listing and before its first removal. */
function listingResult<Context extends CommonContext>(
  name: ResourceTypeName,
  { resources, hasMore, total }: Listing<Context>,
  ownResources: readonly Resource[],
  { owner }: IterationInput<Context>,
) {
  const foreignResources = resources.filter((one) => ownershipOf(one, owner) === 'foreign');
  const ownerlessResources = resources.filter((one) => ownershipOf(one, owner) === 'ownerless');
  // A row without an owner may be a resource of this account, so its type must not count as empty.
  // A row of another owner is not a resource of this account (safety rule "Check the owner of
  // every row").
  const listed = Math.max(total ?? 0, ownResources.length + ownerlessResources.length);
  return {
    resourceType: name,
    status: listed === 0 && !hasMore ? 'empty' : 'present',
    count: { listed, gone: 0, left: listed },
    conditions: ownershipConditions(name, foreignResources, ownerlessResources),
    errors: [],
    countedIds: {
      listedIds: idsOf(ownResources),
      goneIds: [],
      listed,
      gone: 0,
      isPartial: hasMore,
    },
  } as const satisfies TypeResult;
}

/**
 * Returns the result of a type after its removals. `reappeared`: the resources that an earlier
 * iteration of the run removed and that were listed again.
 */
function removalResult<Context extends CommonContext>(
  result: ReturnType<typeof listingResult>,
  removals: Removals,
  reappearedResources: readonly Resource[],
  input: IterationInput<Context>,
): TypeResult {
  const { conditions, count, countedIds, resourceType } = result;
  const { listed } = count;
  const gone = removals.removedResources.length;
  return {
    ...result,
    count: { listed, gone, left: listed - gone },
    countedIds: { ...countedIds, goneIds: idsOf(removals.removedResources), gone },
    acceptedIds: idsOf(removals.acceptedResources),
    conditions: [
      ...conditions,
      ...removals.conditions,
      ...reappearedConditions(resourceType, reappearedResources),
    ],
    errors: removals.errors,
    ...(reappearedResources.length > 0
      ? { reappeared: reappearedError(resourceType, reappearedResources, input) }
      : {}),
    ...(countedIds.isPartial ? {} : leftReasonOf(removals, listed, input)),
  };
}

/**
 * Sets `blocked` on each resource that has a hold, and on each resource that the approved plan does
 * not allow to be removed. Returns the error if these blockers could not be read. Phase `plan`
 * removes nothing, so it ignores the error.
 */
async function addBlockers<Context extends CommonContext>(
  name: ResourceTypeName,
  resources: readonly Resource[],
  { context, findBlockers, phase, service }: IterationInput<Context>,
): Promise<ErrorReport | undefined> {
  if (!findBlockers || resources.length === 0) return undefined;
  try {
    const blockers = await findBlockers(name, resources);
    for (const resource of resources)
      resource.blocked = blockers.get(resource.id) ?? resource.blocked;
    return undefined;
  } catch (thrown) {
    const code = `${name}.guard`;
    const error = reportOf(thrown, { code, service, region: context.region });
    return phase === 'plan' ? undefined : error;
  }
}

const idsOf = (resources: readonly Resource[]): string[] => resources.map(({ id }) => id);

/** Returns why the run may end although resources of the type are left. */
function leftReasonOf<Context extends CommonContext>(
  { removedResources, retainedCount, deferredCount }: Removals,
  listed: number,
  { phase }: IterationInput<Context>,
): Pick<TypeResult, 'leftReason'> {
  if (retainedCount > 0 && retainedCount === listed) return { leftReason: { type: 'retained' } };
  const handledCount = removedResources.length + retainedCount + deferredCount;
  if (phase === 'pre-delete' && deferredCount > 0 && handledCount === listed)
    return { leftReason: { type: 'after-deletion' } };
  return {};
}
