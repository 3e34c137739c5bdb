import { createHash } from 'node:crypto';
import type { NotificationReceived } from '../../events/notification.ts';
import type { ErrorReport } from '../shared/errors.ts';
import type { QuarantineRecord } from './inventory.ts';
import { bodyBytes, cutBytes, encodeBody, MAX_STORED_BYTES } from './received.ts';

/** A notification that waits for a retry because Keystone gave no certain answer. */
export type DelayedNotification = NotificationReceived & { readonly delaySeconds: number };

const MIN_BACKOFF_SECONDS = 5;
const MAX_BACKOFF_SECONDS = 300;
/** The default of `PROPAGATOR_MAX_WAIT`. */
const DEFAULT_MAX_WAIT_MILLIS = 3_600_000;

/**
 * Returns the notification with a delay. The delay is half of the time since the receipt, from 5 s
 * to 5 minutes, so that the back-off grows without a stored counter. If Keystone's `Retry-After` is
 * longer, it is the delay, up to `maxWaitMillis`. The number of retries is not limited.
 */
export function toDelayedNotification(
  received: NotificationReceived,
  error: ErrorReport,
  now: number,
  maxWaitMillis = DEFAULT_MAX_WAIT_MILLIS,
): DelayedNotification {
  const waitedSeconds = Math.max(0, now - received.data.receivedAt) / 1000;
  const backoffSeconds = Math.min(
    MAX_BACKOFF_SECONDS,
    Math.max(MIN_BACKOFF_SECONDS, Math.round(waitedSeconds / 2)),
  );
  const requestedSeconds = Math.min(error.retryAfterSeconds ?? 0, maxWaitMillis / 1000);
  return { ...received, delaySeconds: Math.max(backoffSeconds, requestedSeconds) };
}

/**
 * Returns the quarantine record of an unreadable notification. The stored body is cut to 64 KiB;
 * `bytes` is the size of the whole body. A repeated delivery has the same id and creates no second
 * record.
 */
export function toQuarantineRecord(
  { data }: NotificationReceived,
  reason: string,
): QuarantineRecord {
  const bytes = bodyBytes(data);
  return {
    id:
      data.id ??
      createHash('sha256')
        .update(`${data.source}\n${data.receivedAt}\n${data.body}`)
        .digest('hex')
        .slice(0, 32),
    reason,
    ...encodeBody(cutBytes(bytes, MAX_STORED_BYTES)),
    bytes: data.cutFrom ?? bytes.byteLength,
    source: data.source,
    receivedAt: data.receivedAt,
  };
}
