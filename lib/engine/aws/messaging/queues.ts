import { engineError } from '../../engine-error.ts';
import type { Aws } from '../clients.ts';
import { sendInBatches } from './batches.ts';

/** A message as SQS delivered it. */
export interface Received {
  readonly id: string;
  /** The receipt handle for deletion and visibility changes, valid until the next delivery. */
  readonly handle: string;
  readonly body: string;
  readonly receiveCount: number;
  /** Epoch milliseconds. */
  readonly sentAt: number;
  /** String attributes of the message. */
  readonly attributes: Readonly<Record<string, string>>;
}
export interface ToSend {
  readonly body: string;
  readonly delaySeconds?: number;
  readonly attributes?: Readonly<Record<string, string>>;
}
export interface Depth {
  readonly ready: number;
  readonly delayed: number;
  readonly active: number;
}
type Handle = Pick<Received, 'handle'>;

/** SQS delivers at most this many messages per call. */
export const MAX_RECEIVED_PER_CALL = 10;

/** The queues of SQS, addressed by their full names. */
export class Queues {
  readonly #sqs: Aws['sqs'];
  readonly #urls = new Map<string, Promise<string>>();
  readonly #arns = new Map<string, Promise<string>>();

  constructor({ sqs }: Pick<Aws, 'sqs'>) {
    this.#sqs = sqs;
  }

  /** Sends all messages, and retries the refused messages. Throws `engine.queue.refused`. */
  async send(queue: string, messages: readonly ToSend[]): Promise<void> {
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
    await this.#all(
      queue,
      entries,
      async (Entries) => (await this.#sqs('SendMessageBatch', { QueueUrl, Entries })).Failed,
    );
  }

  /**
   * Receives at most ten messages. After long polling (`waitSeconds` above 0), an empty answer
   * means an empty queue. Without long polling, the queue may still contain messages.
   */
  async receive(
    queue: string,
    maxMessages: number,
    waitSeconds: number,
    visibilitySeconds: number,
  ): Promise<Received[]> {
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
        handle: ReceiptHandle,
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

  /** Deletes handled messages. A message that another worker has received since stays. */
  async delete(queue: string, messages: readonly Handle[]): Promise<void> {
    const QueueUrl = await this.#url(queue);
    const entries = messages.map(({ handle }, index) => ({
      Id: String(index),
      ReceiptHandle: handle,
    }));
    await this.#all(
      queue,
      entries,
      async (Entries) => (await this.#sqs('DeleteMessageBatch', { QueueUrl, Entries })).Failed,
    );
  }

  /** Sets the visibility timeout in seconds from now; 0 makes the messages visible immediately. */
  async changeVisibility(
    queue: string,
    messages: readonly Handle[],
    seconds: number,
  ): Promise<void> {
    const QueueUrl = await this.#url(queue);
    const entries = messages.map(({ handle }, index) => ({
      Id: String(index),
      ReceiptHandle: handle,
      VisibilityTimeout: seconds,
    }));
    await this.#all(
      queue,
      entries,
      async (Entries) =>
        (await this.#sqs('ChangeMessageVisibilityBatch', { QueueUrl, Entries })).Failed,
    );
  }

  async depth(queue: string): Promise<Depth> {
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

  async #all<Entry extends { readonly Id: string }>(
    queue: string,
    entries: readonly Entry[],
    call: (share: Entry[]) => Promise<readonly Failed[] | undefined>,
  ): Promise<void> {
    const refused = await sendInBatches(entries, bytesOf, async (share) => {
      const failed = new Map((await call([...share]))?.map((one) => [one.Id, one]));
      return share.flatMap((entry) => {
        const why = failed.get(entry.Id);
        return why && !GONE.test(why.Code ?? '')
          ? [{ entry, why: `${why.Code} ${why.Message ?? ''}`.trimEnd() }]
          : [];
      });
    });
    if (refused.length > 0)
      throw engineError(
        'queue.refused',
        `SQS refused ${refused.length} of ${entries.length} entries for ${queue} in every ` +
          `attempt: ${refused[0]?.why}`,
        'The propagator tries again. If this continues, check the queue and its permissions.',
      );
  }
}

interface Failed {
  readonly Id: string | undefined;
  readonly Code: string | undefined;
  readonly Message?: string | undefined;
}

/** The errors for a deleted message, and for a message that another worker has received. */
const GONE = /ReceiptHandleIsInvalid|MessageNotInflight/;

const bytesOf = (entry: object): number =>
  'MessageBody' in entry ? Buffer.byteLength(JSON.stringify(entry)) : 0;

/** Returns the cached answer of `request`. A failure is not cached. */
function cachedAnswer(
  known: Map<string, Promise<string>>,
  name: string,
  ask: () => Promise<string>,
): Promise<string> {
  const answer =
    known.get(name) ??
    ask().catch((error: unknown) => {
      known.delete(name);
      throw error;
    });
  known.set(name, answer);
  return answer;
}
