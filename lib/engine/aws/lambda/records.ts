import type { MiddlewareObj } from '@middy/core';
import * as z from 'zod';

/** What SQS hands to a function; a record's body is read later, each by itself. */
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
/** A record of a queue, as the engine wants it. */
export type QueueRecord = z.infer<typeof SqsEvent>['Records'][number];

/**
 * Before the handler: the event as records. After it: the records that come again, as the mapping
 * wants to hear it; all others are deleted.
 */
export const partialBatches = (): MiddlewareObj<unknown, unknown> => ({
  before(request) {
    request.event = SqsEvent.parse(request.event).Records;
  },
  after(request) {
    const again = request.response as readonly Pick<QueueRecord, 'id'>[];
    request.response = { batchItemFailures: again.map(({ id }) => ({ itemIdentifier: id })) };
  },
});
