import type { NotificationReceived } from '../../events/notification.ts';

/**
 * A notification is a few kilobytes. What is bigger than this is no notification, and is not
 * carried on whole.
 */
export const LARGEST_BODY = 1024 * 1024;
/** How much of an unreadable body is kept for a person to look at. */
export const KEPT_BODY = 64 * 1024;

/**
 * UTF-8 text, or base64 where the bytes are not UTF-8, or hold a NUL, which PostgreSQL can't store
 * as text.
 */
export function encodeBody(bytes: Uint8Array): { body: string; encoding: 'utf8' | 'base64' } {
  try {
    const body = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    if (!body.includes('\0')) return { body, encoding: 'utf8' };
  } catch {
    // Not UTF-8: kept as it is.
  }
  return { body: Buffer.from(bytes).toString('base64'), encoding: 'base64' };
}

/**
 * The event that stores a notification unread: what the relay and the HTTP door commit before they
 * acknowledge. A body over {@link LARGEST_BODY} is cut to {@link KEPT_BODY} and says so in
 * `cutFrom`. Never throws.
 */
export function notificationReceived(
  bytes: Uint8Array,
  from: { id: string; source: string; receivedAt: number },
): NotificationReceived {
  if (bytes.byteLength <= LARGEST_BODY)
    return { type: 'notification.received', data: { ...from, ...encodeBody(bytes) } };
  return {
    type: 'notification.received',
    data: { ...from, ...encodeBody(cutBytes(bytes, KEPT_BODY)), cutFrom: bytes.byteLength },
  };
}

/** The bytes of a stored body. */
export function bodyBytes({
  body,
  encoding,
}: Pick<NotificationReceived['data'], 'body' | 'encoding'>): Uint8Array {
  return Buffer.from(body, encoding);
}

/** At most so many bytes; never cut within a UTF-8 character, so that text stays text. */
export function cutBytes(bytes: Uint8Array, most: number): Uint8Array {
  if (bytes.byteLength <= most) return bytes;
  let end = most;
  // 10xxxxxx goes on with a character that began before it; one has at most four bytes.
  while (end > most - 4 && end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end);
}
