import type { QueueName } from '../../../events/index.ts';
import type { ErrorReport } from '../../shared/errors.ts';
import { errorAttribute } from './messaging/envelope.ts';
import type { Queues, Received } from './messaging/queues.ts';
import type { Names } from './names.ts';
import { MOST_RECEIVES } from './topology.ts';

/** How often and how soon a message comes again when its handler threw. */
export interface RetryOptions {
  /** Deliveries in all; what the queue's own redrive policy says. */
  readonly mostReceives: number;
  /** Longest pause in seconds; the pauses double from 1 s on. */
  readonly longestSeconds: number;
}

export const RETRY: RetryOptions = { mostReceives: MOST_RECEIVES, longestSeconds: 300 };

type Failed = Pick<Received, 'handle' | 'body' | 'receiveCount'>;

/**
 * What becomes of messages whose handler threw: they come again after a pause, or, after the last
 * delivery, they are laid aside with the error. SQS would do so by itself, but without a word about
 * why; it still does for what its function dies on. Returns those that come again: a function says
 * them in `batchItemFailures`, lest they be deleted.
 */
export async function failed<M extends Failed>(
  queue: QueueName,
  messages: readonly M[],
  error: ErrorReport,
  { queues, names, retry }: { queues: Queues; names: Names; retry: RetryOptions },
): Promise<M[]> {
  const given = messages.filter(({ receiveCount }) => receiveCount >= retry.mostReceives);
  const again = messages.filter(({ receiveCount }) => receiveCount < retry.mostReceives);
  await queues.send(
    names.dead(queue),
    given.map(({ body, receiveCount }) => ({
      body,
      attributes: { error: errorAttribute(error), receives: String(receiveCount) },
    })),
  );
  await queues.delete(names.queue(queue), given);
  for (const [count, some] of Map.groupBy(again, ({ receiveCount }) => receiveCount))
    await queues.hide(names.queue(queue), some, Math.min(retry.longestSeconds, 2 ** (count - 1)));
  return again;
}
