import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import { engineError } from '../../engine-error.ts';
import { toJson } from '../../json.ts';
import { OutboundMessage } from '../messaging/envelope.ts';
import type { Sender } from '../messaging/sender.ts';
import { compress, decompress } from './codec.ts';
import { OUTBOX_SHARES, outboxPk, PART_SECONDS, partKey, sortable } from './keys.ts';
import { type Item, type Key, keyOf, numberOf, textOf } from './rows.ts';
import type { Store } from './table.ts';

/** A DynamoDB row holds at most 400 KB. */
const PART_BYTES = 350 * 1024;
/** The lease of an outbox. After this time, another process may send the outbox. */
const LEASE_MILLIS = 30_000;
/** The maximum number of outboxes that one flush reads in each partition. */
const MAX_OUTBOXES_PER_FLUSH = 100;

/** The messages of one change, written in the same transaction as its rows. */
export interface Outbox {
  readonly id: string;
  readonly key: Key;
  readonly outbounds: readonly OutboundMessage[];
  readonly items: readonly Item[];
}

/** Builds the outbox rows for the messages of a change. `now` is in epoch milliseconds. */
export function outboxOf(outbounds: readonly OutboundMessage[], now: number): Outbox {
  const id = randomUUID();
  const key = {
    pk: outboxPk(Math.floor(Math.random() * OUTBOX_SHARES)),
    sk: `${sortable(now)}#${id}`,
  };
  const bytes = compress(toJson(outbounds));
  const parts = Array.from({ length: Math.ceil(bytes.byteLength / PART_BYTES) }, (_, part) =>
    bytes.subarray(part * PART_BYTES, (part + 1) * PART_BYTES),
  );
  const [first = bytes, ...others] = parts;
  const head = {
    ...keyOf(key),
    uuid: { S: id },
    parts: { N: String(others.length) },
    body: { B: first.toString('base64') },
  };
  // DynamoDB deletes the parts that a dying process has left.
  const expires = { N: String(Math.floor(now / 1000) + PART_SECONDS) };
  return {
    id,
    key,
    outbounds,
    items: [
      head,
      ...others.map((B, index) => ({
        ...keyOf(partKey(id, index + 1)),
        expires,
        body: { B: B.toString('base64') },
      })),
    ],
  };
}

/** Sends an outbox, then deletes it. The outbox exists until all its messages were sent. */
export async function deliver(
  outbox: Pick<Outbox, 'id' | 'key' | 'outbounds'>,
  parts: number,
  store: Store,
  sender: Sender,
): Promise<void> {
  await sender.send(outbox.outbounds, outbox.id, Date.now());
  await store.delete([outbox.key]);
  await store.delete(Array.from({ length: parts }, (_, index) => partKey(outbox.id, index + 1)));
}

/**
 * Sends every outbox that is older than `olderThanMillis`: its process died or could not send it.
 * Returns the number of sent outboxes. Several processes may call this function at the same time.
 * After a failure it sends all other outboxes, and then throws the first error.
 */
export async function flushOutbox(
  store: Store,
  sender: Sender,
  olderThanMillis: number,
): Promise<number> {
  const now = Date.now();
  const shares = Array.from({ length: OUTBOX_SHARES }, (_, share) => share);
  const unsent = await Promise.all(
    shares.map((share) =>
      store.query({
        pk: outboxPk(share),
        to: sortable(now - olderThanMillis),
        limit: MAX_OUTBOXES_PER_FLUSH,
      }),
    ),
  );
  let sentCount = 0;
  const failures: unknown[] = [];
  for (const item of unsent.flat()) {
    const key = { pk: textOf(item, 'pk'), sk: textOf(item, 'sk') };
    if (!(await store.lease(key, now, LEASE_MILLIS, true))) continue;
    const id = textOf(item, 'uuid');
    const parts = numberOf(item, 'parts');
    try {
      await deliver(
        { id, key, outbounds: await outboundsIn(item, id, parts, store) },
        parts,
        store,
        sender,
      );
      sentCount += 1;
    } catch (error) {
      // An outbox that cannot be sent must not block the others.
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
  return sentCount;
}

async function outboundsIn(
  item: Item,
  id: string,
  parts: number,
  store: Store,
): Promise<OutboundMessage[]> {
  const others = await store.many(
    Array.from({ length: parts }, (_, index) => partKey(id, index + 1)),
  );
  if (others.length < parts)
    throw engineError(
      'row.damaged',
      `Outbox ${id} has ${others.length} of its ${parts} parts.`,
      'Restore the table to a point in time.',
    );
  const inOrder = others.toSorted(
    (one, other) => Number(textOf(one, 'sk')) - Number(textOf(other, 'sk')),
  );
  const pieces = [item, ...inOrder].map(({ body }) => Buffer.from(body?.B ?? '', 'base64'));
  return z.array(OutboundMessage).parse(JSON.parse(decompress(Buffer.concat(pieces))));
}
