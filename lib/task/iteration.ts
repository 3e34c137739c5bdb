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

/** The result of one iteration for one resource type. */
export interface TypeIteration {
  readonly resourceType: ResourceTypeName;
  /**
   * `undefined`: the type was not listed, or the listing failed. The number of resources is
   * unknown.
   */
  readonly count: Count | undefined;
  /**
   * True only when a reliable listing showed no resource of the owner (safety rule "List again
   * before finished").
   */
  readonly verifiedEmpty: boolean;
  readonly conditions: readonly Condition[];
  /** Errors of the listing or of removals. */
  readonly errors: readonly ErrorReport[];
  /** The ids behind `count`; `undefined` where `count` is, or where it comes from no listing. */
  readonly seen?: Seen;
  /** Set when resources that an earlier iteration of the run removed were listed again. */
  readonly returned?: ErrorReport;
  /**
   * The consequence, when the type can no longer be listed or removed because the project is
   * deleted (classes C and D).
   */
  readonly unreachable?: string;
  /** True if all remaining resources can also be removed after the project's deletion. */
  readonly canFollowDeletion?: boolean;
}

/** The input of {@link iteration}. */
export interface IterationInput<At extends CommonContext = ProjectContext> {
  readonly service: string;
  readonly resourceTypes: readonly ResourceType<At>[];
  readonly context: At;
  /** The owner of the resources: the project or the user. */
  readonly owner: ProjectId | UserId;
  readonly phase: Phase;
  /** Resource types that were verified empty while the project existed. */
  readonly verifiedBeforeDeletion: readonly ResourceTypeName[];
  readonly concurrency: number;
  /** Epoch milliseconds after which no removal begins. */
  readonly deadline: number;
  /** Aborted when the process stops. No removal begins after that. */
  readonly stopping?: AbortSignal | undefined;
  /**
   * Asked before each removal: the reason why nothing may be removed now (safety rule "Caps and a
   * stop switch"), or `undefined`.
   */
  readonly halted?: (() => Promise<Condition | undefined>) | undefined;
  /** True if an earlier iteration of this run reported the resource as gone. */
  readonly wasRemoved?: (resourceType: ResourceTypeName, id: string) => boolean;
  readonly onType: (iteration: TypeIteration) => void;
}

/**
 * Lists every resource type once and, except in phase `plan`, removes what can go. A dependency
 * until `empty` must be gone before the dependent type is listed. A dependency until `done` only has
 * to have finished its own iteration. Independent types run concurrently. Never throws. An error of one
 * type is in its own result and stops no other type (safety rule "One stuck project stops no
 * other").
 */
export async function iteration<At extends CommonContext>(
  input: IterationInput<At>,
): Promise<TypeIteration[]> {
  const results = new Map<ResourceTypeName, Promise<TypeIteration>>();
  const start = (resourceType: ResourceType<At>): Promise<TypeIteration> => {
    const known = results.get(resourceType.name);
    if (known) return known;
    const { dependsOn } = resourceType;
    const before = input.resourceTypes
      .filter(({ name }) => dependsOn.some(({ type }) => type === name))
      .map(start);
    const result = (async () => {
      const predecessors = input.phase === 'plan' ? [] : await Promise.all(before);
      const mustBeGone = predecessors.filter(
        (done) =>
          dependsOn.some((one) => one.type === done.resourceType && one.until === 'empty') &&
          done.unreachable === undefined,
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
    // Nothing of this type can be removed now, so it is not listed. The earlier count stays valid.
    // The types that it waits for report the cause (safety rule "Every failure has an owner").
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
    // Only resources are left that this release of the service never removes. They count as empty,
    // and a condition reports them.
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

/**
 * Uses the verification that was made on the existing project, because no listing shows the type
 * now.
 */
const verifiedBefore = (resourceType: Named): TypeIteration => ({
  resourceType: resourceType.name,
  count: { listed: 0, gone: 0, left: 0 },
  verifiedEmpty: true,
  conditions: [],
  errors: [],
});

/**
 * True if the service file itself reports the type as unsupported. A bare 405 or 501 may come from
 * a proxy.
 */
const isSaid = (error: ErrorReport): boolean =>
  error.class === 'Unsupported' && !error.code.includes('.http.');

/** True if the service has such resources and lists none of them for an administrator. */
const isHidden = (error: ErrorReport): boolean => isSaid(error) && error.code.endsWith('.hidden');

const RETURNED = 'the service said that it was removed, and lists it again';

/**
 * One condition for all of them. A listing may lag behind a removal, so no person has to act at
 * first.
 */
const returnedConditions = (resourceType: Named, back: readonly Resource[]): Condition[] =>
  back.length === 0
    ? []
    : [
        {
          ...condition(resourceType.name, 'InProgress', RETURNED, 'none', back[0], back.length),
          advice: `If it stays: find out what creates it again, or why the service does not delete it.`,
        },
      ];

/**
 * The task is dead-lettered with this error if the state lasts, because removing the same resource
 * again is no progress.
 */
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
 * Returns the API with a token on the project, for a resource type that only such a token can list.
 * Returns the result of the type where there is no such token.
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
  // Phase `plan` does not list the type, because a token needs a role on the project and the phase
  // changes nothing.
  if (phase === 'plan') return unknown;
  if (verifiedBeforeDeletion.includes(resourceType.name)) return verifiedBefore(resourceType);
  if (phase === 'apply') return outOfReach(resourceType, resourceType.requiresLiveProject, []);
  const error = { code: `${resourceType.name}.token`, service, region: context.region };
  return {
    ...unknown,
    errors: [reportOf(new TypeError('an early pass needs a token on the project'), error)],
  };
}

/**
 * Reports types of classes C and D after the project's deletion. They are never treated as empty.
 */
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
 * Safety rule "Not listed is not empty". A type counts as empty only if the service file knows that
 * this cloud lacks it (an extension, a release). A bare 405 or 501 may come from a proxy and proves
 * nothing.
 */
function unlisted(resourceType: Named, error: ErrorReport): TypeIteration {
  if (isHidden(error)) {
    // The type is unreachable, like a type that only a token on the project can list.
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
  // A 404 for a collection means a wrong or missing endpoint, not an empty collection.
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
  // After a 401 or 403 the service would refuse the other removals, too.
  const stopped = (): boolean =>
    refused || input.stopping?.aborted === true || input.context.now() >= input.deadline;
  let halt: Condition | undefined;
  const halted = async (): Promise<boolean> => {
    halt ??= await input.halted?.();
    return halt !== undefined;
  };
  const one = async (resource: Resource): Promise<void> => {
    if (stopped()) return;
    try {
      if (await halted()) return;
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
      if (await halted()) return;
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
  if (halt) conditions.push({ ...halt, resourceType: resourceType.name });
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
