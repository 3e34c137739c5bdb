import type { ResourceTypeName } from '../../events/ids.ts';
import { type ErrorReport, reportOf } from '../shared/errors.ts';
import { blockedConditions, ownershipConditions, returnedConditions } from './conditions.ts';
import { removeAll } from './removal.ts';
import { ownership } from './safety-rules.ts';
import type { CommonContext, ProjectContext, Resource, ResourceType } from './service.ts';
import {
  allowsDependents,
  type IterationInput,
  notListed,
  type TypeIteration,
} from './type-iteration.ts';
import { listingFailed, returnedError, tokenOnProject, unreachable } from './unlisted.ts';

/**
 * Lists each resource type once. In phases `pre-delete` and `apply` it also requests the removal of
 * the resources. A type with dependencies is listed after the types that it depends on are empty
 * (until `empty`) or were processed in this iteration (until `done`). Other types are processed
 * concurrently. Never throws. Each result has the errors of its type. An error of one type stops no
 * other type (safety rule "One stuck project stops no other").
 */
export async function iteration<At extends CommonContext = ProjectContext>(
  input: IterationInput<At>,
): Promise<TypeIteration[]> {
  const results = new Map<ResourceTypeName, Promise<TypeIteration>>();
  const start = (resourceType: ResourceType<At>): Promise<TypeIteration> => {
    const started = results.get(resourceType.name);
    if (started) return started;
    const { dependsOn } = resourceType;
    const dependencies = input.resourceTypes
      .filter(({ name }) => dependsOn.some(({ type }) => type === name))
      .map(start);
    const result = (async () => {
      // Phase `plan` only counts, so it lists all types concurrently.
      const ended = input.phase === 'plan' ? [] : await Promise.all(dependencies);
      const mustWait = ended.some(
        (done) =>
          !allowsDependents(done) &&
          dependsOn.some((one) => one.until === 'empty' && one.type === done.resourceType),
      );
      const done = await iterateType(resourceType, mustWait, input);
      input.onType(done);
      return done;
    })();
    results.set(resourceType.name, result);
    return result;
  };
  return Promise.all(input.resourceTypes.map(start));
}

async function iterateType<At extends CommonContext>(
  resourceType: ResourceType<At>,
  mustWait: boolean,
  input: IterationInput<At>,
): Promise<TypeIteration> {
  const token =
    resourceType.requiresLiveProject?.class === 'C'
      ? tokenOnProject(resourceType, input)
      : undefined;
  if (token && 'resourceType' in token) return token;
  // A type that this one depends on has resources left, so this type must wait. This type is not
  // listed, and its earlier count is kept. The other type reports the cause (safety rule "Every
  // failure has an owner").
  if (mustWait) return notListed(resourceType.name);
  const context = token ? { ...input.context, api: token } : input.context;
  let listing: Listing<At>;
  try {
    listing = await resourceType.list(context);
  } catch (thrown) {
    const code = `${resourceType.name}.list`;
    const error = reportOf(thrown, { code, service: input.service, region: context.region });
    return listingFailed(resourceType, error, input.verifiedBeforeDeletion);
  }
  return removeListed(resourceType, listing, input);
}

type Listing<At> = Awaited<ReturnType<ResourceType<At>['list']>>;

/** Removes the listed resources of the owner, and returns the result of the type. Never throws. */
async function removeListed<At extends CommonContext>(
  resourceType: ResourceType<At>,
  { resources, more, total }: Listing<At>,
  input: IterationInput<At>,
): Promise<TypeIteration> {
  const { name, requiresLiveProject } = resourceType;
  const owned = new Map(resources.map((one) => [one, ownership(one, input.owner)]));
  const listedOurs = resources.filter((one) => owned.get(one) === 'ours');
  input.onListed?.(name, listedOurs, more ? (total ?? listedOurs.length) : undefined);
  const { ours, error } = await applyGuard(name, listedOurs, input);
  const ownerless = resources.filter((one) => owned.get(one) === 'ownerless');
  const foreign = resources.filter((one) => owned.get(one) === 'foreign');
  const listed = Math.max(total ?? 0, ours.length + ownerless.length);
  const conditions = ownershipConditions(name, foreign, ownerless);
  const seen = {
    listedIds: ours.map(({ id }) => id),
    goneIds: [],
    listed,
    gone: 0,
    isPartial: more,
  };
  const listedResult = {
    resourceType: name,
    status: listed === 0 && !more ? 'empty' : 'present',
    count: { listed, gone: 0, left: listed },
    conditions,
    errors: [],
    seen,
  } as const satisfies TypeIteration;
  if (listedResult.status === 'empty') return listedResult;
  if (input.phase === 'plan')
    return { ...listedResult, conditions: [...conditions, ...blockedConditions(name, ours)] };
  if (error) return { ...listedResult, errors: [error] };
  if (requiresLiveProject?.class === 'D' && input.phase === 'apply') {
    const over = unreachable(resourceType, ours);
    return { ...listedResult, ...over, conditions: [...conditions, ...over.conditions] };
  }
  const returnedResources = ours.filter(({ id }) => input.wasRemoved?.(name, id));
  const removal = await removeAll(
    resourceType,
    ours.filter((one) => !returnedResources.includes(one)),
    input,
  );
  const gone = removal.gone.length;
  return {
    ...listedResult,
    count: { listed, gone, left: listed - gone },
    seen: { ...seen, goneIds: idsOf(removal.gone), gone },
    acceptedIds: idsOf(removal.accepted),
    conditions: [
      ...conditions,
      ...removal.conditions,
      ...returnedConditions(name, returnedResources),
    ],
    errors: removal.errors,
    ...(returnedResources.length > 0
      ? { returned: returnedError(name, returnedResources, input) }
      : {}),
    ...exceptionOf(removal, { listed, more, isPreDelete: input.phase === 'pre-delete' }),
  };
}

/** Sets `blocked` on resources that are held or missing in the approved plan. */
async function applyGuard<At extends CommonContext>(
  name: ResourceTypeName,
  resources: readonly Resource[],
  { guard, phase, service, context }: IterationInput<At>,
): Promise<{ ours: readonly Resource[]; error?: ErrorReport }> {
  if (!guard || resources.length === 0) return { ours: resources };
  try {
    const blockers = await guard(name, resources);
    for (const resource of resources) {
      const blocked = blockers.get(resource.id);
      if (blocked) resource.blocked = blocked;
    }
    return { ours: resources };
  } catch (thrown) {
    const code = `${name}.guard`;
    const error = reportOf(thrown, { code, service, region: context.region });
    return phase === 'plan' ? { ours: resources } : { ours: resources, error };
  }
}

const idsOf = (resources: readonly Resource[]): string[] => resources.map(({ id }) => id);

function exceptionOf(
  { gone, retained, deferred }: Awaited<ReturnType<typeof removeAll>>,
  { listed, more, isPreDelete }: { listed: number; more: boolean; isPreDelete: boolean },
): Pick<TypeIteration, 'exception'> {
  if (more) return {};
  if (retained > 0 && retained === listed) return { exception: { type: 'retained' } };
  if (isPreDelete && deferred > 0 && gone.length + retained + deferred === listed)
    return { exception: { type: 'after-deletion' } };
  return {};
}
