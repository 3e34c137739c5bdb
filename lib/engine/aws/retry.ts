import type { QueueName } from '../../../events/index.ts';
import type { ErrorReport } from '../../shared/errors.ts';
import { errorAttribute } from './messaging/envelope.ts';
import type { Queues, ReceivedMessage } from './messaging/queues.ts';
import type { Names } from './names.ts';
import { MAX_RECEIVES } from './topology.ts';

/** The retry policy for messages after their handler threw. */
export interface RetryOptions {
  /** The number of deliveries, including the first, as in the redrive policy of the queue. */
  readonly maxReceives: number;
  /** Longest back-off in seconds. The back-off starts at 1 s and doubles. */
  readonly maxDelaySeconds: number;
}

export const DEFAULT_RETRY: RetryOptions = { maxReceives: MAX_RECEIVES, maxDelaySeconds: 300 };

type FailedMessage = Pick<ReceivedMessage, 'receiptHandle' | 'body' | 'receiveCount'>;

/**
 * Retries or dead-letters messages whose handler threw. After the last delivery of a message, this
 * function moves the message to the dead-letter queue, with the error. SQS delivers all other
 * messages again after a back-off. Returns these other messages: the Lambda function must name them
 * in `batchItemFailures`, because SQS deletes all messages that the function does not name. If the
 * Lambda function dies during the last delivery, SQS itself moves the message, without an error.
 */
export async function retryOrDeadLetter<M extends FailedMessage>(
  queue: QueueName,
  messages: readonly M[],
  error: ErrorReport,
  { queues, names, retry }: { queues: Queues; names: Names; retry: RetryOptions },
): Promise<M[]> {
  const exhaustedMessages = messages.filter(
    ({ receiveCount }) => receiveCount >= retry.maxReceives,
  );
  const messagesToRetry = messages.filter(({ receiveCount }) => receiveCount < retry.maxReceives);
  await queues.send(
    names.deadLetterQueue(queue),
    exhaustedMessages.map(({ body, receiveCount }) => ({
      body,
      attributes: { error: errorAttribute(error), receives: String(receiveCount) },
    })),
  );
  await queues.delete(names.queue(queue), exhaustedMessages);
  const messagesByReceiveCount = Map.groupBy(messagesToRetry, ({ receiveCount }) => receiveCount);
  for (const [receiveCount, group] of messagesByReceiveCount) {
    const backoffSeconds = Math.min(retry.maxDelaySeconds, 2 ** (receiveCount - 1));
    await queues.changeVisibility(names.queue(queue), group, backoffSeconds);
  }
  return messagesToRetry;
}
