import pLimit from 'p-limit';
import type { ProjectId, ResourceTypeName, UserId } from '../../events/ids.ts';
import type { Condition, Count, Phase } from '../../events/service.ts';
import { type Actor, type ErrorReport, reportOf } from '../shared/errors.ts';
import { ownership } from './safety-rules.ts';
import type { Seen } from './seen-resources.ts';
import type {
  BatchRemoval,
  CommonContext,
  ProjectContext,
  Removal,
  RequiresLiveProject,
  Resource,
  ResourceType,
  ServiceApi,
} from './service.ts';

type Named = Pick<ResourceType, 'name'>;

/** What one round over one resource type saw and did. */
export interface TypeIteration {
  readonly resourceType: ResourceTypeName;
  /** `undefined`: not listed, or the listing failed: nobody knows. */
  readonly count: Count | undefined;
  /**
   * True only when a listing that could be trusted showed nothing of the project (safety rule: list
   * again before finished).
   */
  readonly verifiedEmpty: boolean;
  readonly conditions: readonly Condition[];
  /** The listing failed, or removals did. */
  readonly errors: readonly ErrorReport[];
  /** Ids behind `count`; `undefined` where `count` is, or where nothing was listed for it. */
  readonly seen?: Seen;
  /** Resources that an earlier iteration of the run removed were listed again. */
  readonly returned?: ErrorReport;
  /**
   * Set when nobody can see or remove it any more, for the project is dead (classes C and D): what
   * that means.
   */
  readonly unreachable?: string;
  /** True if all that is left can also be removed after the project's deletion. */
  readonly canFollowDeletion?: boolean;
}

export interface IterationInput<At extends CommonContext = ProjectContext> {
  readonly service: string;
  readonly resourceTypes: readonly ResourceType<At>[];
  readonly context: At;
  /** Whose resources: the project, or the user. */
  readonly owner: ProjectId | UserId;
  readonly phase: Phase;
  /** Resource types that were proven empty while the project lived. */
  readonly verifiedBeforeDeletion: readonly ResourceTypeName[];
  readonly concurrency: number;
  /** Epoch milliseconds: no removal is begun after it. */
  readonly deadline: number;
  /** Aborted when the process is told to stop: no removal is begun after it. */
  readonly stopping?: AbortSignal | undefined;
  /** Whether an earlier iteration of this run was told that the resource is gone. */
  readonly wasRemoved?: (resourceType: ResourceTypeName, id: string) => boolean;
  readonly onType: (iteration: TypeIteration) => void;
}

/**
 * One look at every resource type and, in phase `apply`, one removal of each thing that may go.
 * A kind is touched only after those that it stands behind are gone, or, where it only follows
 * them, had their turn; resource types that are not ordered go at the same time.
 * Never throws: what goes wrong with one resource type is in its own result and stops no other
 * (safety rule: one stuck resource stops no other).
 */
export async function iteration<At extends CommonContext>(
  input: IterationInput<At>,
): Promise<TypeIteration[]> {
  const results = new Map<ResourceTypeName, Promise<TypeIteration>>();
  const start = (resourceType: ResourceType<At>): Promise<TypeIteration> => {
    const known = results.get(resourceType.name);
    if (known) return known;
    const before = input.resourceTypes
      .filter((apiOf) => [...resourceType.after, ...resourceType.follows].includes(apiOf.name))
      .map(start);
    const result = (async () => {
      const predecessors = input.phase === 'plan' ? [] : await Promise.all(before);
      const mustBeGone = predecessors.filter(
        (done) => resourceType.after.includes(done.resourceType) && done.unreachable === undefined,
      );
      const mustWait = mustBeGone.some(
        (done) => !done.verifiedEmpty && (!done.count || done.count.left > 0),
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
  const context = token ? { ...input.context, api: token } : input.context;
  if (mustWait) {
    // Nothing of it can go now, so it costs no call; what was counted before still stands, and the
    // cause is said by whom it waits for (safety rule: every failure has an owner).
    return {
      resourceType: resourceType.name,
      count: undefined,
      verifiedEmpty: false,
      conditions: [],
      errors: [],
    };
  }
  let seen: Awaited<ReturnType<ResourceType<At>['list']>>;
  try {
    seen = await resourceType.list(context);
  } catch (thrown) {
    const code = `${resourceType.name}.list`;
    const error = reportOf(thrown, { code, service: input.service, region: context.region });
    if (isHidden(error) && input.verifiedBeforeDeletion.includes(resourceType.name))
      return verifiedBefore(resourceType);
    return unlisted(resourceType, error);
  }
  const { ours, conditions } = sortByOwner(resourceType, seen.resources, input.owner);
  const listed = Math.max(seen.total ?? 0, ours.length + conditions.ownerless.length);
  const all = [...conditions.foreign, ...conditions.ownerless];
  const isPartial = seen.more;
  const idsOf = (resources: readonly Resource[]): string[] => resources.map(({ id }) => id);
  const seenAll = { listedIds: idsOf(ours), goneIds: [], listed, gone: 0, isPartial };
  const nothing = {
    resourceType: resourceType.name,
    conditions: all,
    errors: [],
    seen: seenAll,
  };
  if (listed === 0 && !seen.more)
    return { ...nothing, count: { listed, gone: 0, left: 0 }, verifiedEmpty: true };
  if (input.phase === 'plan')
    return {
      ...nothing,
      conditions: [...all, ...blockers(resourceType, ours)],
      count: { listed, gone: 0, left: listed },
      verifiedEmpty: false,
    };
  if (resourceType.requiresLiveProject?.class === 'D' && input.phase === 'apply') {
    const left = { listed, gone: 0, left: listed };
    const said = outOfReach(resourceType, resourceType.requiresLiveProject, ours);
    return { ...said, conditions: [...all, ...said.conditions], count: left, seen: seenAll };
  }
  const back = ours.filter(({ id }) => input.wasRemoved?.(resourceType.name, id));
  const others = back.length === 0 ? ours : ours.filter((resource) => !back.includes(resource));
  const removal = await removeAll(resourceType, others, input);
  const gone = removal.gone.length;
  return {
    resourceType: resourceType.name,
    count: { listed, gone, left: listed - gone },
    seen: { ...seenAll, goneIds: idsOf(removal.gone), gone },
    // Nothing is left but what no call to this release of the service removes: as good as empty,
    // and said.
    verifiedEmpty: removal.retained > 0 && removal.retained === listed && !seen.more,
    canFollowDeletion:
      input.phase === 'pre-delete' &&
      removal.deferred > 0 &&
      gone + removal.retained + removal.deferred === listed &&
      !seen.more,
    conditions: [...all, ...removal.conditions, ...returnedConditions(resourceType, back)],
    errors: removal.errors,
    ...(back.length > 0 ? { returned: returnedError(resourceType, back, input) } : {}),
  };
}

/** What a listing on the living project proved, and what no listing shows any more. */
const verifiedBefore = (resourceType: Named): TypeIteration => ({
  resourceType: resourceType.name,
  count: { listed: 0, gone: 0, left: 0 },
  verifiedEmpty: true,
  conditions: [],
  errors: [],
});

/** What the service file itself says; a bare 405 or 501 may come from a proxy. */
const isSaid = (error: ErrorReport): boolean =>
  error.class === 'Unsupported' && !error.code.includes('.http.');

/** The service has such resources, and shows an administrator none of them. */
const isHidden = (error: ErrorReport): boolean => isSaid(error) && error.code.endsWith('.hidden');

const RETURNED = 'the service said that it was removed, and lists it again';

/** One condition for all of them: a listing may lag behind, so nobody has to act at first. */
const returnedConditions = (resourceType: Named, back: readonly Resource[]): Condition[] =>
  back.length === 0
    ? []
    : [
        {
          ...condition(resourceType.name, 'InProgress', RETURNED, 'none', back[0], back.length),
          advice: `If it stays: find out what creates it again, or why the service does not delete it.`,
        },
      ];

/** With this the task is dead-lettered when it lasts: removing the same thing again is no progress. */
const returnedError = (
  resourceType: Named,
  back: readonly Resource[],
  { service, context }: Pick<IterationInput<CommonContext>, 'service' | 'context'>,
): ErrorReport => ({
  code: `${resourceType.name}.returned`,
  class: 'Transient',
  message: `${resourceType.name}: ${RETURNED} (${back.length} of them, for example ${back[0]?.id})`,
  advice: `Search the log of ${service} for this id: something creates it again, or the service answers success and does not delete it. Then redrive.`,
  service,
  region: context.region,
});

/**
 * The API with a token on the project, for a resource type that nobody sees without it; or what is
 * to be said in its place.
 */
function tokenOnProject<At extends CommonContext>(
  resourceType: ResourceType<At>,
  { phase, context, verifiedBeforeDeletion, service }: IterationInput<At>,
): ServiceApi | TypeIteration {
  if (phase === 'pre-delete' && context.projectApi) return context.projectApi;
  const unknown = {
    resourceType: resourceType.name,
    count: undefined,
    verifiedEmpty: false,
    conditions: [],
    errors: [],
  };
  // Counted when its turn comes: a look would need a role on the project, and a survey changes
  // nothing.
  if (phase === 'plan') return unknown;
  if (verifiedBeforeDeletion.includes(resourceType.name)) return verifiedBefore(resourceType);
  if (phase === 'apply') return outOfReach(resourceType, resourceType.requiresLiveProject, []);
  const error = { code: `${resourceType.name}.token`, service, region: context.region };
  return {
    ...unknown,
    errors: [reportOf(new TypeError('an early pass needs a token on the project'), error)],
  };
}

/** Classes C and D after the project's death: said, and never taken for empty. */
function outOfReach(
  resourceType: Named,
  needs: RequiresLiveProject | undefined,
  resources: readonly Resource[],
): TypeIteration & { unreachable: string } {
  const leftover = needs?.leftover ?? 'what it held';
  const message =
    resources.length > 0
      ? `the service removes it only while the project lives; left: ${leftover}`
      : `only a token on the project shows it, and there is none any more; probably left: ${leftover}`;
  const one = condition(
    resourceType.name,
    'Unsupported',
    message,
    'operator',
    resources.at(0),
    Math.max(1, resources.length),
  );
  const conditions = [{ ...one, advice: needs?.advice }];
  return {
    resourceType: resourceType.name,
    count: undefined,
    verifiedEmpty: false,
    conditions,
    errors: [],
    unreachable: `${leftover} could not be reached`,
  };
}

/**
 * safety rule: "cannot list" is never "empty". Only what the service file knows to be lacking (an
 * extension, a release) holds nothing; a bare 405 or 501 may come from a proxy and says nothing.
 */
function unlisted(resourceType: Named, error: ErrorReport): TypeIteration {
  if (isHidden(error)) {
    // The type is as unreachable as what only a token on the project shows.
    const hidden = {
      ...condition(resourceType.name, 'Unsupported', error.message, 'operator', undefined, 1),
      advice: error.advice,
    };
    return {
      resourceType: resourceType.name,
      count: undefined,
      verifiedEmpty: false,
      conditions: [hidden],
      errors: [],
      unreachable: error.message,
    };
  }
  if (isSaid(error)) {
    const skipped = condition(
      resourceType.name,
      'Unsupported',
      `skipped: ${error.message}`,
      'none',
      undefined,
      1,
    );
    return {
      resourceType: resourceType.name,
      count: { listed: 0, gone: 0, left: 0 },
      verifiedEmpty: true,
      conditions: [skipped],
      errors: [],
    };
  }
  // A 404 on a collection is a wrong or missing endpoint, not an empty one.
  const isOdd = error.class === 'Gone' || error.class === 'Unsupported';
  const report: ErrorReport = isOdd ? { ...error, class: 'Unexpected' } : error;
  return {
    resourceType: resourceType.name,
    count: undefined,
    verifiedEmpty: false,
    conditions: [],
    errors: [report],
  };
}

function sortByOwner(
  resourceType: Named,
  resources: readonly Resource[],
  owner: ProjectId | UserId,
) {
  const ours: Resource[] = [];
  const foreign: Condition[] = [];
  const ownerless: Condition[] = [];
  for (const resource of resources) {
    const whose = ownership(resource, owner);
    if (whose === 'ours') ours.push(resource);
    else if (whose === 'foreign')
      foreign.push({
        ...condition(
          resourceType.name,
          'Unexpected',
          'the listing held rows of others; they were left alone',
          'operator',
          resource,
          1,
        ),
        advice:
          'The API ignored the filter by project. Nothing foreign was touched; tell the vendor of this service.',
      });
    else
      ownerless.push({
        ...condition(
          resourceType.name,
          'Blocked',
          'a row names no owner; it is never touched',
          'operator',
          resource,
          1,
        ),
        advice: 'Find out whose it is and remove it by hand.',
      });
  }
  return { ours, conditions: { foreign, ownerless } };
}

const blockers = (resourceType: Named, resources: readonly Resource[]): Condition[] =>
  resources.flatMap((resource) =>
    resource.blocked ? [blockedCondition(resourceType, resource, resource.blocked)] : [],
  );

async function removeAll<At extends CommonContext>(
  resourceType: ResourceType<At>,
  resources: readonly Resource[],
  input: IterationInput<At>,
) {
  const limit = pLimit(input.concurrency);
  const conditions: Condition[] = [];
  const errors: ErrorReport[] = [];
  const gone: Resource[] = [];
  let retained = 0;
  let deferred = 0;
  let refused = false;
  const failed = (resource: Resource, thrown: unknown): void => {
    const error = reportOf(thrown, {
      code: `${resourceType.name}.remove`,
      service: input.service,
      region: input.context.region,
    });
    if (error.class === 'Gone') gone.push(resource);
    else if (error.class === 'Blocked')
      conditions.push(
        blockedCondition(resourceType, resource, {
          message: error.message,
          actor: 'none',
          advice: error.advice,
        }),
      );
    else {
      errors.push(error);
      refused ||= error.class === 'Denied';
      const actor: Actor = error.class === 'Transient' ? 'none' : 'operator';
      conditions.push({
        ...condition(resourceType.name, error.class, error.message, actor, resource, 1),
        advice: error.advice,
        requestId: error.requestId,
      });
    }
  };
  const settle = (resource: Resource, removal: Removal): void => {
    if (removal.is === 'blocked' && removal.canFollowDeletion) deferred += 1;
    if (removal.is === 'gone') gone.push(resource);
    else if (removal.is === 'retained') {
      retained += 1;
      const skipped = condition(
        resourceType.name,
        'Unsupported',
        `skipped: ${removal.message}`,
        'operator',
        resource,
        1,
      );
      conditions.push({ ...skipped, advice: removal.advice });
    } else conditions.push(conditionOf(resourceType, resource, removal));
  };
  // After a first 401 or 403 the rest would be refused, too: no storm (class Denied).
  const stopped = (): boolean =>
    refused || input.stopping?.aborted === true || input.context.now() >= input.deadline;
  const one = async (resource: Resource): Promise<void> => {
    if (stopped()) return;
    try {
      settle(resource, await resource.remove());
    } catch (thrown) {
      failed(resource, thrown);
    }
  };
  const many = async (
    some: readonly Resource[],
    batch: BatchRemoval<Resource, At>,
  ): Promise<void> => {
    if (stopped()) return;
    try {
      const answers = await batch.remove(some, input.context);
      for (const [index, resource] of some.entries()) {
        const answer =
          answers[index] ??
          new TypeError(`${resourceType.name}: no answer for one of ${some.length} resources`);
        if (answer instanceof Error) failed(resource, answer);
        else settle(resource, answer);
      }
    } catch (thrown) {
      for (const resource of some) failed(resource, thrown);
    }
  };
  conditions.push(...blockers(resourceType, resources));
  const free = resources.filter((resource) => !resource.blocked);
  deferred += resources.filter((resource) => resource.blocked?.canFollowDeletion).length;
  const { batch } = resourceType;
  if (batch) await Promise.all(chunks(free, batch.most).map((some) => limit(many, some, batch)));
  else await Promise.all(free.map((resource) => limit(one, resource)));
  return { gone, retained, deferred, conditions, errors };
}

function chunks<Item>(items: readonly Item[], most: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / most) }, (_, index) =>
    items.slice(index * most, (index + 1) * most),
  );
}

function conditionOf(
  resourceType: Named,
  resource: Resource,
  removal: Extract<Removal, { is: 'accepted' | 'blocked' }>,
): Condition {
  if (removal.is === 'blocked') return blockedCondition(resourceType, resource, removal);
  if (removal.stuckSince === undefined)
    return condition(
      resourceType.name,
      'InProgress',
      'deletion was asked for and is under way',
      'none',
      resource,
      1,
    );
  return {
    ...condition(
      resourceType.name,
      'InProgress',
      'its deletion was accepted long ago and does not end',
      'operator',
      resource,
      1,
    ),
    advice: 'Look at the log of the service and of its back end for this id.',
    since: removal.stuckSince,
  };
}

const blockedCondition = (
  resourceType: Named,
  resource: Resource,
  by: NonNullable<Resource['blocked']>,
): Condition => ({
  ...condition(resourceType.name, 'Blocked', by.message, by.actor, resource, 1),
  advice: by.advice,
});

function condition(
  resourceType: ResourceTypeName,
  errorClass: Condition['class'],
  message: string,
  actor: Actor,
  resource: Resource | undefined,
  count: number,
): Condition {
  return { class: errorClass, resourceType, message, actor, count, example: resource?.id };
}
