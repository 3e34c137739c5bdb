import type { MiddlewareObj } from '@middy/core';
import sqsPartialBatchFailure from '@middy/sqs-partial-batch-failure';
import * as z from 'zod';
import type { QueueName } from '../../../../events/index.ts';
import { type ErrorReport, reportOf } from '../../../shared/errors.ts';
import {
  type DeliverySteps,
  handleGroup,
  handlerGroups,
  type QueueRecord,
} from '../../handle-group.ts';
import type { Delivery } from '../../port.ts';
import { messageIn } from '../messaging/envelope.ts';
import type { InvocationContext, LambdaContext } from './context.ts';
import { parseEvent, replaceErrorWithReport, withPropagator } from './middlewares.ts';

/**
 * The event with which SQS invokes a function. The bodies are parsed later, so that the function
 * can handle the other records if one body is unreadable.
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

const EventWithRecords = z.object({ Records: z.array(z.unknown()) });
export const isSqsEvent = (event: unknown): boolean => EventWithRecords.safeParse(event).success;

/** A record of the event, for {@link handleGroup}. */
interface SqsRecord extends QueueRecord {
  readonly receiptHandle: string;
  readonly body: string;
}

/** The middlewares of a function that SQS invokes. Its handler is {@link recordsHandler}. */
export const sqsMiddlewares = (
  queue: QueueName,
  open: () => Promise<LambdaContext>,
): MiddlewareObj<unknown, unknown>[] => [
  withPropagator(queue, open),
  replaceErrorWithReport(),
  parseEvent(SqsEvent),
  partialBatchFailure(),
];

/**
 * `@middy/sqs-partial-batch-failure` without its `onError`, which would hide a failed invocation
 * from Lambda's metric `Errors` and the alarm on this metric. Its logger writes nothing, because
 * {@link recordsHandler} logs failed records, without their bodies.
 */
function partialBatchFailure(): MiddlewareObj<unknown, unknown> {
  const { after = () => undefined } = sqsPartialBatchFailure({ logger: () => undefined });
  return { after };
}

/** Handles the messages of some records. If it throws, these records have failed. */
export type MessageHandler = (
  deliveries: readonly Delivery[],
  lambda: LambdaContext,
) => Promise<void>;
export interface RecordsOptions {
  /**
   * True: passes all records on their first delivery to {@link MessageHandler} in one call. A
   * redelivered record has its own call. Default: each record has its own call.
   */
  readonly inOneCall?: boolean;
  /** True for a record that is not a message and needs no work, such as a heartbeat. */
  readonly isIgnored?: (body: string) => boolean;
}

/**
 * Creates the handler of a function that SQS invokes. A failed record is retried after a pause, or
 * becomes a dead-letter message with the error. The other records succeed. The handler returns one
 * result for each record of the event, for `@middy/sqs-partial-batch-failure`.
 */
export const recordsHandler =
  (
    queue: QueueName,
    handler: MessageHandler,
    { inOneCall = false, isIgnored = () => false }: RecordsOptions = {},
  ) =>
  async (event: unknown, context: unknown): Promise<PromiseSettledResult<void>[]> => {
    const { propagator: lambda } = context as InvocationContext;
    const records = (event as SqsEvent).Records.map(toRecord);
    const messages = records.filter(({ body }) => !isIgnored(body));
    const errors = new Map<string, ErrorReport>();
    const steps = deliverySteps(queue, handler, errors, lambda);
    const groups = handlerGroups(messages, inOneCall ? records.length : 1);
    await Promise.all(groups.map((group) => handleGroup(group, steps)));
    lambda.countMetrics({
      ...(errors.size > 0 ? { Failed: errors.size } : {}),
      ...(queue === 'ingest' ? { NotificationsReceived: records.length } : {}),
    });
    return records.map(({ id }) => {
      const reason = errors.get(id);
      return reason ? { status: 'rejected', reason } : { status: 'fulfilled', value: undefined };
    });
  };

/**
 * Returns the steps of {@link handleGroup}. If a record must be delivered again, they put its error
 * into `errors`, under the id of the record.
 */
const deliverySteps = (
  queue: QueueName,
  handler: MessageHandler,
  errors: Map<string, ErrorReport>,
  lambda: LambdaContext,
): DeliverySteps<SqsRecord> => ({
  queue,
  bodyOf: ({ body }) => messageIn(body),
  handler: (deliveries) => handler(deliveries, lambda),
  storeResult: async (records, error) => {
    // The middleware `partialBatchFailure` lets SQS delete the successful records.
    if (error === undefined) return;
    for (const { id } of await storeFailure(queue, records, error, lambda)) errors.set(id, error);
  },
  onProblem: ({ text, error, operationId, recordCount: records }) =>
    lambda.log.warn({ queue, operation: operationId, ...error, records }, text),
});

const toRecord = (record: SqsEvent['Records'][number]): SqsRecord => ({
  id: record.messageId,
  receiptHandle: record.receiptHandle,
  body: record.body,
  receiveCount: record.attributes.ApproximateReceiveCount,
});

/**
 * Prepares failed records for their retry, or dead-letters them. Returns the records that SQS
 * delivers again. If the engine throws, these are all records.
 */
const storeFailure = (
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
