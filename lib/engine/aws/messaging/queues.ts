import { engineError } from '../../engine-error.ts';
import type { Aws } from '../clients.ts';
import { sendInBatches } from './batches.ts';

/** A message as SQS delivered it. */
export interface ReceivedMessage {
  readonly id: string;
  /** The receipt handle for deletion and visibility changes, valid until the next delivery. */
  readonly receiptHandle: string;
  readonly body: string;
  readonly receiveCount: number;
  /** Epoch milliseconds. */
  readonly sentAt: number;
  /** String attributes of the message. */
  readonly attributes: Readonly<Record<string, string>>;
}
/** A message for {@link Queues.send}. */
export interface MessageToSend {
  readonly body: string;
  readonly delaySeconds?: number;
  readonly attributes?: Readonly<Record<string, string>>;
}
/** The approximate numbers of messages in a queue. `active`: received and not yet deleted. */
export interface QueueDepth {
  readonly ready: number;
  readonly delayed: number;
  readonly active: number;
}
type MessageWithHandle = Pick<ReceivedMessage, 'receiptHandle'>;

/** The maximum number of messages in one answer of SQS. */
export const MAX_RECEIVED_PER_CALL = 10;

/** The SQS queues of a stage. The parameter `queue` is the full name of a queue. */
export class Queues {
  readonly #sqs: Aws['sqs'];
  readonly #urls = new Map<string, Promise<string>>();
  readonly #arns = new Map<string, Promise<string>>();

  constructor({ sqs }: Pick<Aws, 'sqs'>) {
    this.#sqs = sqs;
  }

  /**
   * Sends all messages. Messages that SQS refuses are sent again. Throws `engine.queue.refused` if
   * SQS refuses a message in every attempt.
   */
  async send(queue: string, messages: readonly MessageToSend[]): Promise<void> {
    const QueueUrl = await this.#url(queue);
    const entries = messages.map(({ body, delaySeconds, attributes = {} }, index) => ({
      Id: String(index),
      MessageBody: body,
      ...(delaySeconds ? { DelaySeconds: delaySeconds } : {}),
      MessageAttributes: Object.fromEntries(
        Object.entries(attributes).map(([name, StringValue]) => [
          name,
          { DataType: 'String', StringValue },
        ]),
      ),
    }));
    await this.#callInBatches(
      queue,
      entries,
      async (Entries) => (await this.#sqs('SendMessageBatch', { QueueUrl, Entries })).Failed,
    );
  }

  /**
   * Receives at most ten messages. If `waitSeconds` is above 0 (long polling), an empty answer
   * means that the queue is empty. Otherwise the queue may still contain messages.
   */
  async receive(
    queue: string,
    maxMessages: number,
    waitSeconds: number,
    visibilitySeconds: number,
  ): Promise<ReceivedMessage[]> {
    const { Messages } = await this.#sqs('ReceiveMessage', {
      QueueUrl: await this.#url(queue),
      MaxNumberOfMessages: Math.min(MAX_RECEIVED_PER_CALL, maxMessages),
      WaitTimeSeconds: waitSeconds,
      VisibilityTimeout: visibilitySeconds,
      MessageSystemAttributeNames: ['ApproximateReceiveCount', 'SentTimestamp'],
      MessageAttributeNames: ['All'],
    });
    return (Messages ?? []).map(
      ({ MessageId = '', ReceiptHandle = '', Body = '', Attributes, MessageAttributes = {} }) => ({
        id: MessageId,
        receiptHandle: ReceiptHandle,
        body: Body,
        receiveCount: Number(Attributes?.ApproximateReceiveCount ?? 1),
        sentAt: Number(Attributes?.SentTimestamp ?? 0),
        attributes: Object.fromEntries(
          Object.entries(MessageAttributes).flatMap(([name, { StringValue }]) =>
            StringValue === undefined ? [] : [[name, StringValue]],
          ),
        ),
      }),
    );
  }

  /**
   * Deletes messages. A message is not deleted if another process has received it after this
   * process.
   */
  async delete(queue: string, messages: readonly MessageWithHandle[]): Promise<void> {
    const QueueUrl = await this.#url(queue);
    const entries = messages.map(({ receiptHandle }, index) => ({
      Id: String(index),
      ReceiptHandle: receiptHandle,
    }));
    await this.#callInBatches(
      queue,
      entries,
      async (Entries) => (await this.#sqs('DeleteMessageBatch', { QueueUrl, Entries })).Failed,
    );
  }

  /** Sets the visibility timeout in seconds from now; 0 makes the messages visible immediately. */
  async changeVisibility(
    queue: string,
    messages: readonly MessageWithHandle[],
    seconds: number,
  ): Promise<void> {
    const QueueUrl = await this.#url(queue);
    const entries = messages.map(({ receiptHandle }, index) => ({
      Id: String(index),
      ReceiptHandle: receiptHandle,
      VisibilityTimeout: seconds,
    }));
    await this.#callInBatches(
      queue,
      entries,
      async (Entries) =>
        (await this.#sqs('ChangeMessageVisibilityBatch', { QueueUrl, Entries })).Failed,
    );
  }

  async depth(queue: string): Promise<QueueDepth> {
    const { Attributes } = await this.#sqs('GetQueueAttributes', {
      QueueUrl: await this.#url(queue),
      AttributeNames: [
        'ApproximateNumberOfMessages',
        'ApproximateNumberOfMessagesDelayed',
        'ApproximateNumberOfMessagesNotVisible',
      ],
    });
    return {
      ready: Number(Attributes?.ApproximateNumberOfMessages ?? 0),
      delayed: Number(Attributes?.ApproximateNumberOfMessagesDelayed ?? 0),
      active: Number(Attributes?.ApproximateNumberOfMessagesNotVisible ?? 0),
    };
  }

  arn(queue: string): Promise<string> {
    return cachedAnswer(this.#arns, queue, async () => {
      const QueueUrl = await this.#url(queue);
      const { Attributes } = await this.#sqs('GetQueueAttributes', {
        QueueUrl,
        AttributeNames: ['QueueArn'],
      });
      return Attributes?.QueueArn ?? '';
    });
  }

  #url(queue: string): Promise<string> {
    return cachedAnswer(
      this.#urls,
      queue,
      async () => (await this.#sqs('GetQueueUrl', { QueueName: queue })).QueueUrl ?? '',
    );
  }

  /** Calls a batch action of SQS for all entries, and tries refused entries again. */
  async #callInBatches<Entry extends { readonly Id: string }>(
    queue: string,
    entries: readonly Entry[],
    call: (batch: Entry[]) => Promise<readonly FailedEntry[] | undefined>,
  ): Promise<void> {
    const refusedEntries = await sendInBatches(entries, bytesOf, async (batch) => {
      const failures = new Map((await call([...batch]))?.map((failed) => [failed.Id, failed]));
      return batch.flatMap((entry) => {
        const failed = failures.get(entry.Id);
        return failed && !GONE_MESSAGE_CODES.test(failed.Code ?? '')
          ? [{ entry, reason: `${failed.Code} ${failed.Message ?? ''}`.trimEnd() }]
          : [];
      });
    });
    if (refusedEntries.length > 0)
      throw engineError(
        'queue.refused',
        `SQS refused ${refusedEntries.length} of ${entries.length} entries for ${queue} in every ` +
          `attempt: ${refusedEntries[0]?.reason}`,
        'The propagator tries again. If this continues, check the queue and its permissions.',
      );
  }
}

interface FailedEntry {
  readonly Id: string | undefined;
  readonly Code: string | undefined;
  readonly Message?: string | undefined;
}

/** The errors for a message that is deleted, or that another process has received. */
const GONE_MESSAGE_CODES = /ReceiptHandleIsInvalid|MessageNotInflight/;

/** Returns the size of a message to send. Other entries are small, so their size counts as 0. */
const bytesOf = (entry: object): number =>
  'MessageBody' in entry ? Buffer.byteLength(JSON.stringify(entry)) : 0;

/** Returns the answer for `queue` from the cache, or calls `request`. A failure is not cached. */
function cachedAnswer(
  cache: Map<string, Promise<string>>,
  queue: string,
  request: () => Promise<string>,
): Promise<string> {
  const answer =
    cache.get(queue) ??
    request().catch((error: unknown) => {
      cache.delete(queue);
      throw error;
    });
  cache.set(queue, answer);
  return answer;
}
