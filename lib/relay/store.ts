import { setTimeout } from 'node:timers/promises';
import type { NotificationReceived } from '../../events/notification.ts';
import type { Engine } from '../engine/port.ts';
import { storeNotifications } from '../handlers/receive.ts';
import { reportOf } from '../shared/errors.ts';
import type { Logger } from '../shared/log.ts';

/** The dependencies of {@link createBatchStorer}. */
export interface BatchStorerDeps {
  readonly engine: Pick<Engine, 'commit'> & {
    readonly reads: Pick<Engine['reads'], 'accounts' | 'hasUnfinished'>;
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
  /** The longest wait for the direct ingestion of a batch; default: 5 s. */
  readonly giveUpMillis?: number;
}

/**
 * After a direct ingestion that takes longer than this, the next batches go to the queue. The
 * ingestion may take long because Keystone is slow, or because the notifications are about many
 * accounts. The queue then has two advantages: a write to the queue takes less time, and an urgent
 * notification ({@link storeNotifications}) overtakes others in the queue, but not in the broker.
 */
const SLOW_INGESTION_MILLIS = 1_000;
/**
 * If the direct ingestion of a batch takes longer than this, the batch also goes to the queue, and
 * the relay takes the next batch.
 */
const GIVE_UP_MILLIS = 5_000;
/** The minimum time between two checks whether the queue has a due notification. */
const CHECK_INTERVAL_MILLIS = 1_000;

/**
 * Returns the function with which a relay stores a batch. While the ingest queue has no due
 * notification, the function ingests the batch directly, in one transaction. This saves three of
 * four writes per notification: the queue needs one write each to store, receive and delete a
 * notification. While the queue has a due notification, and after a failed ingestion, the function
 * stores the batch in the queue. The queue delivers the notifications of a failed batch one by one,
 * so that one bad notification blocks no other. Throws if the queue could not store the batch.
 */
export function createBatchStorer({
  engine,
  ingest,
  stopping,
  log,
  now,
  giveUpMillis = GIVE_UP_MILLIS,
}: BatchStorerDeps) {
  // True while batches are ingested directly, and false while they go to the queue.
  let isDirect = false;
  let nextCheckAt = Number.NEGATIVE_INFINITY;

  const mayIngestDirectly = async (): Promise<boolean> => {
    if (isDirect || now() < nextCheckAt) return isDirect;
    isDirect = !(await engine.reads.hasUnfinished('ingest'));
    nextCheckAt = now() + CHECK_INTERVAL_MILLIS;
    return isDirect;
  };
  /** The next batches go to the queue, at least until the next check. */
  const useQueue = (): void => {
    isDirect = false;
    nextCheckAt = now() + CHECK_INTERVAL_MILLIS;
  };

  /** Returns false if the batch must go to the queue. Throws if the process stops. */
  const ingestDirectly = async (
    messages: readonly NotificationReceived[],
    ingestBatch: NonNullable<typeof ingest>,
  ): Promise<boolean> => {
    const startedAt = now();
    try {
      const isIngested = await endsWithin(giveUpMillis, () => ingestBatch(messages), stopping);
      // An ingestion that takes too long may still succeed. The queue then delivers each
      // notification a second time, and ingest recognizes the duplicate by its id.
      if (!isIngested || now() - startedAt > SLOW_INGESTION_MILLIS) useQueue();
      return isIngested;
    } catch (thrown) {
      if (stopping.aborted) throw thrown;
      useQueue();
      const error = reportOf(thrown, { code: 'relay.ingest' });
      const text =
        'the ingestion of a batch of notifications failed; the batch goes to the ingest queue';
      log.warn({ error, notifications: messages.length }, text);
      return false;
    }
  };

  return async (messages: readonly NotificationReceived[]): Promise<void> => {
    if (ingest && (await mayIngestDirectly()) && (await ingestDirectly(messages, ingest))) return;
    await storeNotifications(messages, { engine });
  };
}

/**
 * Begins `work` and waits for it. Returns true if `work` ends in time, and false if it takes longer
 * than `millis`. Throws immediately when `signal` aborts. An error of `work` after the timeout is
 * ignored, because the caller then stores the notifications in the queue.
 */
async function endsWithin(
  millis: number,
  work: () => Promise<void>,
  signal: AbortSignal,
): Promise<boolean> {
  signal.throwIfAborted();
  const endController = new AbortController();
  try {
    const timeout = setTimeout(millis, false, {
      signal: AbortSignal.any([signal, endController.signal]),
    });
    return await Promise.race([work().then(() => true), timeout]);
  } finally {
    endController.abort();
  }
}
