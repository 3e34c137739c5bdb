import * as z from 'zod';
import type { NotificationReceived } from '../../../../events/notification.ts';
import { engineError } from '../../engine-error.ts';
import type { Aws } from '../clients.ts';
import { sendInBatches } from './batches.ts';
import { toEventBody, toOutbound } from './envelope.ts';

/** Stores a relay's notifications in the ingest queue. The relay knows only the queue's URL. */
export interface QueueSink {
  /**
   * Resolves when all messages are in the queue. Throws when AWS does not answer or refuses a
   * message.
   */
  store(messages: readonly NotificationReceived[]): Promise<void>;
  /** Sends a heartbeat: it shows that the relay is connected even while Keystone sends nothing. */
  beat(): Promise<void>;
}

/** Creates the sink. It needs only the permission `sqs:SendMessage` on that queue. */
export function queueSink(
  { sqs }: Pick<Aws, 'sqs'>,
  QueueUrl: string,
  now: () => number,
): QueueSink {
  /**
   * Notifications that are already in the queue. The relay retries a whole batch after a partial
   * failure, and these are not sent twice.
   */
  const stored = new WeakSet<NotificationReceived>();
  const send = async (
    bodies: readonly string[],
    onTaken: (index: number) => void,
  ): Promise<void> => {
    const entries = bodies.map((MessageBody, index) => ({ Id: String(index), MessageBody }));
    const refused = await sendInBatches(
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
        // An entry without a result was not stored.
        return share.flatMap((entry) =>
          taken.has(entry.Id) ? [] : [{ entry, why: why.get(entry.Id) ?? 'no result' }],
        );
      },
    );
    if (refused.length > 0)
      throw engineError(
        'queue.refused',
        `SQS refused ${refused.length} of ${entries.length} notifications in every attempt: ` +
          `${refused[0]?.why}`,
        'They stay with the broker, and the relay tries again. If this continues, check the ' +
          'queue and its permissions.',
      );
  };
  return {
    async store(messages) {
      const wanted = messages.filter((message) => !stored.has(message));
      const bodies = wanted.map((message) => toEventBody(toOutbound(message, now())));
      await send(bodies, (index) => {
        const message = wanted[index];
        if (message) stored.add(message);
      });
    },
    beat: () => send([toEventBody({ type: HEARTBEAT, detail: '{}' })], () => undefined),
  };
}

/** Type of the heartbeat record in the ingest queue. */
export const HEARTBEAT = 'relay.heartbeat';

const Heartbeat = z.object({ 'detail-type': z.literal(HEARTBEAT) });

/** True for the body of a heartbeat. The ingest function only counts it. */
export function isHeartbeat(body: string): boolean {
  try {
    return Heartbeat.safeParse(JSON.parse(body)).success;
  } catch {
    return false;
  }
}
