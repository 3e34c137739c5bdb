import type { OperationId } from '../../events/ids.ts';
import type { Message, QueueName } from '../../events/index.ts';
import { type ErrorReport, reportOf } from '../shared/errors.ts';
import { UNREADABLE } from './engine-error.ts';
import type { Delivery } from './port.ts';
import { StoredMessage } from './records.ts';

/** A message of a queue as its engine received it. */
export interface QueueRecord {
  readonly id: string;
  /** 1 at the first delivery. */
  readonly receiveCount: number;
}

export type Handler = (deliveries: readonly Delivery[]) => Promise<void>;

/** A failed delivery. The engine delivers the records again. */
export interface DeliveryProblem {
  readonly text: string;
  readonly error: ErrorReport;
  /** The first operation that the messages name. */
  readonly operationId: OperationId | undefined;
  readonly records: number;
}

/** The functions that read, handle and settle the records of one queue. */
export interface MessageLoop<Record extends QueueRecord> {
  readonly queue: QueueName;
  /** The message of a record, not yet validated. */
  bodyOf(record: Record): unknown;
  readonly handler: Handler;
  /** Ends a delivery. With an error, the records are retried; otherwise they are done. */
  settle(records: readonly Record[], error: ErrorReport | undefined): Promise<void>;
  onProblem(problem: DeliveryProblem): void;
}

/**
 * Groups received records for the handler. New records form groups of at most `batch`. A record
 * that was delivered before is handled alone, so that one bad message cannot make other messages
 * fail again.
 */
export function groupsOf<Record extends QueueRecord>(
  records: readonly Record[],
  batch: number,
): Record[][] {
  const fresh = records.filter(({ receiveCount }) => receiveCount === 1);
  const size = Math.max(1, Math.min(batch, fresh.length));
  const batches = Array.from({ length: Math.ceil(fresh.length / size) }, (_, index) =>
    fresh.slice(index * size, (index + 1) * size),
  );
  const redelivered = records.filter(({ receiveCount }) => receiveCount > 1);
  return [...batches, ...redelivered.map((record) => [record])];
}

/**
 * Handles one group of {@link groupsOf}. Unreadable records fail with `engine.message.unreadable`.
 * The handler receives all other records. If the handler throws, all records that it received fail.
 * This function throws only if `settle` throws.
 */
export async function handleGroup<Record extends QueueRecord>(
  group: readonly Record[],
  { queue, bodyOf, handler, settle, onProblem }: MessageLoop<Record>,
): Promise<void> {
  const read = group.map((record) => ({
    record,
    message: StoredMessage.safeParse(bodyOf(record)).data,
  }));
  const unreadable = read.flatMap(({ record, message }) => (message ? [] : [record]));
  const readable = read.flatMap(({ record, message }) => (message ? [record] : []));
  const deliveries = read.flatMap(({ record: { receiveCount }, message }) =>
    message ? [{ message, receiveCount }] : [],
  );
  if (unreadable.length > 0) {
    const [records, operationId] = [unreadable.length, undefined];
    const text =
      `This release cannot read ${records} messages of queue ${queue}. ` +
      'They become dead-letter messages after the last delivery.';
    onProblem({ text, error: UNREADABLE, operationId, records });
    await settle(unreadable, UNREADABLE);
  }
  if (readable.length === 0) return;
  let error: ErrorReport | undefined;
  try {
    await handler(deliveries);
  } catch (thrown) {
    error = reportOf(thrown, { code: 'handler.failed' });
    const records = readable.length;
    const text = `The handler of queue ${queue} failed; its ${records} messages are retried.`;
    onProblem({ text, error, operationId: operationOf(deliveries), records });
  }
  await settle(readable, error);
}

const operationOf = (deliveries: readonly { readonly message: Message }[]) =>
  deliveries
    .map(({ message }) => ('operationId' in message.data ? message.data.operationId : undefined))
    .find((id) => id !== undefined);
