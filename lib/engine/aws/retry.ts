import type { QueueName } from '../../../events/index.ts';
import type { ErrorReport } from '../../shared/errors.ts';
import { errorAttribute } from './messaging/envelope.ts';
import type { Queues, Received } from './messaging/queues.ts';
import type { Names } from './names.ts';
import { MAX_RECEIVES } from './topology.ts';

/** The retry policy for messages after their handler threw. */
export interface RetryOptions {
  /** Deliveries in total, as in the redrive policy of the queue. */
  readonly maxReceives: number;
  /** Longest back-off in seconds. The back-off starts at 1 s and doubles. */
  readonly maxDelaySeconds: number;
}

export const RETRY: RetryOptions = { maxReceives: MAX_RECEIVES, maxDelaySeconds: 300 };

type Failed = Pick<Received, 'handle' | 'body' | 'receiveCount'>;

/**
 * Handles messages after their handler threw. Messages are retried with back-off. After the last
 * delivery they move to the dead-letter queue with the error. Returns the messages to retry. A
 * function must name these in `batchItemFailures`, because SQS deletes all others. If the function
 * dies, SQS moves its messages without an error.
 */
export async function retryOrDeadLetter<M extends Failed>(
  queue: QueueName,
  messages: readonly M[],
  error: ErrorReport,
  { queues, names, retry }: { queues: Queues; names: Names; retry: RetryOptions },
): Promise<M[]> {
  const exhausted = messages.filter(({ receiveCount }) => receiveCount >= retry.maxReceives);
  const retries = messages.filter(({ receiveCount }) => receiveCount < retry.maxReceives);
  await queues.send(
    names.dead(queue),
    exhausted.map(({ body, receiveCount }) => ({
      body,
      attributes: { error: errorAttribute(error), receives: String(receiveCount) },
    })),
  );
  await queues.delete(names.queue(queue), exhausted);
  for (const [count, some] of Map.groupBy(retries, ({ receiveCount }) => receiveCount))
    await queues.changeVisibility(
      names.queue(queue),
      some,
      Math.min(retry.maxDelaySeconds, 2 ** (count - 1)),
    );
  return retries;
}
