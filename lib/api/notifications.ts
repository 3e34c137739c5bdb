import { randomUUID } from 'node:crypto';
import type { Hono } from 'hono';
import { notificationReceived } from '../account/received.ts';
import { type ReceiveDeps, storeNotifications } from '../handlers/receive.ts';
import { BodyError, JSON_LINES_TYPES, mediaType, NOTIFICATIONS_PATH } from './body.ts';
import { problemBody } from './problem.ts';

/**
 * The maximum number of notifications per call. One transaction stores them, and a larger
 * transaction would delay other requests.
 */
export const MAX_NOTIFICATIONS = 1000;
const TOO_MANY_NOTIFICATIONS_PROBLEM = problemBody(
  'too-many',
  `more than ${MAX_NOTIFICATIONS} notifications in one call; nothing was stored`,
  `Send at most ${MAX_NOTIFICATIONS} in one call.`,
);

/**
 * Accepts notifications over HTTP. Stores them, and answers 202 with their number. The function
 * `ingest` interprets them later.
 */
export function notificationRoutes(
  app: Hono,
  { engine, now }: ReceiveDeps & { now(): number },
): void {
  app.post(NOTIFICATIONS_PATH, async (context) => {
    const receivedAt = now();
    const bytes = new Uint8Array(await context.req.arrayBuffer());
    const notifications = JSON_LINES_TYPES.includes(mediaType(context))
      ? notificationsByLine(bytes)
      : notificationsInJson(bytes);
    if (notifications === 'too many') return context.json(TOO_MANY_NOTIFICATIONS_PROBLEM, 413);
    if (notifications.length === 0) throw new BodyError('the body is empty');
    const messages = notifications.map((body) =>
      notificationReceived(body, { id: randomUUID(), source: 'http', receivedAt }),
    );
    await storeNotifications(messages, { engine });
    return context.json({ stored: messages.length }, 202);
  });
}

/**
 * Returns the notifications of a body: one notification, or a JSON array of notifications. A single
 * line that is not JSON is one notification, which ingest moves to quarantine. Throws {@link
 * BodyError} for JSON lines without their content type, and for JSON that is nested too deeply.
 */
function notificationsInJson(bytes: Uint8Array): Uint8Array[] | 'too many' {
  const text = new TextDecoder().decode(bytes).trim();
  if (text === '') return [];
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    if (!text.includes('\n')) return [bytes];
    const advice = `to send one notification per line, set content-type: ${JSON_LINES_TYPES[0]}`;
    throw new BodyError(`the body is not JSON; ${advice}`);
  }
  if (!Array.isArray(parsed)) return [bytes];
  if (parsed.length > MAX_NOTIFICATIONS) return 'too many';
  try {
    return parsed.map((one) => Buffer.from(JSON.stringify(one)));
  } catch (thrown) {
    if (thrown instanceof RangeError) throw new BodyError('a notification is nested too deeply');
    throw thrown;
  }
}

const LINE_END = 10;
const BLANK_BYTES: readonly number[] = [9, LINE_END, 13, 32];

/** Returns one notification per line. Stops at the limit, because a body may have many lines. */
function notificationsByLine(bytes: Uint8Array): Uint8Array[] | 'too many' {
  const lines: Uint8Array[] = [];
  let position = 0;
  while (position < bytes.length) {
    if (BLANK_BYTES.includes(bytes[position] ?? LINE_END)) {
      position += 1;
      continue;
    }
    if (lines.length === MAX_NOTIFICATIONS) return 'too many';
    const lineEnd = bytes.indexOf(LINE_END, position);
    const end = lineEnd < 0 ? bytes.length : lineEnd;
    lines.push(bytes.subarray(position, end));
    position = end;
  }
  return lines;
}
