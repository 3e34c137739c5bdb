import type { Job, PgBoss } from 'pg-boss';
import type { QueueName } from '../../../events/index.ts';
import type { QueueRecord } from '../message-loop.ts';
import type { WorkerSource } from '../worker.ts';
import { failure } from './dead-letters.ts';

/** A job of pg-boss: a message that this process has received. */
export interface JobRecord extends QueueRecord {
  readonly job: Job<unknown>;
}

const jobsOf = (records: readonly JobRecord[]) => records.map(({ job }) => job);

/**
 * The messages of a pg-boss queue for a worker. The `work` function of pg-boss is not used: it
 * would poll once for each concurrent handler, and wait half a second between messages.
 */
export const jobSource = (boss: PgBoss, queue: QueueName): WorkerSource<JobRecord> => ({
  bodyOf: ({ job }) => job.data,
  receive: async (most) =>
    (await boss.fetch<unknown>(queue, { batchSize: most })).map((job) => ({
      id: job.id,
      receiveCount: job.retryCount + 1,
      job,
    })),
  complete: async (records) => {
    await boss.deleteJob(queue, jobsOf(records));
  },
  fail: async (records, error) => {
    await boss.fail(queue, jobsOf(records), failure(error));
  },
});

/**
 * Sends a heartbeat for received messages. A message without a heartbeat goes to another process.
 */
export async function sendHeartbeat(
  boss: PgBoss,
  queue: QueueName,
  records: readonly JobRecord[],
): Promise<void> {
  if (records.length > 0) await boss.touch(queue, jobsOf(records));
}
