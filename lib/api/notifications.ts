import { randomUUID } from 'node:crypto';
import type { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { notificationReceived } from '../account/received.ts';
import type { Engine } from '../engine/port.ts';
import { problem } from './deps.ts';

const LARGEST_BODY = 16 * 1024 * 1024;

/** Notifications over HTTP: stored unread, then acknowledged. */
export function notificationRoutes(
  app: Hono,
  { engine, now }: { readonly engine: Pick<Engine, 'commit'>; now(): number },
): void {
  app.post('/v1/notifications', bodyLimit({ maxSize: LARGEST_BODY }), async (context) => {
    const receivedAt = now();
    const messages = bodies(new Uint8Array(await context.req.arrayBuffer())).map((body) =>
      notificationReceived(body, { id: randomUUID(), source: 'http', receivedAt }),
    );
    if (messages.length === 0) return context.json(problem('input', 'the body is empty'), 400);
    await engine.commit({ messages });
    return context.json({ stored: messages.length }, 202);
  });
}

/**
 * One notification, a JSON array of them, or JSON lines. What is none of these is stored as it is:
 * ingest will put it into quarantine.
 */
function bodies(bytes: Uint8Array): Uint8Array[] {
  const text = new TextDecoder().decode(bytes);
  if (text.trim() === '') return [];
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) ? parsed.map((one) => Buffer.from(JSON.stringify(one))) : [bytes];
  } catch {
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    return lines.length > 1 ? lines.map((line) => Buffer.from(line)) : [bytes];
  }
}
