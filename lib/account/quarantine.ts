import { createHash } from 'node:crypto';
import type { NotificationReceived } from '../../events/notification.ts';
import type { ErrorReport } from '../shared/errors.ts';
import type { QuarantineRecord } from './inventory.ts';
import { bodyBytes, cutBytes, encodeBody, KEPT_BODY } from './received.ts';

/** A notification that waits because Keystone could not be asked. */
export type Delayed = NotificationReceived & { readonly delaySeconds: number };

const SHORTEST_WAIT_SECONDS = 5;
const LONGEST_WAIT_SECONDS = 300;
/** Default of `PROPAGATOR_MAX_WAIT`. */
const MAX_WAIT_MILLIS = 3_600_000;

/**
 * The same notification for later. It waits half as long as it has waited already, so that the
 * waiting grows without a count, and at least as long as Keystone asked for, up to `maxWaitMillis`.
 * Nothing is ever given up here.
 */
export function delayed(
  received: NotificationReceived,
  error: ErrorReport,
  now: number,
  maxWaitMillis = MAX_WAIT_MILLIS,
): Delayed {
  const waitedSeconds = Math.max(0, now - received.data.receivedAt) / 1000;
  const wait = Math.min(
    LONGEST_WAIT_SECONDS,
    Math.max(SHORTEST_WAIT_SECONDS, Math.round(waitedSeconds / 2)),
  );
  const asked = Math.min(error.retryAfterSeconds ?? 0, maxWaitMillis / 1000);
  return { ...received, delaySeconds: Math.max(wait, asked) };
}

/**
 * An unreadable notification for a person to look at; the bytes are cut to 64 KiB, their full size
 * is noted. Its id is the one that it was taken in with, so that a repeated hand-over makes no
 * second record.
 */
export function quarantined({ data }: NotificationReceived, reason: string): QuarantineRecord {
  const bytes = bodyBytes(data);
  return {
    id:
      data.id ??
      createHash('sha256')
        .update(`${data.source}\n${data.receivedAt}\n${data.body}`)
        .digest('hex')
        .slice(0, 32),
    reason,
    ...encodeBody(cutBytes(bytes, KEPT_BODY)),
    bytes: data.cutFrom ?? bytes.byteLength,
    source: data.source,
    receivedAt: data.receivedAt,
  };
}
