import middy from '@middy/core';
import type { QueueName } from '../../../../events/index.ts';
import { type ErrorReport, reportOf } from '../../../shared/errors.ts';
import { UNREADABLE } from '../../engine-error.ts';
import type { Delivery } from '../../port.ts';
import { readBody } from '../messaging/envelope.ts';
import { type Environment, type LambdaContext, lazyContext } from './context.ts';
import { partialBatches, type QueueRecord } from './records.ts';

export type Work = (deliveries: readonly Delivery[], lambda: LambdaContext) => Promise<void>;
export interface SqsHandlerOptions {
  /** Passes new records to `work` in one call. Default: one call per record. */
  readonly together?: boolean;
  /** True for a record that is not a message but expected, such as a heartbeat. */
  readonly knows?: (body: string) => boolean;
}

/**
 * A function that SQS invokes. Each record succeeds or fails on its own: a failed record is retried
 * after a pause, or becomes a dead-letter message with the error. `open` provides the context.
 */
export function sqsHandler(
  queue: QueueName,
  open: () => Promise<LambdaContext>,
  work: Work,
  options: SqsHandlerOptions = {},
) {
  return middy<unknown, unknown>()
    .use(partialBatches())
    .handler(async (event: unknown) => {
      const records = event as readonly QueueRecord[];
      const lambda = await open();
      const again = (
        await Promise.all(
          groups(records, options).map((group) => handle(queue, group, lambda, work)),
        )
      ).flat();
      const { length } = records;
      lambda.count({
        ...(again.length > 0 ? { Failed: again.length } : {}),
        ...(queue === 'ingest' ? { Heard: length } : {}),
      });
      lambda.flush(queue);
      return again;
    });
}

/**
 * Like {@link sqsHandler}, with a context that is created from the environment at the first call.
 */
export const createSqsFunction = (
  queue: QueueName,
  environment: Environment,
  work: Work,
  options?: SqsHandlerOptions,
) => sqsHandler(queue, lazyContext(environment), work, options);

/**
 * A record that was delivered before is handled alone, so that one bad message cannot fail its
 * batch again.
 */
function groups(
  records: readonly QueueRecord[],
  { together = false, knows = () => false }: SqsHandlerOptions,
): QueueRecord[][] {
  const ours = records.filter(({ body }) => !knows(body));
  const batch = together ? ours.filter(({ receiveCount }) => receiveCount === 1) : [];
  const alone = ours.filter((record) => !batch.includes(record)).map((record) => [record]);
  return batch.length > 0 ? [batch, ...alone] : alone;
}

async function handle(
  queue: QueueName,
  group: readonly QueueRecord[],
  lambda: LambdaContext,
  work: Work,
): Promise<QueueRecord[]> {
  const read = group.map((record) => ({ record, message: readBody(record.body) }));
  const unread = read.flatMap(({ record, message }) => (message ? [] : [record]));
  const rest = read.flatMap(({ record, message }) => (message ? [record] : []));
  const deliveries = read.flatMap(({ record: { receiveCount }, message }) =>
    message ? [{ message, receiveCount }] : [],
  );
  const again = unread.length > 0 ? await comeAgain(queue, unread, UNREADABLE, lambda) : [];
  if (rest.length === 0) return again;
  try {
    await work(deliveries, lambda);
    return again;
  } catch (thrown) {
    const error = reportOf(thrown, { code: 'handler.failed' });
    const [operation] = deliveries.flatMap(({ message }) =>
      'operationId' in message.data ? [message.data.operationId] : [],
    );
    lambda.log.warn(
      { queue, operation, ...error, records: rest.length },
      'a handler failed; its messages come again',
    );
    return [...again, ...(await comeAgain(queue, rest, error, lambda))];
  }
}

/**
 * If the engine cannot record the failure either, SQS retries the records by its own receive count.
 */
const comeAgain = (
  queue: QueueName,
  records: readonly QueueRecord[],
  error: ErrorReport,
  { engine, log }: LambdaContext,
): Promise<QueueRecord[]> =>
  engine.failed(queue, records, error).catch((thrown: unknown) => {
    log.warn(
      { queue, ...reportOf(thrown, { code: 'engine.failed' }) },
      'the queue did not take word of a failure',
    );
    return [...records];
  });
