import type { OperationId } from '../../events/ids.ts';
import type { Message, QueueName } from '../../events/index.ts';
import { countText } from '../shared/count-text.ts';
import { type ErrorReport, reportOf } from '../shared/errors.ts';
import { UNREADABLE_MESSAGE } from './engine-error.ts';
import type { Delivery } from './port.ts';
import { StoredMessage } from './records.ts';

/** A message that an engine has received from a queue. Each engine adds its own fields. */
export interface QueueRecord {
  readonly id: string;
  /** 1 at the first delivery. */
  readonly receiveCount: number;
}

export type Handler = (deliveries: readonly Delivery[]) => Promise<void>;

/** A failed delivery, for the log. The engine retries the records. */
export interface DeliveryProblem {
  readonly text: string;
  readonly error: ErrorReport;
  /** The operation of the first message that has one. */
  readonly operationId: OperationId | undefined;
  /** The number of failed records. */
  readonly recordCount: number;
}

/** The functions that read and handle the records of one queue, and store the result. */
export interface DeliverySteps<R extends QueueRecord> {
  readonly queue: QueueName;
  /** Returns the message of a record, not yet validated. */
  bodyOf(record: R): unknown;
  readonly handler: Handler;
  /**
   * Stores the result of a delivery. Without `error`, the handler has succeeded. With `error`, the
   * engine retries the records, or dead-letters them after the last delivery.
   */
  storeResult(records: readonly R[], error: ErrorReport | undefined): Promise<void>;
  onProblem(problem: DeliveryProblem): void;
}

/**
 * Groups received records: the handler gets the messages of one group in one call. New records form
 * groups of at most `maxGroupSize` records. A record that was delivered before is a group of its
 * own, so that one bad message cannot make other messages fail again.
 */
export function handlerGroups<R extends QueueRecord>(
  records: readonly R[],
  maxGroupSize: number,
): R[][] {
  const newRecords = records.filter(({ receiveCount }) => receiveCount === 1);
  const size = Math.max(1, Math.min(maxGroupSize, newRecords.length));
  const batches = Array.from({ length: Math.ceil(newRecords.length / size) }, (_, index) =>
    newRecords.slice(index * size, (index + 1) * size),
  );
  const redeliveredRecords = records.filter(({ receiveCount }) => receiveCount > 1);
  return [...batches, ...redeliveredRecords.map((record) => [record])];
}

/**
 * Handles one group of {@link handlerGroups}. Unreadable records fail with
 * `engine.message.unreadable`. The handler receives the messages of all other records. If the
 * handler throws, these records fail. This function throws only if `storeResult` throws.
 */
export async function handleGroup<R extends QueueRecord>(
  group: readonly R[],
  steps: DeliverySteps<R>,
): Promise<void> {
  const parsedRecords = group.map((record) => ({
    record,
    message: StoredMessage.safeParse(steps.bodyOf(record)).data,
  }));
  const unreadableRecords = parsedRecords.flatMap(({ record, message }) =>
    message ? [] : [record],
  );
  const readableRecords = parsedRecords.flatMap(({ record, message }) => (message ? [record] : []));
  const deliveries = parsedRecords.flatMap(({ record: { receiveCount }, message }) =>
    message ? [{ message, receiveCount }] : [],
  );
  if (unreadableRecords.length > 0) await failUnreadable(unreadableRecords, steps);
  if (readableRecords.length > 0)
    await steps.storeResult(readableRecords, await errorOfHandler(deliveries, steps));
}

async function failUnreadable<R extends QueueRecord>(
  records: readonly R[],
  { queue, storeResult, onProblem }: DeliverySteps<R>,
): Promise<void> {
  const text =
    `This release cannot read ${countText(records.length, 'message')} of queue ${queue}. ` +
    'After the last delivery, an unreadable message becomes a dead-letter message.';
  const problem = { text, error: UNREADABLE_MESSAGE, operationId: undefined };
  onProblem({ ...problem, recordCount: records.length });
  await storeResult(records, UNREADABLE_MESSAGE);
}

/** Calls the handler. Returns and reports the error that it throws; `undefined` after success. */
async function errorOfHandler<R extends QueueRecord>(
  deliveries: readonly Delivery[],
  { queue, handler, onProblem }: DeliverySteps<R>,
): Promise<ErrorReport | undefined> {
  try {
    await handler(deliveries);
    return undefined;
  } catch (thrown) {
    const error = reportOf(thrown, { code: 'handler.failed' });
    const recordCount = deliveries.length;
    const text = `The handler of queue ${queue} failed for ${countText(recordCount, 'message')}.`;
    onProblem({ text, error, operationId: firstOperationOf(deliveries), recordCount });
    return error;
  }
}

const firstOperationOf = (
  deliveries: readonly { readonly message: Message }[],
): OperationId | undefined =>
  deliveries
    .map(({ message }) => ('operationId' in message.data ? message.data.operationId : undefined))
    .find((id) => id !== undefined);
