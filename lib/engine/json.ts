import type { OutgoingMessage } from '../../events/index.ts';
import type { QuarantineRecord } from '../account/inventory.ts';

/**
 * U+0000 and unpaired surrogates: a broker may deliver these characters, but PostgreSQL (`text`,
 * `jsonb`) and SQS refuse them. The body of a notification with such a character is stored as
 * base64. In all other strings, U+FFFD replaces the character.
 */
const UNSTORABLE = /\0|\p{Surrogate}/u;

/** Replaces the characters that a store does not accept. */
export const storableText = (text: string): string =>
  UNSTORABLE.test(text) ? text.toWellFormed().replaceAll('\0', '\uFFFD') : text;

function withStorableText(value: unknown): unknown {
  if (typeof value === 'string') return storableText(value);
  if (Array.isArray(value)) return value.map(withStorableText);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [storableText(key), withStorableText(inner)]),
  );
}

/**
 * Returns JSON text that every store accepts. `JSON.stringify` writes an unstorable character as an
 * escape. Most texts contain no such escape, and are returned unchanged.
 */
export function toJson(value: unknown): string {
  const text = JSON.stringify(value);
  return /\\u(0000|d[89a-f])/i.test(text) ? JSON.stringify(withStorableText(value)) : text;
}

type WithBody = { readonly body: string; readonly encoding: 'utf8' | 'base64' };
const withStorableBody = <R extends WithBody>(record: R): R =>
  record.encoding === 'utf8' && UNSTORABLE.test(record.body)
    ? { ...record, body: Buffer.from(record.body, 'utf8').toString('base64'), encoding: 'base64' }
    : record;

/** Returns the record with a body that every store accepts. The bytes of the body are unchanged. */
export const storableRecord = (record: QuarantineRecord): QuarantineRecord =>
  withStorableBody(record);

/** Returns a message as it is stored in a queue, without `delaySeconds` and `isUrgent`. */
export function storableMessage(outgoingMessage: OutgoingMessage): object {
  const { delaySeconds: _delay, isUrgent: _urgency, ...message } = outgoingMessage;
  const messageToStore: unknown =
    message.type === 'notification.received'
      ? { ...message, data: withStorableBody(message.data) }
      : message;
  return JSON.parse(toJson(messageToStore));
}
