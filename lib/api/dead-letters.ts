import type { Hono } from 'hono';
import * as z from 'zod';
import { OperationId, ServiceName } from '../../events/ids.ts';
import type { Message, QueueName } from '../../events/index.ts';
import { bodyBytes } from '../account/received.ts';
import { causeOf, displayBody } from '../engine/dead-letters.ts';
import type { DeadLetter } from '../engine/port.ts';
import { auditOriginOf } from './audit.ts';
import { callerOf } from './authentication.ts';
import { callerNotAllowedInBody, enteredText, readJson, reasonText } from './body.ts';
import { type ApiDeps, withoutUndefined } from './deps.ts';
import { recordUnrestoredAccounts, refusalOfDiscard } from './discard.ts';
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
  cause: enteredText(200).optional(),
  id: enteredText(200).optional(),
});
type Selection = z.infer<typeof DeadLetterSelection>;
const hasSelection = (selection: Selection): boolean =>
  Object.values(filterOf(selection)).length > 0;
export const RedriveBody = DeadLetterSelection.extend({
  all: z.boolean().optional(),
  by: callerNotAllowedInBody,
  reason: reasonText.optional(),
}).refine(
  ({ all, ...selection }) => all || hasSelection(selection),
  'select messages by service, queue, operation, cause or id, or send all: true',
);
export const DiscardBody = DeadLetterSelection.extend({
  by: callerNotAllowedInBody,
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
    return context.json({ deadLetters: deadLetters.map(displayedDeadLetter) });
  });
  app.post('/v1/dead-letters/redrive', async (context) => {
    const { by: _, reason, ...selection } = await readJson(context, RedriveBody);
    const decision = { by: callerOf(context), reason, origin: auditOriginOf(context) };
    return context.json({ redriven: await engine.redrive(filterOf(selection), decision) });
  });
  app.post('/v1/dead-letters/discard', async (context) => {
    const { by: _, reason, ...selection } = await readJson(context, DiscardBody);
    const decision = { by: callerOf(context), reason, origin: auditOriginOf(context) };
    const filter = filterOf(selection);
    const deadLetters = await engine.deadLetters(filter);
    const refusal = await refusalOfDiscard(deadLetters, engine, now());
    if (refusal) return context.json(problemBody('discard', refusal.message, refusal.advice), 409);
    // Only the messages that were checked above are discarded. A message that arrives in the
    // meantime may be needed by its operation.
    const ids = deadLetters.map(({ id }) => id);
    const discarded = ids.length === 0 ? 0 : await engine.discard({ ...filter, ids }, decision);
    // If fewer messages were discarded than selected, another person has handled the others. A
    // message that this person redrove may still restore an account. Therefore nothing is recorded.
    const unrestoredTexts =
      discarded < ids.length
        ? []
        : await recordUnrestoredAccounts(deadLetters, decision, engine, now());
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

/** A dead-letter message for display, with long bodies cut. */
const displayedDeadLetter = (deadLetter: DeadLetter) => ({
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
      body: displayBody(data),
      encoding: 'utf8',
      bytes: data.cutFrom ?? bodyBytes(data).byteLength,
    },
  };
}
