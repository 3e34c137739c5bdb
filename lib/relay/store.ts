import { setTimeout } from 'node:timers/promises';
import type { NotificationReceived } from '../../events/notification.ts';
import type { Engine } from '../engine/port.ts';
import { storeNotifications } from '../handlers/receive.ts';
import { reportOf } from '../shared/errors.ts';
import type { Logger } from '../shared/log.ts';

/** The dependencies of {@link batchStore}. */
export interface BatchStoreDeps {
  readonly engine: Pick<Engine, 'commit'> & {
    readonly reads: Pick<Engine['reads'], 'accounts' | 'hasDue'>;
  };
  /**
   * Ingests a batch in this process and resolves after its commit. Without it every batch goes
   * through the queue.
   */
  readonly ingest?: ((messages: readonly NotificationReceived[]) => Promise<void>) | undefined;
  /** Aborted when the process stops. A batch in progress is given up then, not acknowledged. */
  readonly stopping: AbortSignal;
  readonly log: Pick<Logger, 'warn'>;
  /** Epoch milliseconds. */
  now(): number;
  /** Default 5 s. */
  readonly giveUpMillis?: number;
}

/**
 * If the ingestion of a batch takes longer, the next batches are sent to the queue. Keystone may be
 * slow, or the notifications may be about many accounts. Storing them in the queue takes less time,
 * and in the queue an urgent notification can overtake others, which is not possible in the broker.
 */
const SLOW_MILLIS = 1_000;
/**
 * After this time a batch in progress is also sent to the queue, and the relay takes the next one.
 */
const GIVE_UP_MILLIS = 5_000;
/** Interval at which the queue is checked again. */
const CHECK_MILLIS = 1_000;

/**
 * Returns the store of a relay. A batch is ingested at once, in one transaction, while the ingest
 * queue holds no notification that is due. This saves three of the four writes for each
 * notification: into the queue, when a worker receives it, and when the worker deletes it.
 * Otherwise, and when the ingestion fails, the batch is appended to the queue. The queue delivers a
 * failed batch one by one, so one notification that cannot be handled stops no other. Throws when
 * the batch could not be stored either.
 */
export function batchStore({
  engine,
  ingest,
  stopping,
  log,
  now,
  giveUpMillis = GIVE_UP_MILLIS,
}: BatchStoreDeps) {
  let isDirect = false;
  let checkAt = Number.NEGATIVE_INFINITY;

  const mayIngest = async (): Promise<boolean> => {
    if (isDirect || now() < checkAt) return isDirect;
    isDirect = !(await engine.reads.hasDue('ingest'));
    checkAt = now() + CHECK_MILLIS;
    return isDirect;
  };
  const useQueue = (): void => {
    isDirect = false;
    checkAt = now() + CHECK_MILLIS;
  };

  return async (messages: readonly NotificationReceived[]): Promise<void> => {
    if (ingest && (await mayIngest())) {
      const begunAt = now();
      try {
        const isIngested = await within(giveUpMillis, () => ingest(messages), stopping);
        if (isIngested) {
          if (now() - begunAt > SLOW_MILLIS) useQueue();
          return;
        }
        // The queue holds each notification a second time then. Ingest recognizes it by its id.
        useQueue();
      } catch (thrown) {
        if (stopping.aborted) throw thrown;
        useQueue();
        const error = reportOf(thrown, { code: 'relay.ingest' });
        const text = 'a batch of notifications was not ingested; it goes to the ingest queue';
        log.warn({ error, notifications: messages.length }, text);
      }
    }
    await storeNotifications(messages, { engine });
  };
}

/**
 * Begins `work` and waits for it. Returns false when it has not ended after `millis`, and throws at
 * once when `signal` aborts. An error of work that was given up has no effect: the queue holds its
 * notifications.
 */
async function within(
  millis: number,
  work: () => Promise<void>,
  signal: AbortSignal,
): Promise<boolean> {
  signal.throwIfAborted();
  const over = new AbortController();
  try {
    const late = setTimeout(millis, false, { signal: AbortSignal.any([signal, over.signal]) });
    return await Promise.race([work().then(() => true), late]);
  } finally {
    over.abort();
  }
}
