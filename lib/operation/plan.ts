import { createHash } from 'node:crypto';
import type { OperationId, ResourceTypeName, ServiceName } from '../../events/ids.ts';
import type { Condition } from '../../events/service.ts';
import type { KeystoneCheck } from './keystone-check.ts';
import type { ExcludedRegion, Operation, Scope, Task, UncoveredRegistration } from './model.ts';
import { NO_REGION } from './order.ts';

/** One resource in a plan. */
export interface PlannedResource {
  readonly id: string;
  readonly name?: string | undefined;
  /** Epoch milliseconds. */
  readonly createdAt?: number | undefined;
}

/** One page of the stored listing of a resource type in a region. */
export interface PlanPage {
  readonly service: ServiceName;
  readonly region: string;
  readonly resourceType: ResourceTypeName;
  readonly resources: readonly PlannedResource[];
  /** The number of all resources of the type. Set only if the page omits some on purpose. */
  readonly total?: number | undefined;
}

/** The number of resources of one type in a plan. */
export interface PlannedType {
  readonly resourceType: string;
  readonly count: number;
}

/** One service of a plan in one region. */
export interface PlannedService {
  readonly service: ServiceName;
  readonly region: string;
  readonly state: Task['state'];
  /** Why the service has no resources or could not be listed. */
  readonly because: string | undefined;
  readonly types: readonly PlannedType[];
  /** Types that the plan could not list, for example because only a token on the project can. */
  readonly unlisted: readonly string[];
}

/** A note in a plan about resources that the cleanup would not remove or cannot list. */
export interface PlanNote {
  readonly service: string;
  readonly region: string;
  readonly resourceType?: string | undefined;
  readonly message: string;
  readonly advice?: string | undefined;
  readonly count: number;
}

/** A plan as the API shows it. */
export interface Plan {
  readonly id: OperationId;
  readonly scope: Scope;
  readonly state: Operation['state'];
  readonly requestedBy: string;
  readonly openedAt: number;
  readonly endedAt: number | undefined;
  /** SHA-256 over all entries of the plan; `undefined` unless the plan is complete. */
  readonly digest: string | undefined;
  readonly resources: number;
  readonly services: readonly PlannedService[];
  /** The resources that the cleanup cannot list. */
  readonly unreachable: readonly PlanNote[];
  /** The resources that the cleanup would not remove, because another party must remove them. */
  readonly leftToOthers: readonly PlanNote[];
  readonly uncovered: readonly UncoveredRegistration[];
  readonly leftOut: readonly ExcludedRegion[];
  /**
   * Why Keystone would refuse the deletion, and the permissions that cannot be checked in advance.
   */
  readonly keystoneCheck: KeystoneCheck;
}

/** True if the operation has made a plan: each service was listed or is known to be unreachable. */
export const isCompletePlan = ({ action, state }: Pick<Operation, 'action' | 'state'>): boolean =>
  action === 'plan' && state === 'observed';

/**
 * Returns the plan that an operation of action `plan` has made, from its tasks and the stored
 * listings.
 */
export function planOf(
  operation: Operation,
  tasks: readonly Task[],
  pages: readonly PlanPage[],
): Plan {
  const orderIndex = new Map(operation.order.map(({ id }, index) => [id, index]));
  const orderedTasks = [...tasks].sort(
    (a, b) => (orderIndex.get(a.id) ?? 0) - (orderIndex.get(b.id) ?? 0),
  );
  const services = orderedTasks
    .filter(({ region, state }) => region !== NO_REGION || state === 'unreachable')
    .map(plannedService);
  const resources = services.reduce(
    (sum, { types }) => types.reduce((all, { count }) => all + count, sum),
    0,
  );
  const notes = orderedTasks.flatMap(notesOf);
  const plan = {
    id: operation.id,
    scope: operation.scope,
    state: operation.state,
    requestedBy: operation.request?.by ?? '',
    openedAt: operation.openedAt,
    endedAt: operation.endedAt,
    resources,
    services,
    unreachable: notes.flatMap(({ kind, ...note }) => (kind === 'unreachable' ? [note] : [])),
    leftToOthers: notes.flatMap(({ kind, ...note }) => (kind === 'left' ? [note] : [])),
    uncovered: operation.uncovered,
    leftOut: operation.leftOut,
    keystoneCheck: operation.keystoneCheck ?? { refusals: [], unknown: [] },
  };
  return {
    ...plan,
    digest: isCompletePlan(operation) ? planDigest(plan, pages) : undefined,
  };
}

function plannedService(task: Task): PlannedService {
  const types = Object.entries(task.counts)
    .map(([resourceType, { found }]) => ({ resourceType, count: found }))
    .filter(({ count }) => count > 0);
  // If the service could not be listed at all, the plan shows its error instead of these types.
  const isUnlistable = task.state === 'unreachable' && task.error !== undefined;
  const unlisted = Object.entries(task.verifications)
    .filter(([, { status }]) => status === 'unknown' && !isUnlistable)
    .map(([name]) => name);
  return {
    service: task.service,
    region: task.region,
    state: task.state,
    because: task.because,
    types,
    unlisted,
  };
}

type Note = PlanNote & { readonly kind: 'unreachable' | 'left' };

function notesOf(task: Task): Note[] {
  const { service, region } = task;
  const notesWithoutCondition: Note[] =
    task.state === 'unreachable' && task.conditions.length === 0
      ? [
          {
            kind: 'unreachable',
            service,
            region,
            message: task.because ?? 'it cannot be reached',
            ...(task.error ? { advice: task.error.advice } : {}),
            count: 1,
          },
        ]
      : [];
  const isNoted = ({ class: kind, actor }: Condition): boolean =>
    actor !== 'none' && (kind === 'Unsupported' || kind === 'Blocked' || kind === 'Unexpected');
  return [
    ...notesWithoutCondition,
    ...task.conditions.filter(isNoted).map(
      (condition): Note => ({
        kind: condition.class === 'Unsupported' ? 'unreachable' : 'left',
        service,
        region,
        resourceType: condition.resourceType,
        message: condition.message,
        advice: condition.advice,
        count: condition.count,
      }),
    ),
  ];
}

/**
 * Returns the SHA-256 over all entries of a plan, in hexadecimal. The result does not depend on the
 * order of the listings.
 */
export function planDigest(plan: Omit<Plan, 'digest'>, pages: readonly PlanPage[]): string {
  const lines = [
    ...plan.services.flatMap(({ service, region, state, because, types, unlisted }) => [
      ['service', service, region, state, because ?? ''],
      ...types.map(({ resourceType, count }) => ['type', region, resourceType, String(count)]),
      ...unlisted.map((name) => ['unlisted', region, name]),
    ]),
    ...pages.flatMap(({ region, resourceType, resources }) =>
      resources.map(({ id, name = '', createdAt = '' }) => [
        'resource',
        region,
        resourceType,
        id,
        name,
        String(createdAt),
      ]),
    ),
    ...plan.uncovered.map(({ type, region = '', because = '' }) => [
      'uncovered',
      type,
      region,
      because,
    ]),
    ...plan.leftOut.map(({ region, types }) => ['left out', region, ...types]),
  ].map((line) => JSON.stringify(line));
  const { type, id, name = '' } = plan.scope;
  return createHash('sha256')
    .update([JSON.stringify([plan.id, type, id, name]), ...lines.sort()].join('\n'))
    .digest('hex');
}
