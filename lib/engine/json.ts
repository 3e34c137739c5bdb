import type { Message } from '../../events/index.ts';
import type { QuarantineRecord } from '../account/inventory.ts';

/**
 * PostgreSQL can store neither U+0000 nor half of a surrogate pair, in `text` or in `jsonb`, and no
 * queue of SQS carries them, but both can stand in what a broker delivers. Bodies are kept to the
 * byte, as base64; in all other strings such a character becomes U+FFFD.
 */
const UNSTORABLE = /\0|\p{Surrogate}/u;

/** A string that every store takes. */
export const storable = (text: string): string =>
  UNSTORABLE.test(text) ? text.toWellFormed().replaceAll('\0', '\uFFFD') : text;

function clean(value: unknown): unknown {
  if (typeof value === 'string') return storable(value);
  if (Array.isArray(value)) return value.map(clean);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [storable(key), clean(inner)]),
  );
}

/**
 * JSON text that every store takes. `JSON.stringify` shows each unstorable character as an escape;
 * only then the slow way is gone.
 */
export function toJson(value: unknown): string {
  const text = JSON.stringify(value);
  return /\\u(0000|d[89a-f])/i.test(text) ? JSON.stringify(clean(value)) : text;
}

type Body = { readonly body: string; readonly encoding: 'utf8' | 'base64' };
const storableBody = <B extends Body>(holder: B): B =>
  holder.encoding === 'utf8' && UNSTORABLE.test(holder.body)
    ? { ...holder, body: Buffer.from(holder.body, 'utf8').toString('base64'), encoding: 'base64' }
    : holder;

/** The record with a body that can be stored; the bytes stay the same. */
export const storableRecord = (record: QuarantineRecord): QuarantineRecord => storableBody(record);

/** What is put on a queue: without what only matters on the way there, and storable. */
export function storableMessage(outgoing: Message & { readonly delaySeconds?: number }): object {
  const { delaySeconds: _, ...message } = outgoing;
  const text: unknown =
    message.type === 'notification.received'
      ? { ...message, data: storableBody(message.data) }
      : message;
  return JSON.parse(toJson(text));
}
