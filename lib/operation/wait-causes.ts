import type { OperationId, TaskId } from '../../events/ids.ts';
import type { Actor, ErrorReport } from '../shared/errors.ts';
import { mustWaitForChildProjects } from './domain-project.ts';
import { hasEnded } from './ended.ts';
import { ACTION_TEXTS } from './keystone-action-failure.ts';
import type { Operation, Task } from './model.ts';

/** One reason why an operation waits, and the actor that can remove it. */
export interface WaitCause {
  readonly on: string;
  readonly since: number;
  readonly actor: Actor;
  readonly advice: string | undefined;
  readonly requestId: string | undefined;
  readonly deadLetter: boolean;
}

/** The input of {@link waitCausesOf}. */
export interface WaitInput {
  readonly operation: Operation;
  readonly tasks: readonly Task[];
  readonly now: number;
  /** The end of the recovery window, as a text for a person. */
  readonly recoverableUntil?: string | undefined;
  /** Domains only: the operations about its projects. */
  readonly children: readonly Operation[];
  /**
   * The tasks of the children. For a domain with many projects, the map has only some children.
   */
  readonly childTasks?: ReadonlyMap<OperationId, readonly Task[]> | undefined;
  /**
   * Tasks whose function crashed in each delivery. Their message is in the dead-letter queue, and
   * no report of the failure exists.
   */
  readonly crashedTasks: ReadonlySet<TaskId>;
  /** The dead-letter messages of the coordinator about this operation. */
  readonly coordinatorDeadLetters: readonly { readonly messageType: string; readonly at: number }[];
}

/**
 * Returns every reason why an operation waits. An ended operation can only wait for a Keystone
 * action that reverts an earlier change.
 */
export const waitCausesOf = (input: WaitInput): WaitCause[] => [
  ...(hasEnded(input.operation) ? [] : causesOfOpenOperation(input)),
  ...failedActionCauses(input.operation),
];

function causesOfOpenOperation(input: WaitInput): WaitCause[] {
  const { operation, tasks, children, crashedTasks, coordinatorDeadLetters } = input;
  const openChildren = children.filter((child) => !hasEnded(child));
  const childCauses =
    openChildren.length > 0
      ? [
          causeWithoutActor(
            `${openChildren.length} of ${operation.children.length} projects of the domain`,
            operation.startedAt ?? operation.openedAt,
          ),
          ...openChildren.flatMap((child) => childOperationCauses(child, input)),
        ]
      : [];
  return [
    ...operationCauses(input),
    ...childCauses,
    ...coordinatorDeadLetters.map(({ messageType, at }) =>
      unhandledMessageCause(operation.id, messageType, at),
    ),
    ...tasks.flatMap((task) =>
      crashedTasks.has(task.id) && task.state !== 'dead-lettered'
        ? [crashedTaskCause(task)]
        : taskCauses(task),
    ),
  ];
}

/** Returns the reason why the operation itself waits, besides its projects and tasks. */
function operationCauses({ operation, tasks, now, recoverableUntil }: WaitInput): WaitCause[] {
  const { hold, id, openedAt, scope, startedAt, state } = operation;
  if (hold) {
    // An operation can have a hold while its state is not `held`. If that hold has a kind
    // (`about`), an operator must act.
    const needsOperator = state === 'held' || hold.about !== undefined;
    const actor = needsOperator ? 'operator' : 'none';
    return [{ ...causeWithoutActor(hold.reason, hold.since), actor, advice: hold.advice }];
  }
  if (state === 'confirming')
    return [causeWithoutActor(nextWaitText(operation, tasks, now), openedAt)];
  if (state === 'running' && mustWaitForChildProjects(operation))
    return [causeWithoutActor('the projects below it', startedAt ?? openedAt)];
  if (state !== 'recoverable') return [];
  const on =
    `the end of the recovery window; the ${scope.type} is disabled` +
    `${scope.type === 'project' ? ' and suspended' : ''}, and recoverable until ` +
    `${recoverableUntil}`;
  return [{ ...causeWithoutActor(on, openedAt), advice: windowAdvice(id) }];
}

/** Returns a cause that ends without the action of a person. */
const causeWithoutActor = (on: string, since: number): WaitCause => ({
  on,
  since,
  actor: 'none',
  advice: undefined,
  requestId: undefined,
  deadLetter: false,
});

/**
 * Returns the cause if a Keystone action that reverts an earlier change has failed. Only such an
 * action has `failure`.
 */
function failedActionCauses({ id, keystoneAction, scope }: Operation): WaitCause[] {
  if (!keystoneAction?.failure || keystoneAction.done) return [];
  const { failure, since, what } = keystoneAction;
  const { advice, gaveUp, message, requestId } = failure;
  return [
    {
      on: `${ACTION_TEXTS[what]} the ${scope.type} in Keystone failed: ${message}`,
      since,
      actor: gaveUp ? 'operator' : 'none',
      advice: gaveUp
        ? `${advice} Then: propagator dead-letter redrive --operation ${id} --queue coordinate`
        : `${advice} The action is retried.`,
      requestId,
      deadLetter: gaveUp,
    },
  ];
}

/** Returns the wait causes of a project's operation that need an operator. */
function childOperationCauses(child: Operation, { now, childTasks }: WaitInput): WaitCause[] {
  const tasks = childTasks?.get(child.id) ?? [];
  return causesOfOpenOperation({
    operation: child,
    tasks,
    now,
    children: [],
    crashedTasks: new Set(),
    coordinatorDeadLetters: [],
  })
    .filter(({ actor }) => actor === 'operator')
    .map((cause) => ({
      ...cause,
      on: `project ${child.scope.name ?? child.scope.id} (${child.id}): ${cause.on}`,
    }));
}

const windowAdvice = (id: OperationId): string =>
  `To cancel the deletion: propagator operation cancel ${id} --reason "…". To remove ` +
  `everything now: propagator operation release ${id} --reason "…"`;

/** Returns what an operation in state `confirming` waits for next, as a text for a person. */
function nextWaitText(operation: Operation, tasks: readonly Task[], now: number): string {
  if (now < operation.notBefore) return 'the grace period';
  const { confirmedAt, request } = operation;
  // A requested cleanup has tasks as soon as Keystone has answered.
  const hasAllAnswers = confirmedAt.length >= 2 || (request !== undefined && tasks.length > 0);
  if (!hasAllAnswers) return request ? "Keystone's answer" : "Keystone's second answer";
  const countingServices = tasks
    .filter((task) => task.state === 'planning')
    .map((task) => task.service);
  return `the count of ${countingServices.join(', ')}`;
}

function taskCauses(task: Task): WaitCause[] {
  if (task.state !== 'requested' && task.state !== 'dead-lettered' && task.state !== 'planning')
    return [];
  if (task.error) return [errorCause(task, task.error)];
  return task.conditions
    .filter((condition) => condition.class !== 'Unsupported')
    .map((condition) => ({
      on:
        (condition.resourceType ?? task.service) +
        `${condition.count > 1 ? ` (${condition.count})` : ''}: ${condition.message}`,
      since: condition.since ?? task.progressAt,
      actor: condition.actor,
      advice: condition.advice,
      requestId: condition.requestId,
      deadLetter: false,
    }));
}

const unhandledMessageCause = (id: OperationId, messageType: string, since: number): WaitCause => ({
  on: `the coordinator could not handle a message of this operation: ${messageType}`,
  since,
  actor: 'operator',
  advice:
    `Read the log for ${id}. Then: propagator dead-letter redrive --operation ${id} --queue ` +
    'coordinate',
  requestId: undefined,
  deadLetter: true,
});

const crashedTaskCause = (task: Task): WaitCause => ({
  on: `${task.service}: in every delivery, its function ended without a report`,
  since: task.progressAt,
  actor: 'operator',
  advice:
    `Read the log for ${task.operationId}. Then: propagator dead-letter redrive --operation ` +
    `${task.operationId}`,
  requestId: undefined,
  deadLetter: true,
});

function errorCause(task: Task, error: ErrorReport): WaitCause {
  const isDeadLettered = task.state === 'dead-lettered';
  return {
    on: `${task.service}: ${error.message}`,
    since: task.progressAt,
    actor: isDeadLettered || error.class !== 'Transient' ? 'operator' : 'none',
    advice: isDeadLettered
      ? `${error.advice} Then: propagator dead-letter redrive --operation ${task.operationId}`
      : error.advice,
    requestId: error.requestId,
    deadLetter: isDeadLettered,
  };
}
