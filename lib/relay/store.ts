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
   * Ingests a batch in this process and resolves after its commit. Without this function every
   * batch goes through the queue.
   */
  readonly ingest?: ((messages: readonly NotificationReceived[]) => Promise<void>) | undefined;
  /** Aborts when the process stops. A batch in progress is then given up and not acknowledged. */
  readonly stopping: AbortSignal;
  readonly log: Pick<Logger, 'warn'>;
  /** Epoch milliseconds. */
  now(): number;
  /** Default 5 s. */
  readonly giveUpMillis?: number;
}

/**
 * After an ingestion that takes longer than this, the next batches go to the queue. The ingestion
 * may take long because Keystone is slow, or because the notifications are about many accounts. A
 * write to the queue takes less time. An urgent notification can overtake others in the queue, but
 * not in the broker.
 */
const SLOW_MILLIS = 1_000;
/**
 * After this time a batch in progress also goes to the queue, and the relay takes the next batch.
 */
const GIVE_UP_MILLIS = 5_000;
/** The minimum time between two checks of the queue. */
const CHECK_MILLIS = 1_000;

/**
 * Returns the store of a relay. While the ingest queue has no due notification, a batch is ingested
 * directly, in one transaction. A direct ingestion saves three of four writes per notification: the
 * queue needs one write each to store, receive and delete a notification. A batch goes to the queue
 * while the queue has a due notification, and after a failed ingestion. The queue delivers the
 * notifications of a failed batch one by one, so that one bad notification blocks no other. Throws
 * if the batch could not be stored in the queue.
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
        // Each notification is then stored twice. Ingest recognizes the duplicate by its id.
        useQueue();
      } catch (thrown) {
        if (stopping.aborted) throw thrown;
        useQueue();
        const error = reportOf(thrown, { code: 'relay.ingest' });
        const text =
          'the ingestion of a batch of notifications failed; the batch goes to the ingest queue';
        log.warn({ error, notifications: messages.length }, text);
      }
    }
    await storeNotifications(messages, { engine });
  };
}

/**
 * Begins `work` and waits for it. Returns false if `work` takes longer than `millis`. Throws
 * immediately when `signal` aborts. A later error of `work` has no effect, because the caller has
 * stored the notifications in the queue.
 */
async function within(
  millis: number,
  work: () => Promise<void>,
  signal: AbortSignal,
): Promise<boolean> {
  signal.throwIfAborted();
  const ended = new AbortController();
  try {
    const timeout = setTimeout(millis, false, { signal: AbortSignal.any([signal, ended.signal]) });
    return await Promise.race([work().then(() => true), timeout]);
  } finally {
    ended.abort();
  }
}
