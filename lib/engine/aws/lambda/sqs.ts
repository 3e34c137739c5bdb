import type { MiddlewareObj } from '@middy/core';
import sqsPartialBatchFailure from '@middy/sqs-partial-batch-failure';
import * as z from 'zod';
import type { QueueName } from '../../../../events/index.ts';
import { type ErrorReport, reportOf } from '../../../shared/errors.ts';
import { groupsOf, handleGroup, type QueueRecord } from '../../message-loop.ts';
import type { Delivery } from '../../port.ts';
import { messageIn } from '../messaging/envelope.ts';
import type { InvocationContext, LambdaContext } from './context.ts';
import { errorReport, parseEvent, withPropagator } from './middlewares.ts';

/**
 * The event that SQS passes to a function. Each body is parsed later, so that one unreadable body
 * does not fail the others.
 */
const SqsEvent = z.object({
  Records: z.array(
    z.object({
      messageId: z.string(),
      receiptHandle: z.string(),
      body: z.string(),
      attributes: z.object({ ApproximateReceiveCount: z.coerce.number() }),
    }),
  ),
});
type SqsEvent = z.infer<typeof SqsEvent>;

const FromQueue = z.object({ Records: z.array(z.unknown()) });
export const isSqsEvent = (event: unknown): boolean => FromQueue.safeParse(event).success;

/** A record of the event, for the message loop. */
interface SqsRecord extends QueueRecord {
  readonly handle: string;
  readonly body: string;
}

/** The middlewares of a function that SQS invokes; its handler is {@link handleRecords}. */
export const sqsMiddlewares = (
  queue: QueueName,
  open: () => Promise<LambdaContext>,
): MiddlewareObj<unknown, unknown>[] => [
  withPropagator(queue, open),
  errorReport(),
  parseEvent(SqsEvent),
  partialBatchFailure(),
];

/**
 * The middleware without `onError`, which would hide a failed invocation: Lambda's metric `Errors`
 * and its alarm would not count it. The middleware's logger is empty, because {@link handleRecords}
 * logs failed records without their bodies.
 */
function partialBatchFailure(): MiddlewareObj<unknown, unknown> {
  const { after = () => undefined } = sqsPartialBatchFailure({ logger: () => undefined });
  return { after };
}

export type Work = (deliveries: readonly Delivery[], lambda: LambdaContext) => Promise<void>;
export interface RecordsOptions {
  /** Passes new records to `work` in one call. Default: one call per record. */
  readonly inOneCall?: boolean;
  /** True for an expected record that is not a message, such as a heartbeat. */
  readonly isKnown?: (body: string) => boolean;
}

/**
 * The handler of a function that SQS invokes. A failed record is retried after a pause, or becomes
 * a dead-letter message with the error; the other records succeed. Returns one result for each
 * record of the event, for `@middy/sqs-partial-batch-failure`.
 */
export const handleRecords =
  (
    queue: QueueName,
    work: Work,
    { inOneCall = false, isKnown = () => false }: RecordsOptions = {},
  ) =>
  async (event: unknown, context: unknown): Promise<PromiseSettledResult<void>[]> => {
    const { propagator } = context as InvocationContext;
    const records = (event as SqsEvent).Records.map(toRecord);
    const failures = new Map<string, ErrorReport>();
    const groups = groupsOf(
      records.filter(({ body }) => !isKnown(body)),
      inOneCall ? records.length : 1,
    );
    const loop = {
      queue,
      bodyOf: ({ body }: SqsRecord) => messageIn(body),
      handler: (deliveries: readonly Delivery[]) => work(deliveries, propagator),
      settle: async (settled: readonly SqsRecord[], error: ErrorReport | undefined) => {
        if (error === undefined) return;
        for (const { id } of await retried(queue, settled, error, propagator))
          failures.set(id, error);
      },
      onProblem: (problem: Parameters<Parameters<typeof handleGroup>[1]['onProblem']>[0]) => {
        const { text, error, operationId: operation, records: count } = problem;
        propagator.log.warn({ queue, operation, ...error, records: count }, text);
      },
    };
    await Promise.all(groups.map((group) => handleGroup(group, loop)));
    propagator.count({
      ...(failures.size > 0 ? { Failed: failures.size } : {}),
      ...(queue === 'ingest' ? { NotificationsReceived: records.length } : {}),
    });
    return records.map(({ id }) => {
      const reason = failures.get(id);
      return reason ? { status: 'rejected', reason } : { status: 'fulfilled', value: undefined };
    });
  };

const toRecord = (record: SqsEvent['Records'][number]): SqsRecord => ({
  id: record.messageId,
  handle: record.receiptHandle,
  body: record.body,
  receiveCount: record.attributes.ApproximateReceiveCount,
});

/**
 * Returns the records that SQS delivers again. All other records are now dead-letter messages. If
 * the engine cannot store the failures, SQS delivers all records again.
 */
const retried = (
  queue: QueueName,
  records: readonly SqsRecord[],
  error: ErrorReport,
  { engine, log }: LambdaContext,
): Promise<readonly SqsRecord[]> =>
  engine.retryOrDeadLetter(queue, records, error).catch((thrown: unknown) => {
    const report = reportOf(thrown, { code: 'engine.retryOrDeadLetter' });
    const text = 'The failure of records could not be stored. SQS delivers all of them again.';
    log.warn({ queue, ...report }, text);
    return records;
  });
