import { randomUUID } from 'node:crypto';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import * as z from 'zod';
import { notificationReceived } from '../lib/account/received.ts';
import { PropagatorError } from '../lib/errors.ts';
import { deadLetterRoutes } from './api/dead-letters.ts';
import { operationRoutes } from './api/operations.ts';
import type { ApiPorts } from './api/ports.ts';
import { serviceRoutes } from './api/services.ts';
import { taskRoutes } from './api/tasks.ts';

export type { ApiPorts } from './api/ports.ts';

const LARGEST_BODY = 16 * 1024 * 1024;

/**
 * The HTTP door, for loopback only: there is no authentication yet, so requests that name another host are refused
 * (a web page in the operator's browser could otherwise reach it by a name that resolves to loopback).
 */
export function api(ports: ApiPorts): Hono {
  const { engine } = ports;
  const app = new Hono();
  app.use(async (context, next) => {
    const host = new URL(context.req.url).hostname;
    if (!['127.0.0.1', 'localhost', '[::1]'].includes(host))
      return context.json({ error: { code: 'api.host', message: 'this door opens on loopback only' } }, 403);
    return next();
  });
  app.onError((thrown, context) => {
    if (thrown instanceof z.ZodError) {
      const [issue] = thrown.issues;
      return context.json({ error: { code: 'api.input', message: `${issue?.path.join('.') || 'request'}: ${issue?.message}` } }, 400);
    }
    if (thrown instanceof SyntaxError) return context.json({ error: { code: 'api.input', message: 'the body is not JSON' } }, 400);
    const report =
      thrown instanceof PropagatorError ? thrown.report : { code: 'api.unexpected', message: 'the engine did not answer; see the log' };
    return context.json({ error: report }, 503);
  });
  app.notFound((context) =>
    context.json({ error: { code: 'api.path', message: `nothing at ${context.req.method} ${context.req.path}` } }, 404),
  );

  app.get('/healthz', async (context) => {
    const parts = ports.health();
    const database = await engine.health().then(
      () => 'answers',
      () => 'does not answer',
    );
    const ok = parts.ok && database === 'answers';
    return context.json({ ...parts, ok, database }, ok ? 200 : 503);
  });

  operationRoutes(app, ports);
  serviceRoutes(app, ports);
  taskRoutes(app, ports);
  deadLetterRoutes(app, ports);

  app.post('/v1/notifications', bodyLimit({ maxSize: LARGEST_BODY }), async (context) => {
    const receivedAt = ports.now();
    const messages = bodies(new Uint8Array(await context.req.arrayBuffer())).map((body) =>
      notificationReceived(body, { id: randomUUID(), source: 'http', receivedAt }),
    );
    if (messages.length === 0) return context.json({ error: { code: 'api.input', message: 'the body is empty' } }, 400);
    await engine.commit({ messages });
    return context.json({ stored: messages.length }, 202);
  });
  app.get('/v1/quarantine', async (context) =>
    context.json(
      await engine.reads.quarantine(Number(z.coerce.number().int().min(1).max(1000).default(100).parse(context.req.query('limit')))),
    ),
  );
  app.get('/v1/status', async (context) => {
    const [counters, queues, accounts] = await Promise.all([engine.reads.counters(), engine.reads.depths(), engine.reads.accountCount()]);
    return context.json({ ...ports.health(), accounts, counters, queues });
  });
  return app;
}

/** One notification, a JSON array of them, or JSON lines. What is none of these is stored as it is: ingest will put it into quarantine. */
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
