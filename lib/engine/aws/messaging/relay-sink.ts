import type { NotificationReceived } from '../../../../events/notification.ts';
import { engineError } from '../../engine-error.ts';
import type { Aws } from '../clients.ts';
import { handOver } from './batches.ts';
import { toEventBody, toOutbound } from './envelope.ts';

/**
 * Where a relay beside the broker puts notifications: the ingest queue, of which it needs to know
 * the URL and nothing else.
 */
export interface QueueSink {
  /** Each of them lies on the queue when it resolves. Throws when AWS is away or refuses one. */
  store(messages: readonly NotificationReceived[]): Promise<void>;
  /**
   * Says to whoever watches that the relay is there and hears the broker, although Keystone has
   * nothing to tell.
   */
  beat(): Promise<void>;
}

/** `sqs:SendMessage` on that queue is the only right that it takes. */
export function queueSink(
  { sqs }: Pick<Aws, 'sqs'>,
  QueueUrl: string,
  now: () => number,
): QueueSink {
  /**
   * A batch comes again as it was when a part of it was refused: what lies on the queue already is
   * not sent a second time.
   */
  const lying = new WeakSet<NotificationReceived>();
  const send = async (
    bodies: readonly string[],
    onTaken: (index: number) => void,
  ): Promise<void> => {
    const entries = bodies.map((MessageBody, index) => ({ Id: String(index), MessageBody }));
    const refused = await handOver(
      entries,
      ({ MessageBody }) => Buffer.byteLength(MessageBody),
      async (share) => {
        const { Successful = [], Failed = [] } = await sqs('SendMessageBatch', {
          QueueUrl,
          Entries: [...share],
        });
        const taken = new Set(Successful.map(({ Id }) => Id));
        for (const id of taken) onTaken(Number(id));
        const why = new Map(
          Failed.map(({ Id, Code, Message }) => [Id, `${Code} ${Message ?? ''}`.trimEnd()]),
        );
        // An entry of which nothing is said has not been taken.
        return share.flatMap((entry) =>
          taken.has(entry.Id) ? [] : [{ entry, why: why.get(entry.Id) ?? 'no result' }],
        );
      },
    );
    if (refused.length > 0)
      throw engineError(
        'queue.refused',
        `SQS refused ${refused.length} of ${entries.length} notifications again and again: ${refused[0]?.why}`,
        'They stay with the broker and are tried again. If it does not end, look at the queue and the rights on it.',
      );
  };
  return {
    async store(messages) {
      const wanted = messages.filter((message) => !lying.has(message));
      const bodies = wanted.map((message) => toEventBody(toOutbound(message, now())));
      await send(bodies, (index) => {
        const message = wanted[index];
        if (message) lying.add(message);
      });
    },
    beat: () => send([toEventBody({ type: HEARTBEAT, detail: '{}' })], () => undefined),
  };
}

/** A record of the ingest queue that is no notification. */
export const HEARTBEAT = 'relay.heartbeat';
