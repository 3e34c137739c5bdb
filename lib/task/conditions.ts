import type { ResourceTypeName } from '../../events/ids.ts';
import type { Condition } from '../../events/service.ts';
import type { Actor } from '../shared/errors.ts';
import type { Blocker, Removal, Resource } from './service.ts';

/** Maximum number of conditions in a report. The counts of the report are always complete. */
const MAX_CONDITIONS = 25;

/**
 * Merges conditions with the same resource type, class, actor and message into one, with a count.
 * `example` and `requestId` come from the first condition. Returns at most {@link MAX_CONDITIONS}
 * conditions. The conditions of holds come first, because tasks of other services wait for
 * resources with a hold, and would not wait if the condition were cut off. The conditions of class
 * `Unsupported` come last.
 */
export function aggregateConditions(conditions: readonly Condition[]): Condition[] {
  const conditionByReason = new Map<string, Condition>();
  for (const condition of conditions) {
    const key = [condition.resourceType, condition.class, condition.actor, condition.message].join(
      '\u0000',
    );
    const earlierCondition = conditionByReason.get(key);
    conditionByReason.set(
      key,
      earlierCondition
        ? { ...earlierCondition, count: earlierCondition.count + condition.count }
        : condition,
    );
  }
  return [...conditionByReason.entries()]
    .sort(
      ([a, x], [b, y]) =>
        Number(y.isHold ?? false) - Number(x.isHold ?? false) ||
        Number(x.class === 'Unsupported') - Number(y.class === 'Unsupported') ||
        (a < b ? -1 : 1),
    )
    .slice(0, MAX_CONDITIONS)
    .map(([, condition]) => condition);
}

/**
 * Returns a condition about a resource type. `resource` is the example; `count` is 1 by default.
 */
export const resourceCondition = (
  resourceType: ResourceTypeName,
  errorClass: Condition['class'],
  message: string,
  actor: Actor,
  resource: Resource | undefined,
  { count = 1 }: { count?: number } = {},
): Condition => ({
  class: errorClass,
  resourceType,
  message,
  actor,
  count,
  example: resource?.id,
});

/** Returns the condition of a resource that must not be removed now. */
export const blockedCondition = (
  resourceType: ResourceTypeName,
  resource: Resource,
  { message, actor, advice, isHold }: Blocker,
): Condition => ({
  ...resourceCondition(resourceType, 'Blocked', message, actor, resource),
  advice,
  ...(isHold ? { isHold } : {}),
});

/** Returns the conditions of the resources that must not be removed now. */
export const blockedConditions = (
  resourceType: ResourceTypeName,
  resources: readonly Resource[],
): Condition[] =>
  resources.flatMap((one) =>
    one.blocked ? [blockedCondition(resourceType, one, one.blocked)] : [],
  );

/**
 * Returns the conditions for rows that have another owner or no owner. These rows are never changed
 * (safety rule "Check the owner of every row").
 */
export const ownershipConditions = (
  resourceType: ResourceTypeName,
  foreignResources: readonly Resource[],
  ownerlessResources: readonly Resource[],
): Condition[] => [
  ...foreignResources.map((one) => ({
    ...resourceCondition(
      resourceType,
      'Unexpected',
      'the listing contained resources of other owners; they were not changed',
      'operator',
      one,
    ),
    advice:
      'The API probably ignored the filter by owner. Report this to the vendor of the service.',
  })),
  ...ownerlessResources.map((one) => ({
    ...resourceCondition(
      resourceType,
      'Blocked',
      'the resource has no owner field, so the propagator keeps it',
      'operator',
      one,
    ),
    advice: 'Find out which project the resource belongs to, and remove it by hand.',
  })),
];

/** Returns the condition for the result of a removal that is not `gone`. */
export function removalCondition(
  resourceType: ResourceTypeName,
  resource: Resource,
  removal: Exclude<Removal, { kind: 'gone' }>,
): Condition {
  if (removal.kind === 'blocked') return blockedCondition(resourceType, resource, removal);
  if (removal.kind === 'retained')
    return {
      ...resourceCondition(
        resourceType,
        'Unsupported',
        `skipped: ${removal.message}`,
        'operator',
        resource,
      ),
      advice: removal.advice,
    };
  if (removal.stuckSince === undefined)
    return resourceCondition(
      resourceType,
      'InProgress',
      'its deletion was accepted and is in progress',
      'none',
      resource,
    );
  return {
    ...resourceCondition(
      resourceType,
      'InProgress',
      'its deletion was accepted, and has been in progress for an unusually long time',
      'operator',
      resource,
    ),
    advice: 'Search the logs of the service and of its back end for this id.',
    since: removal.stuckSince,
  };
}

/** Returns a condition that ends without an action of a person: the service only needs time. */
export const inProgressCondition = (
  message: string,
  about: { readonly resourceType?: ResourceTypeName; readonly example?: string } = {},
): Condition => ({ class: 'InProgress', message, actor: 'none', count: 1, ...about });

/** The message of a condition about resources that were removed and are listed again. */
export const REAPPEARED_MESSAGE = 'the service reported it as removed, and lists it again';

/**
 * Returns one condition for all resources that were removed and are listed again. The listing may
 * show a state from before the removal, so no action is needed unless the condition lasts.
 */
export const reappearedConditions = (
  resourceType: ResourceTypeName,
  reappearedResources: readonly Resource[],
): Condition[] =>
  reappearedResources.length === 0
    ? []
    : [
        {
          ...resourceCondition(
            resourceType,
            'InProgress',
            REAPPEARED_MESSAGE,
            'none',
            reappearedResources[0],
            {
              count: reappearedResources.length,
            },
          ),
          advice:
            'If this lasts, find out which client creates the resource again, or why the ' +
            'service does not delete it.',
        },
      ];
