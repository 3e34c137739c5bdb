import type { ResourceTypeName, TaskId } from '../../events/ids.ts';
import type { OutgoingMessage } from '../../events/index.ts';
import type { KeystoneActionMessage } from '../../events/operation.ts';
import type { ServiceRequested } from '../../events/service.ts';
import type { ErrorReport } from '../shared/errors.ts';
import type { KeystoneAction, Operation, Scope, Task, Waiver } from './model.ts';
import { typesEmptyBeforeDeletion, typesToListLast } from './verification.ts';

/**
 * The settings, the present time and other facts that a step uses besides the operation itself.
 * Times are milliseconds.
 */
export interface StepInput {
  readonly now: number;
  /** The shortest time between Keystone's two answers. */
  readonly confirmationIntervalMillis: number;
  /** A task is dead-lettered after it has failed for this long without progress. */
  readonly stallTimeoutMillis: number;
  /** The longest `Retry-After` of a service that the propagator obeys. */
  readonly maxWaitMillis: number;
  /** Consecutive failed runs (class `Unexpected`) before a task is dead-lettered. */
  readonly maxAttempts: number;
  /** The caps (safety rule "Caps and a stop switch"). */
  readonly maxResourcesPerOperation: number;
  readonly maxOperationsPerHour: number;
  /** Operations that began to remove resources within the last hour. */
  readonly startedLastHour: number;
  readonly waivers: readonly Waiver[];
  /** The types of all resources, of any project, that a stored hold keeps now. */
  readonly heldTypes: readonly string[];
}

/** All changes of one step. The engine commits them in one transaction. */
export interface StepChanges {
  readonly operations: readonly Operation[];
  readonly tasks: readonly Task[];
  readonly messages: readonly OutgoingMessage[];
  readonly deadLetters: readonly {
    readonly message: ServiceRequested | KeystoneActionMessage;
    readonly error: ErrorReport;
  }[];
}

/** Collects the changes of one step to an operation and its tasks. */
export class OperationTransaction {
  operation: Operation;
  readonly #tasks: Map<TaskId, Task>;
  readonly #changedTaskIds = new Set<TaskId>();
  readonly #otherOperations: Operation[] = [];
  readonly messages: OutgoingMessage[] = [];
  readonly deadLetters: {
    message: ServiceRequested | KeystoneActionMessage;
    error: ErrorReport;
  }[] = [];

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

  putTask(task: Task): void {
    this.#tasks.set(task.id, task);
    this.#changedTaskIds.add(task.id);
  }

  /** Adds another operation that this step opens or changes, for example of a domain's project. */
  putOtherOperation(operation: Operation): void {
    this.#otherOperations.push(operation);
  }

  /** Returns the message that requests the present run of the task. */
  runRequest(task: Task, now: number): ServiceRequested {
    const { scope, confirmedAt } = this.operation;
    const isRemoval = task.phase !== 'plan';
    return {
      type: 'service.requested',
      data: {
        operationId: this.operation.id,
        taskId: task.id,
        service: task.service,
        region: task.region,
        phase: task.phase,
        run: task.run,
        ...actionFields(this.operation),
        ...accountFields(scope),
        confirmedAt: isRemoval ? [...confirmedAt] : [],
        verifiedBeforeDeletion: typesEmptyBeforeDeletion(task.verifications),
        skipTypes: isRemoval ? this.#typesToListLast(task, now) : [],
      },
    };
  }

  /**
   * Returns the types that the run lists last (see {@link typesToListLast}). A type that another
   * task awaits is not among them, because that task can begin as soon as a listing of the type is
   * empty.
   */
  #typesToListLast(task: Task, now: number): ResourceTypeName[] {
    const emptyTypes = typesToListLast(task.verifications, task.phase, now);
    // If all types were empty, the run has no other type to list first. It lists all types
    // immediately, so the awaited types need no exception.
    if (emptyTypes.length === Object.keys(task.verifications).length) return emptyTypes;
    const awaitedTypes = this.operation.order.flatMap(({ dependsOn }) =>
      dependsOn.flatMap((one) => (one.until === 'empty' && one.task === task.id ? one.types : [])),
    );
    return emptyTypes.filter((resourceType) => !awaitedTypes.includes(resourceType));
  }

  /** Requests a Keystone action. The result of an earlier action is then ignored. */
  requestKeystoneAction(what: KeystoneAction['what'], now: number): void {
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

  /** Marks the newest Keystone action as done, so that the operation waits for no result of it. */
  endKeystoneAction(): void {
    const { keystoneAction } = this.operation;
    if (keystoneAction)
      this.operation = { ...this.operation, keystoneAction: { ...keystoneAction, done: true } };
  }

  /** Discards the messages and dead letters that were collected so far. */
  dropMessages(): void {
    this.messages.length = 0;
    this.deadLetters.length = 0;
  }

  /** Returns all changes that were collected so far. */
  changes(): StepChanges {
    const tasks = this.tasks.filter((task) => this.#changedTaskIds.has(task.id));
    return {
      operations: [this.operation, ...this.#otherOperations],
      tasks,
      messages: this.messages,
      deadLetters: this.deadLetters,
    };
  }
}

function actionFields({ action, lifecycle }: Operation) {
  if (action === 'cleanup' || action === 'plan') return {};
  const profile = action === 'provision' ? lifecycle?.provision?.profile : undefined;
  return { action, ...(profile === undefined ? {} : { profile }) };
}

function accountFields(scope: Scope) {
  if (scope.type === 'domain')
    throw new TypeError(`domain ${scope.id}: only a project or a user has tasks`);
  const name = scope.name === undefined ? {} : { name: scope.name };
  if (scope.type === 'user') return { user: scope.id, projects: [...scope.projects], ...name };
  return { project: scope.id, ...name, ...(scope.members ? { members: [...scope.members] } : {}) };
}
