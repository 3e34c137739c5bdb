import type { SendMessageBatchResult } from '@aws-sdk/client-sqs';
import * as z from 'zod';
import type { NotificationReceived } from '../../../../events/notification.ts';
import { engineError } from '../../engine-error.ts';
import type { Aws } from '../clients.ts';
import { sendInBatches } from './batches.ts';
import { toEventBody, toOutboundMessage } from './envelope.ts';

/**
 * Stores the notifications of a relay in the ingest queue, of which the relay knows only the URL.
 */
export interface QueueSink {
  /**
   * Resolves when all messages are in the queue. Throws if AWS does not answer, or refuses a
   * message.
   */
  store(messages: readonly NotificationReceived[]): Promise<void>;
  /** Sends a heartbeat, which shows that the relay works even while Keystone sends nothing. */
  sendHeartbeat(): Promise<void>;
}

/**
 * Creates the sink. Its credentials need only the permission `sqs:SendMessage` on the ingest queue.
 * `now` returns epoch milliseconds.
 */
export function queueSink(
  { sqs }: Pick<Aws, 'sqs'>,
  QueueUrl: string,
  now: () => number,
): QueueSink {
  // The notifications that SQS has accepted. If SQS refuses a part of a batch, the relay stores the
  // whole batch again, and the sink skips the accepted notifications.
  const storedMessages = new WeakSet<NotificationReceived>();
  const send = (bodies: readonly string[], onAccepted: (index: number) => void) =>
    sendBodies(bodies, onAccepted, (Entries) => sqs('SendMessageBatch', { QueueUrl, Entries }));
  return {
    async store(messages) {
      const unsentMessages = messages.filter((message) => !storedMessages.has(message));
      const bodies = unsentMessages.map((message) =>
        toEventBody(toOutboundMessage(message, now())),
      );
      await send(bodies, (index) => {
        const message = unsentMessages[index];
        if (message) storedMessages.add(message);
      });
    },
    sendHeartbeat: () => send([toEventBody({ type: HEARTBEAT, detail: '{}' })], () => undefined),
  };
}

type SendBatch = (
  entries: { readonly Id: string; readonly MessageBody: string }[],
) => Promise<SendMessageBatchResult>;

/** Sends all bodies, and calls `onAccepted` with the index of each body that SQS accepts. */
async function sendBodies(
  bodies: readonly string[],
  onAccepted: (index: number) => void,
  sendBatch: SendBatch,
): Promise<void> {
  const entries = bodies.map((MessageBody, index) => ({ Id: String(index), MessageBody }));
  const bytesOf = ({ MessageBody }: (typeof entries)[number]) => Buffer.byteLength(MessageBody);
  const refusedEntries = await sendInBatches(entries, bytesOf, async (batch) => {
    const { Successful = [], Failed = [] } = await sendBatch([...batch]);
    const acceptedIds = new Set(Successful.map(({ Id }) => Id));
    for (const id of acceptedIds) onAccepted(Number(id));
    const reasons = new Map(
      Failed.map(({ Id, Code, Message }) => [Id, `${Code} ${Message ?? ''}`.trimEnd()]),
    );
    // An entry without a result counts as refused.
    return batch.flatMap((entry) =>
      acceptedIds.has(entry.Id) ? [] : [{ entry, reason: reasons.get(entry.Id) ?? 'no result' }],
    );
  });
  if (refusedEntries.length > 0)
    throw engineError(
      'queue.refused',
      `SQS refused ${refusedEntries.length} of ${entries.length} notifications in every attempt: ` +
        `${refusedEntries[0]?.reason}`,
      'The notifications stay with the broker, and the relay tries again. If this ' +
        'continues, check the queue and its permissions.',
    );
}

/** The type of a heartbeat in the ingest queue. */
export const HEARTBEAT = 'relay.heartbeat';

const Heartbeat = z.object({ 'detail-type': z.literal(HEARTBEAT) });

/** True for the body of a heartbeat. The function `ingest` counts it and does nothing else. */
export function isHeartbeat(body: string): boolean {
  try {
    return Heartbeat.safeParse(JSON.parse(body)).success;
  } catch {
    return false;
  }
}
