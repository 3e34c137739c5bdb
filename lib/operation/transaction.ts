import { ResourceTypeName, type TaskId } from '../../events/ids.ts';
import type { Outgoing } from '../../events/index.ts';
import type { ServiceRequested } from '../../events/service.ts';
import type { ErrorReport } from '../shared/errors.ts';
import type { KeystoneAction, Operation, Scope, Task, Waiver } from './model.ts';

/** What the coordinator goes by beside the operation itself. Times in milliseconds. */
export interface Rules {
  readonly now: number;
  /** Least time between Keystone's two answers. */
  readonly confirmationIntervalMillis: number;
  /** How long a task may stand still on errors of its service before it is given up. */
  readonly stallTimeoutMillis: number;
  /** Longest wait that is obeyed when a service asks for one (`Retry-After`). */
  readonly maxWaitMillis: number;
  /** Failed runs in a row (class `Unexpected`) before a task is given up. */
  readonly maxAttempts: number;
  /** Caps (safety rule: caps and a stop switch). */
  readonly maxResourcesPerOperation: number;
  readonly maxOperationsPerHour: number;
  /** Operations that began to destroy within the last hour. */
  readonly startedLastHour: number;
  /** Catalog types that a person said need no cover. */
  readonly waivers: readonly Waiver[];
}

/** All that one step changes: the engine commits it as one. */
export interface Step {
  readonly operations: readonly Operation[];
  readonly tasks: readonly Task[];
  readonly messages: readonly Outgoing[];
  readonly deadLetters: readonly {
    readonly message: ServiceRequested;
    readonly error: ErrorReport;
  }[];
}

/**
 * An operation and its tasks while one step is being decided. Holds what has changed; decides
 * nothing.
 */
export class OperationTransaction {
  operation: Operation;
  readonly #tasks: Map<TaskId, Task>;
  readonly #changed = new Set<TaskId>();
  readonly #others: Operation[] = [];
  readonly messages: Outgoing[] = [];
  readonly deadLetters: { message: ServiceRequested; error: ErrorReport }[] = [];

  constructor(operation: Operation, tasks: readonly Task[]) {
    this.operation = operation;
    this.#tasks = new Map(tasks.map((task) => [task.id, task]));
  }

  get tasks(): Task[] {
    return [...this.#tasks.values()];
  }

  task(id: TaskId): Task | undefined {
    return this.#tasks.get(id);
  }

  put(task: Task): void {
    this.#tasks.set(task.id, task);
    this.#changed.add(task.id);
  }

  /** Another operation that this step opens or changes: a project of a domain. */
  alsoPut(operation: Operation): void {
    this.#others.push(operation);
  }

  /**
   * The message that asks for the pass at which the task stands. What an old look saw is not handed
   * on: `isFresh` is false.
   */
  request(task: Task, isFresh = true): ServiceRequested {
    const { scope, confirmedAt } = this.operation;
    const removes = task.phase !== 'plan';
    return {
      type: 'service.requested',
      data: {
        operationId: this.operation.id,
        taskId: task.id,
        service: task.service,
        region: task.region,
        phase: task.phase,
        run: task.run,
        ...subjectOf(scope),
        confirmedAt: removes ? [...confirmedAt] : [],
        verifiedBeforeDeletion: [...task.verifiedBeforeDeletion],
        skipTypes: isFresh && removes ? this.#needNoLook(task) : [],
      },
    };
  }

  /**
   * What others wait for alone is looked at along with what holds something: whether it is empty
   * must not be left to the survey, nor to the end.
   */
  #needNoLook(task: Task): ResourceTypeName[] {
    const empty = emptyTypes(task);
    if (empty.length === Object.keys(task.counts).length) return empty;
    const awaited = this.operation.order.flatMap(({ until }) =>
      until.flatMap((edge) => (edge.task === task.id ? edge.resourceTypes : [])),
    );
    return empty.filter((resourceType) => !awaited.includes(resourceType));
  }

  /**
   * Asks Keystone for something, through the coordinator's function. What was asked before is void
   * from now on.
   */
  keystoneAction(what: KeystoneAction['what'], now: number): void {
    const number = (this.operation.keystoneAction?.number ?? 0) + 1;
    this.operation = {
      ...this.operation,
      keystoneAction: { what, number, since: now, done: false },
    };
    this.messages.push({
      type: 'operation.keystone-action',
      data: { operationId: this.operation.id, what, number },
    });
  }

  done(): Step {
    const tasks = this.tasks.filter((task) => this.#changed.has(task.id));
    return {
      operations: [this.operation, ...this.#others],
      tasks,
      messages: this.messages,
      deadLetters: this.deadLetters,
    };
  }
}

/** Resource types of which nothing was left at the last look. */
export const emptyTypes = (task: Pick<Task, 'counts'>): ResourceTypeName[] =>
  Object.entries(task.counts).flatMap(([resourceType, { left }]) =>
    left === 0 ? [ResourceTypeName.parse(resourceType)] : [],
  );

function subjectOf(scope: Scope) {
  if (scope.type === 'domain')
    throw new TypeError(`domain ${scope.id}: only a project or a user has tasks`);
  const name = scope.name === undefined ? {} : { name: scope.name };
  if (scope.type === 'user') return { user: scope.id, projects: [...scope.projects], ...name };
  return { project: scope.id, ...name, ...(scope.members ? { members: [...scope.members] } : {}) };
}
