import type { NotificationReceived } from '../../events/notification.ts';

/**
 * A notification has a few kilobytes. A body over this limit cannot be a notification, and only its
 * start is stored.
 */
export const MAX_BODY_BYTES = 1024 * 1024;
/** The number of bytes of an unreadable body that are kept for a person. */
export const MAX_STORED_BYTES = 64 * 1024;

/**
 * Returns UTF-8 text, or base64 if the bytes are not UTF-8 or contain a NUL. PostgreSQL cannot
 * store a NUL in text.
 */
export function encodeBody(bytes: Uint8Array): { body: string; encoding: 'utf8' | 'base64' } {
  try {
    const body = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    if (!body.includes('\0')) return { body, encoding: 'utf8' };
  } catch {
    // The bytes are not UTF-8. Base64 preserves them.
  }
  return { body: Buffer.from(bytes).toString('base64'), encoding: 'base64' };
}

/**
 * Returns the event that stores a notification as received. The relay and the API commit the event
 * before they acknowledge the notification. A body over {@link MAX_BODY_BYTES} is cut to {@link
 * MAX_STORED_BYTES}, and `cutFrom` is then the full size. Never throws.
 */
export function notificationReceived(
  bytes: Uint8Array,
  metadata: { id: string; source: string; receivedAt: number },
): NotificationReceived {
  if (bytes.byteLength <= MAX_BODY_BYTES)
    return { type: 'notification.received', data: { ...metadata, ...encodeBody(bytes) } };
  return {
    type: 'notification.received',
    data: {
      ...metadata,
      ...encodeBody(cutBytes(bytes, MAX_STORED_BYTES)),
      cutFrom: bytes.byteLength,
    },
  };
}

/** Returns the bytes of a stored body. */
export function bodyBytes({
  body,
  encoding,
}: Pick<NotificationReceived['data'], 'body' | 'encoding'>): Uint8Array {
  return Buffer.from(body, encoding);
}

/**
 * Returns at most `maxBytes` bytes. The cut is never inside a UTF-8 character, so that text stays
 * valid.
 */
export function cutBytes(bytes: Uint8Array, maxBytes: number): Uint8Array {
  if (bytes.byteLength <= maxBytes) return bytes;
  let end = maxBytes;
  // A byte 10xxxxxx continues a character. A character has at most four bytes.
  while (end > maxBytes - 4 && end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end);
}
