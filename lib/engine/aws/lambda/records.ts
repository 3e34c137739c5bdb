import type { MiddlewareObj } from '@middy/core';
import * as z from 'zod';
import { beginInvocation } from './log.ts';

/** The event that SQS passes to a function. Each body is parsed later, on its own. */
const SqsEvent = z.object({
  Records: z.array(
    z
      .object({
        messageId: z.string(),
        receiptHandle: z.string(),
        body: z.string(),
        attributes: z.object({ ApproximateReceiveCount: z.coerce.number() }),
      })
      .transform(({ messageId, receiptHandle, body, attributes }) => ({
        id: messageId,
        handle: receiptHandle,
        body,
        receiveCount: attributes.ApproximateReceiveCount,
      })),
  ),
});
/** A record of a queue in the engine's form. */
export type QueueRecord = z.infer<typeof SqsEvent>['Records'][number];

/**
 * Middleware: parses the event into records before the handler. Afterwards it reports the records
 * to retry as `batchItemFailures`; SQS deletes all others.
 */
export const partialBatches = (): MiddlewareObj<unknown, unknown> => ({
  before(request) {
    beginInvocation(request.context);
    request.event = SqsEvent.parse(request.event).Records;
  },
  after(request) {
    const again = request.response as readonly Pick<QueueRecord, 'id'>[];
    request.response = { batchItemFailures: again.map(({ id }) => ({ itemIdentifier: id })) };
  },
});
