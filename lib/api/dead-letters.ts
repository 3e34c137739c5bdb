import type { Hono } from 'hono';
import * as z from 'zod';
import { OperationId, ServiceName } from '../../events/ids.ts';
import type { Message, QueueName } from '../../events/index.ts';
import type { Condition } from '../../events/service.ts';
import { bodyBytes } from '../account/received.ts';
import { causeOf, shownBody } from '../engine/dead-letters.ts';
import type { DeadLetter, Engine } from '../engine/port.ts';
import { heldTypesOf } from '../handlers/deletion-holds.ts';
import { unrestoredText, withUnrestoredText } from '../operation/discarded-action.ts';
import { knownHold } from '../operation/known-hold.ts';
import { hasEnded } from '../operation/open.ts';
import { originOf } from './audit.ts';
import { callerOf } from './authentication.ts';
import { readJson, reasonText, refusedCallerName, typedText } from './body.ts';
import { type ApiDeps, withoutUndefined } from './deps.ts';
import { ListLimit } from './limit.ts';
import { problemBody } from './problem.ts';

const Queue = z.custom<QueueName>(
  (name) => typeof name === 'string' && /^(ingest|coordinate|service-[a-z0-9-]+)$/.test(name),
  'must be ingest, coordinate or service-NAME',
);
export const DeadLetterSelection = z.strictObject({
  service: ServiceName.optional(),
  queue: Queue.optional(),
  operation: OperationId.optional(),
  cause: typedText(200).optional(),
  id: typedText(200).optional(),
});
type Selection = z.infer<typeof DeadLetterSelection>;
const hasSelection = (selection: Selection): boolean =>
  Object.values(filterOf(selection)).length > 0;
export const RedriveBody = DeadLetterSelection.extend({
  all: z.boolean().optional(),
  by: refusedCallerName,
  reason: reasonText.optional(),
}).refine(
  ({ all, ...selection }) => all || hasSelection(selection),
  'select messages by service, queue, operation, cause or id, or send all: true',
);
export const DiscardBody = DeadLetterSelection.extend({
  by: refusedCallerName,
  reason: reasonText,
}).refine(hasSelection, 'select messages by service, queue, operation, cause or id');
export const DecisionQuery = z.strictObject({
  operation: OperationId.optional(),
  limit: ListLimit,
});

/** Routes that list, redrive and discard dead-letter messages, and that list these decisions. */
export function deadLetterRoutes(app: Hono, { engine, now }: ApiDeps): void {
  app.get('/v1/dead-letters', async (context) => {
    const deadLetters = await engine.deadLetters(
      filterOf(DeadLetterSelection.parse(context.req.query())),
    );
    return context.json({ deadLetters: deadLetters.map(displayed) });
  });
  app.post('/v1/dead-letters/redrive', async (context) => {
    const { by: _, reason, ...selection } = await readJson(context, RedriveBody);
    const decision = { by: callerOf(context), reason, origin: originOf(context) };
    return context.json({ redriven: await engine.redrive(filterOf(selection), decision) });
  });
  app.post('/v1/dead-letters/discard', async (context) => {
    const { by: _, reason, ...selection } = await readJson(context, DiscardBody);
    const decision = { by: callerOf(context), reason, origin: originOf(context) };
    const filter = filterOf(selection);
    const deadLetters = await engine.deadLetters(filter);
    const needed = await firstNeeded(deadLetters, engine);
    if (needed) return context.json(problemBody('discard', needed), 409);
    const held = await firstHeld(deadLetters, engine, now());
    if (held) return context.json(problemBody('discard', held.message, held.advice), 409);
    // Only the messages that were checked above are discarded. A message that arrives in the
    // meantime may be needed by its operation.
    const ids = deadLetters.map(({ id }) => id);
    const discarded = ids.length === 0 ? 0 : await engine.discard({ ...filter, ids }, decision);
    // If fewer messages were discarded, another person has handled some of them. A redriven message
    // may still restore its account, so nothing is recorded.
    const unrestoredTexts =
      discarded < ids.length ? [] : await recordUnrestored(deadLetters, decision, engine, now());
    return context.json({ discarded, unrestored: unrestoredTexts });
  });
  app.get('/v1/decisions', async (context) => {
    const { operation, limit } = DecisionQuery.parse(context.req.query());
    return context.json({
      decisions: await engine.reads.decisions({
        limit,
        ...withoutUndefined({ operationId: operation }),
      }),
    });
  });
}

const filterOf = ({ service, queue, operation, cause, id }: Selection) =>
  withoutUndefined({ service, queue, operationId: operation, cause, id });

/**
 * Returns why a message of the coordinator must not be discarded: without it, an open operation
 * would never continue. A message of a service may be discarded, because its task then ends.
 */
async function firstNeeded(
  deadLetters: readonly DeadLetter[],
  { reads }: Engine,
): Promise<string | undefined> {
  const needed = new Map(
    deadLetters.flatMap(({ queue, message }) =>
      queue === 'coordinate' && message ? operationsNeeding(message) : [],
    ),
  );
  for (const [id, type] of needed) {
    const operation = await reads.operation(id);
    if (operation && !hasEnded(operation))
      return (
        `operation ${id} is ${operation.state} and cannot continue without this ${type}; ` +
        'nothing was discarded. Redrive the message: propagator dead-letter redrive ' +
        `--operation ${id}`
      );
  }
  return undefined;
}

/** Returns why a message of a task must not be discarded: the task has a resource with a hold. */
async function firstHeld(
  deadLetters: readonly DeadLetter[],
  { reads }: Engine,
  now: number,
): Promise<{ message: string; advice: string } | undefined> {
  const ofTasks = deadLetters.flatMap(({ operationId, task }) =>
    operationId && task ? [{ operationId, ...task }] : [],
  );
  const heldTypes = ofTasks.length > 0 ? await heldTypesOf(reads, now) : [];
  for (const [id, deadRuns] of Map.groupBy(ofTasks, ({ operationId }) => operationId)) {
    const [operation, tasks] = await Promise.all([reads.operation(id), reads.tasks(id)]);
    const waiting = tasks.filter((task) =>
      deadRuns.some(({ taskId, run }) => taskId === task.id && run === task.run),
    );
    for (const task of waiting) {
      const hold = operation && knownHold(operation, task, heldTypes);
      if (hold) return heldProblem(id, task.service, hold);
    }
  }
  return undefined;
}

const heldProblem = (
  id: OperationId,
  service: ServiceName,
  { message, advice = 'End the hold.' }: Pick<Condition, 'message' | 'advice'>,
) => ({
  message:
    `in operation ${id}, ${message}. Without the task of ${service}, other services could remove ` +
    'data of this resource. Nothing was discarded',
  advice:
    `${advice} If ${service} works again, redrive the message: propagator dead-letter redrive ` +
    `--operation ${id}`,
});

const MAX_CONFLICTS = 20;

/**
 * Returns a text for each account that stays disabled or suspended after the discard, with the
 * commands that restore the account. An ended operation stores its text for `operation show`.
 */
async function recordUnrestored(
  deadLetters: readonly DeadLetter[],
  decision: { readonly by: string; readonly reason: string },
  engine: Engine,
  now: number,
): Promise<string[]> {
  const texts = new Set<string>();
  for (const { message } of deadLetters) {
    const id = message && 'operationId' in message.data ? message.data.operationId : undefined;
    if (!message || !id) continue;
    for (let tries = 0; tries < MAX_CONFLICTS; tries += 1) {
      const operation = await engine.reads.operation(id);
      const text = operation && unrestoredText(operation, message);
      if (!operation || text === undefined) break;
      texts.add(text);
      // The task of a running operation stores the discard itself.
      if (!hasEnded(operation)) break;
      const recorded = withUnrestoredText(operation, text, decision, now);
      if ((await engine.commit({ operations: [recorded] })) === 'committed') break;
    }
  }
  return [...texts];
}

/** Returns the operation that waits for a message of the coordinator, with the message type. */
const operationsNeeding = ({ type, data }: Message): [OperationId, string][] => {
  const id =
    'parentId' in data && data.parentId
      ? data.parentId
      : 'operationId' in data
        ? data.operationId
        : undefined;
  return id ? [[id, type]] : [];
};

/** A dead-letter message for display, with long bodies cut. */
const displayed = (deadLetter: DeadLetter) => ({
  ...deadLetter,
  cause: causeOf(deadLetter),
  message: deadLetter.message && displayedMessage(deadLetter.message),
});

function displayedMessage(message: Message): object {
  if (message.type !== 'notification.received') return message;
  const { data, type } = message;
  return {
    type,
    data: {
      ...data,
      body: shownBody(data),
      encoding: 'utf8',
      bytes: data.cutFrom ?? bodyBytes(data).byteLength,
    },
  };
}
