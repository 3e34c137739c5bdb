import type { Job, PgBoss } from 'pg-boss';
import type { QueueName } from '../../../events/index.ts';
import type { QueueRecord } from '../handle-group.ts';
import type { WorkerSource } from '../worker.ts';
import { batchCalls } from './batched.ts';
import { failureOutput } from './dead-letter-reads.ts';

/** A message that this process has received, with its pg-boss job. */
export interface JobRecord extends QueueRecord {
  readonly job: Job<unknown>;
}

const jobsOf = (records: readonly JobRecord[]) => records.map(({ job }) => job);

/**
 * Lets a worker use a queue of pg-boss. The function `work` of pg-boss is no alternative: it polls
 * once for each concurrent handler, and waits half a second between two messages.
 */
export const jobSource = (boss: PgBoss, queue: QueueName): WorkerSource<JobRecord> => ({
  bodyOf: ({ job }) => job.data,
  receive: async (maxRecords) =>
    (await boss.fetch<unknown>(queue, { batchSize: maxRecords })).map((job) => ({
      id: job.id,
      receiveCount: job.retryCount + 1,
      job,
    })),
  // Each statement outside a transaction waits for the disk. One statement therefore deletes the
  // messages of all handlers that have ended during the previous statement.
  complete: batchCalls(async (records) => {
    await boss.deleteJob(queue, jobsOf(records));
  }),
  fail: async (records, error) => {
    await boss.fail(queue, jobsOf(records), failureOutput(error));
  },
});

/**
 * Sends a heartbeat for received messages. Without heartbeats, another process requeues them.
 */
export async function sendHeartbeat(
  boss: PgBoss,
  queue: QueueName,
  records: readonly JobRecord[],
): Promise<void> {
  if (records.length > 0) await boss.touch(queue, jobsOf(records));
}
