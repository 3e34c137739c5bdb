import * as z from 'zod';
import { DomainId, ProjectId, type TaskId, UserId } from '../../events/ids.ts';
import { isDeadLettersBusyError } from '../engine/engine-error.ts';
import type { DeadLetter, DeadLetterFilter, Engine } from '../engine/port.ts';
import { hasEnded } from '../operation/ended.ts';
import { OPERATION_STATES, type Operation, type Task } from '../operation/model.ts';
import { operationView } from '../operation/view.ts';
import { type ApiDeps, withoutUndefined } from './deps.ts';
import { ListLimit } from './limit.ts';

/** The query of the list of operations. */
export const OperationQuery = z.strictObject({
  state: z.enum(OPERATION_STATES).optional(),
  project: ProjectId.optional(),
  domain: DomainId.optional(),
  user: UserId.optional(),
  limit: ListLimit,
});
/** The answer of `GET /v1/operations`. */
export async function viewsOfOperations(
  { project, domain, user, ...query }: z.output<typeof OperationQuery>,
  deps: ApiDeps,
) {
  const { engine } = deps;
  const filter = withoutUndefined({ ...query, projectId: project, domainId: domain, userId: user });
  const operations = await engine.reads.operations(filter);
  // All operations share one listing of dead-letter messages, because a listing of SQS queues is
  // slow.
  const { deadLetters, notice } = await readDeadLetters(
    engine,
    operations.every(hasEnded) ? undefined : {},
  );
  const views = await Promise.all(
    operations.map((operation) => viewWithTasks(operation, deadLetters, deps)),
  );
  return { operations: views, notice };
}

/** The answer of `GET /v1/operations/:id`. */
export async function viewOfOperation(operation: Operation, deps: ApiDeps) {
  const { engine } = deps;
  const [{ deadLetters, notice }, decisions] = await Promise.all([
    readDeadLetters(engine, hasEnded(operation) ? undefined : { operationId: operation.id }),
    engine.reads.decisions({ operationId: operation.id, limit: 1000 }),
  ]);
  return { ...(await viewWithTasks(operation, deadLetters, deps)), decisions, notice };
}

/**
 * Returns the dead-letter messages that match the filter, or none if there is no filter. Only one
 * command at a time can list them. While another command lists them, the result is empty and a
 * notice says why.
 */
async function readDeadLetters(
  engine: Engine,
  filter: DeadLetterFilter | undefined,
): Promise<{ deadLetters: readonly DeadLetter[]; notice?: string }> {
  if (!filter) return { deadLetters: [] };
  try {
    return { deadLetters: await engine.deadLetters(filter) };
  } catch (thrown) {
    if (!isDeadLettersBusyError(thrown)) throw thrown;
    return {
      deadLetters: [],
      notice:
        'Another command is listing the dead letters. A dead-lettered task may be shown as ' +
        'waiting. Run this command again in a minute.',
    };
  }
}

/** The maximum number of projects of a domain that are shown with their counts and blockers. */
const MAX_SHOWN_PROJECTS = 50;

/** Returns the view of an operation with its tasks, and with the tasks of its child operations. */
async function viewWithTasks(
  operation: Operation,
  allDeadLetters: readonly DeadLetter[],
  { engine, now }: ApiDeps,
) {
  const deadLetters = allDeadLetters.filter(({ operationId }) => operationId === operation.id);
  const { rerun } = operation;
  const [tasks, earlierTasks, children] = await Promise.all([
    engine.reads.tasks(operation.id),
    rerun && operation.scope.type !== 'domain' ? engine.reads.tasks(rerun.of) : undefined,
    operation.children.length > 0
      ? engine.reads.operations({ parentId: operation.id, limit: 10_000 })
      : [],
  ]);
  const coordinatorDeadLetters = deadLetters
    .filter(({ queue }) => queue === 'coordinate')
    .map(({ message, at }) => ({ messageType: message?.type ?? 'unreadable', at }));
  // Ended operations come last, because a person may have to act on the others.
  const childrenOpenFirst = children.toSorted((a, b) => Number(hasEnded(a)) - Number(hasEnded(b)));
  const childTasks = childrenOpenFirst
    .slice(0, MAX_SHOWN_PROJECTS)
    .map(async ({ id }) => [id, await engine.reads.tasks(id)] as const);
  return operationView({
    operation,
    tasks,
    childTasks: new Map(await Promise.all(childTasks)),
    earlierTasks,
    now: now(),
    recoverableUntil: new Date(operation.notBefore).toISOString(),
    children,
    crashedTasks: taskIdsWithDeadLetter(tasks, deadLetters),
    coordinatorDeadLetters,
  });
}

/**
 * Returns the ids of the tasks with a dead letter. A dead letter of an earlier run does not count,
 * because the task has had a later run since.
 */
function taskIdsWithDeadLetter(
  tasks: readonly Task[],
  deadLetters: readonly DeadLetter[],
): Set<TaskId> {
  const newestRunByTask = new Map(tasks.map(({ id, run }) => [id, run]));
  return new Set(
    deadLetters.flatMap(({ task }) =>
      task && newestRunByTask.get(task.taskId) === task.run ? [task.taskId] : [],
    ),
  );
}
