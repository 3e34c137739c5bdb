import type { OperationId, ServiceName } from '../../events/ids.ts';
import type { Message } from '../../events/index.ts';
import type { Condition } from '../../events/service.ts';
import type { DeadLetter, Engine } from '../engine/port.ts';
import { heldTypesOf, RESOURCE_HOLDS } from '../handlers/deletion-holds.ts';
import { discardWarning, withDiscardWarning } from '../operation/discarded-action.ts';
import { hasEnded } from '../operation/ended.ts';
import { holdOnTask } from '../operation/hold-on-task.ts';

/** Why messages must not be discarded. */
interface DiscardRefusal {
  readonly message: string;
  readonly advice?: string;
}

/**
 * Returns the reason against discarding the messages: an open operation needs one of them, or the
 * task of one of them has a resource with a hold. Returns `undefined` if there is no reason.
 */
export const refusalOfDiscard = async (
  deadLetters: readonly DeadLetter[],
  engine: Engine,
  now: number,
): Promise<DiscardRefusal | undefined> =>
  (await refusalByOpenOperation(deadLetters, engine)) ??
  (await refusalByHold(deadLetters, engine, now));

/**
 * Returns why a message of the coordinator must not be discarded: an open operation would then
 * never continue. A message of a service may be discarded, because its task then ends.
 */
async function refusalByOpenOperation(
  deadLetters: readonly DeadLetter[],
  { reads }: Engine,
): Promise<DiscardRefusal | undefined> {
  const messageTypeByOperation = new Map(
    deadLetters.flatMap(({ queue, message }): [OperationId, string][] => {
      const id = queue === 'coordinate' && message ? waitingOperationId(message) : undefined;
      return id && message ? [[id, message.type]] : [];
    }),
  );
  for (const [id, type] of messageTypeByOperation) {
    const operation = await reads.operation(id);
    if (operation && !hasEnded(operation))
      return {
        message:
          `operation ${id} is ${operation.state} and cannot continue without the message ` +
          `${type}; nothing was discarded. Redrive the message: propagator dead-letter redrive ` +
          `--operation ${id}`,
      };
  }
  return undefined;
}

/** Returns the id of the operation that waits for a message of the coordinator. */
function waitingOperationId({ data }: Message): OperationId | undefined {
  if ('parentId' in data && data.parentId) return data.parentId;
  return 'operationId' in data ? data.operationId : undefined;
}

/** Returns why a message of a task must not be discarded: the task has a resource with a hold. */
async function refusalByHold(
  deadLetters: readonly DeadLetter[],
  { reads }: Engine,
  now: number,
): Promise<DiscardRefusal | undefined> {
  const failedRuns = deadLetters.flatMap(({ operationId, task }) =>
    operationId && task ? [{ operationId, ...task }] : [],
  );
  if (failedRuns.length === 0) return undefined;
  const { collection, partition } = RESOURCE_HOLDS;
  const heldTypes = heldTypesOf(await reads.documents(collection, partition), now);
  for (const [id, runsOfOperation] of Map.groupBy(failedRuns, ({ operationId }) => operationId)) {
    const [operation, tasks] = await Promise.all([reads.operation(id), reads.tasks(id)]);
    const failedTasks = tasks.filter((task) =>
      runsOfOperation.some(({ taskId, run }) => taskId === task.id && run === task.run),
    );
    for (const task of failedTasks) {
      const hold = operation && holdOnTask(operation, task, heldTypes);
      if (hold) return holdRefusal(id, task.service, hold);
    }
  }
  return undefined;
}

const holdRefusal = (
  id: OperationId,
  service: ServiceName,
  { message, advice = 'End the hold.' }: Pick<Condition, 'message' | 'advice'>,
): DiscardRefusal => ({
  message:
    `in operation ${id}, ${message}. Without the task of ${service}, other services could remove ` +
    'data of this resource. Nothing was discarded',
  advice:
    `${advice} If ${service} works again, redrive the message: propagator dead-letter redrive ` +
    `--operation ${id}`,
});

/** The maximum number of attempts to store a text. After a conflict the operation is read again. */
const MAX_STORE_ATTEMPTS = 20;

/** A person's decision to discard messages. */
interface DiscardDecision {
  readonly by: string;
  readonly reason: string;
}

/**
 * Returns a text for each account that stays disabled or suspended after the discard, with the
 * commands that restore the account. If the operation has ended, the text is also stored in the
 * operation, so that `operation show` prints it.
 */
export async function recordUnrestoredAccounts(
  deadLetters: readonly DeadLetter[],
  decision: DiscardDecision,
  engine: Engine,
  now: number,
): Promise<string[]> {
  const texts = new Set<string>();
  for (const { message } of deadLetters) {
    const text = message && (await recordUnrestoredAccount(message, decision, engine, now));
    if (text !== undefined) texts.add(text);
  }
  return [...texts];
}

async function recordUnrestoredAccount(
  message: Message,
  decision: DiscardDecision,
  engine: Engine,
  now: number,
): Promise<string | undefined> {
  const id = 'operationId' in message.data ? message.data.operationId : undefined;
  if (!id) return undefined;
  let text: string | undefined;
  for (let attempt = 0; attempt < MAX_STORE_ATTEMPTS; attempt += 1) {
    const operation = await engine.reads.operation(id);
    text = operation && discardWarning(operation, message);
    // A running operation learns of the discard from the message `task.discarded`.
    if (!operation || text === undefined || !hasEnded(operation)) return text;
    const recorded = withDiscardWarning(operation, text, decision, now);
    if ((await engine.commit({ operations: [recorded] })) === 'committed') return text;
  }
  return text;
}
