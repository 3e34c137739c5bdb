import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import { engineError } from '../../engine-error.ts';
import { toJson } from '../../json.ts';
import { OutboundMessage } from '../messaging/envelope.ts';
import type { Sender } from '../messaging/sender.ts';
import { compress, decompress } from './codec.ts';
import {
  OUTBOX_PART_RETENTION_SECONDS,
  OUTBOX_SHARES,
  outboxPartKey,
  outboxPk,
  sortableTime,
} from './keys.ts';
import { type Item, type Key, keyOf, numberOf, textOf } from './rows.ts';
import type { Store } from './table.ts';

/** The maximum size of one part of an outbox. A DynamoDB row holds at most 400 KB. */
const MAX_PART_BYTES = 350 * 1024;
/** The length of the lease of an outbox. After this time, another process may send the outbox. */
const LEASE_MILLIS = 30_000;
/** The maximum number of outboxes that one flush reads from each partition. */
const MAX_OUTBOXES_PER_FLUSH = 100;

/** The unsent messages of a change, stored in the same transaction as its records. */
export interface Outbox {
  readonly id: string;
  readonly key: Key;
  readonly outboundMessages: readonly OutboundMessage[];
  /** The first row, which `key` names, and the further parts. */
  readonly items: readonly Item[];
}

/** Builds the outbox rows for the messages of a change. `now` is in epoch milliseconds. */
export function outboxOf(outboundMessages: readonly OutboundMessage[], now: number): Outbox {
  const id = randomUUID();
  const key = {
    pk: outboxPk(Math.floor(Math.random() * OUTBOX_SHARES)),
    sk: `${sortableTime(now)}#${id}`,
  };
  const bytes = compress(toJson(outboundMessages));
  const parts = Array.from({ length: Math.ceil(bytes.byteLength / MAX_PART_BYTES) }, (_, index) =>
    bytes.subarray(index * MAX_PART_BYTES, (index + 1) * MAX_PART_BYTES),
  );
  const [firstPart = bytes, ...furtherParts] = parts;
  const firstItem = {
    ...keyOf(key),
    uuid: { S: id },
    parts: { N: String(furtherParts.length) },
    body: { B: firstPart.toString('base64') },
  };
  // A process may die after it has deleted the first row. DynamoDB deletes the remaining parts when
  // they expire.
  const expires = { N: String(Math.floor(now / 1000) + OUTBOX_PART_RETENTION_SECONDS) };
  return {
    id,
    key,
    outboundMessages,
    items: [
      firstItem,
      ...furtherParts.map((part, index) => ({
        ...keyOf(outboxPartKey(id, index + 1)),
        expires,
        body: { B: part.toString('base64') },
      })),
    ],
  };
}

/** Sends the messages of an outbox, then deletes the outbox with its further parts. */
export async function deliverOutbox(
  outbox: Pick<Outbox, 'id' | 'key' | 'outboundMessages'>,
  furtherPartCount: number,
  store: Store,
  sender: Sender,
): Promise<void> {
  await sender.send(outbox.outboundMessages, outbox.id, Date.now());
  await store.delete([outbox.key]);
  await store.delete(outboxPartKeys(outbox.id, furtherPartCount));
}

/**
 * Sends the outboxes that are older than `olderThanMillis`. Such an outbox remains, for example, if
 * its process died. Returns the number of sent outboxes. Several processes may call this function
 * at the same time. If an outbox cannot be sent, this function sends the others, and then throws
 * the error.
 */
export async function flushOutbox(
  store: Store,
  sender: Sender,
  olderThanMillis: number,
): Promise<number> {
  let sentCount = 0;
  const failures: unknown[] = [];
  for (const item of await readOutboxesBefore(Date.now() - olderThanMillis, store)) {
    const key = { pk: textOf(item, 'pk'), sk: textOf(item, 'sk') };
    // Each lease begins just before its outbox is sent, because a flush of many outboxes may take
    // longer than one lease.
    if (!(await store.acquireLease(key, Date.now(), LEASE_MILLIS, { mustExist: true }))) continue;
    const id = textOf(item, 'uuid');
    const furtherPartCount = numberOf(item, 'parts');
    try {
      const outboundMessages = await readOutboxMessages(item, id, furtherPartCount, store);
      await deliverOutbox({ id, key, outboundMessages }, furtherPartCount, store, sender);
      sentCount += 1;
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
  return sentCount;
}

/**
 * Reads the first rows of the outboxes that were written before `beforeTime` (epoch milliseconds).
 */
async function readOutboxesBefore(beforeTime: number, store: Store): Promise<Item[]> {
  const range = { to: sortableTime(beforeTime), limit: MAX_OUTBOXES_PER_FLUSH };
  const partitions = Array.from({ length: OUTBOX_SHARES }, (_, share) => outboxPk(share));
  const items = await Promise.all(partitions.map((pk) => store.query({ pk, ...range })));
  return items.flat();
}

const outboxPartKeys = (id: string, furtherPartCount: number): Key[] =>
  Array.from({ length: furtherPartCount }, (_, index) => outboxPartKey(id, index + 1));

/** Reads the messages of the outbox with the first row `item`. */
async function readOutboxMessages(
  item: Item,
  id: string,
  furtherPartCount: number,
  store: Store,
): Promise<OutboundMessage[]> {
  const furtherItems = await store.getMany(outboxPartKeys(id, furtherPartCount));
  if (furtherItems.length < furtherPartCount)
    throw engineError(
      'row.damaged',
      `Outbox ${id} has ${furtherItems.length} of its ${furtherPartCount} further parts.`,
      'Restore the table to a point in time before the damage.',
    );
  const itemsInOrder = [
    item,
    ...furtherItems.toSorted(
      (one, other) => Number(textOf(one, 'sk')) - Number(textOf(other, 'sk')),
    ),
  ];
  const parts = itemsInOrder.map(({ body }) => Buffer.from(body?.B ?? '', 'base64'));
  return z.array(OutboundMessage).parse(JSON.parse(decompress(Buffer.concat(parts))));
}
