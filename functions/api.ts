import { randomUUID } from 'node:crypto';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import * as z from 'zod';
import { DomainId, OperationId, ProjectId, ServiceName } from '../events/ids.ts';
import type { Outgoing } from '../events/index.ts';
import { notificationReceived } from '../lib/account/received.ts';
import type { Engine } from '../lib/engine/port.ts';
import { PropagatorError } from '../lib/errors.ts';
import { type Mode, OPERATION_STATES, type Operation } from '../lib/operation/model.ts';
import { hasEnded } from '../lib/operation/open.ts';
import { view } from '../lib/operation/view.ts';

export interface ApiPorts {
  readonly engine: Engine;
  readonly mode: Mode;
  /** What `/healthz` tells beside the database. `ok: false` makes it 503. */
  health(): { readonly ok: boolean; readonly [part: string]: unknown };
  now(): number;
}

const LARGEST_BODY = 16 * 1024 * 1024;
const OperationQuery = z.object({
  state: z.enum(OPERATION_STATES).optional(),
  project: ProjectId.optional(),
  domain: DomainId.optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});
const LetterQuery = z.object({
  service: ServiceName.optional(),
  operation: OperationId.optional(),
  cause: z.string().optional(),
  id: z.string().optional(),
});
const Redrive = LetterQuery.extend({ all: z.boolean().optional(), by: z.string().min(1).max(200).default('unknown') }).refine(
  ({ service, operation, cause, id, all }) => all || service || operation || cause || id,
  'say which: service, operation, cause or id, or all: true',
);
const Release = z.object({ by: z.string().min(1).max(200).default('unknown'), reason: z.string().min(1).max(1000) });

const defined = <T extends object>(object: T) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));

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

  app.get('/v1/operations', async (context) => {
    const { project, domain, ...query } = OperationQuery.parse(context.req.query());
    const filter = defined({ ...query, projectId: project, domainId: domain });
    const operations = await engine.reads.operations(filter);
    return context.json({ operations: await Promise.all(operations.map((operation) => seen(operation, ports))) });
  });
  app.get('/v1/operations/:id', async (context) => {
    const operation = await engine.reads.operation(OperationId.parse(context.req.param('id')));
    if (!operation) return context.json({ error: { code: 'api.operation', message: 'there is no such operation' } }, 404);
    return context.json(await seen(operation, ports));
  });
  app.post('/v1/operations/:id/release', async (context) => {
    const operationId = OperationId.parse(context.req.param('id'));
    const decision = Release.parse(await context.req.json());
    const operation = await engine.reads.operation(operationId);
    const message = operation && releaseOf(operation, decision, ports.mode);
    if (!message) return context.json({ error: { code: 'api.operation', message: whyNot(operation) } }, 409);
    await engine.commit({ messages: [message] });
    return context.json({ released: operationId }, 202);
  });

  app.get('/v1/dead-letters', async (context) => {
    const query = LetterQuery.parse(context.req.query());
    return context.json({ deadLetters: await engine.deadLetters(letterFilter(query)) });
  });
  app.post('/v1/dead-letters/redrive', async (context) => {
    const query = Redrive.parse(await context.req.json());
    return context.json({ redriven: await engine.redrive(letterFilter(query), query.by) });
  });

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

async function seen(operation: Operation, { engine, now }: ApiPorts) {
  const [tasks, letters, children] = await Promise.all([
    engine.reads.tasks(operation.id),
    hasEnded(operation) ? [] : engine.deadLetters({ operationId: operation.id }),
    operation.children.length > 0 ? engine.reads.operations({ parentId: operation.id, limit: 10_000 }) : [],
  ]);
  const givenUp = new Set(letters.flatMap(({ message }) => (message.type === 'service.requested' ? [message.data.taskId] : [])));
  return view({ operation, tasks, now: now(), children, givenUp });
}

/** What lets an operation go on: a held one from where it stands, an observed one anew, now that the mode allows it. */
function releaseOf({ id, state, scope, cause }: Operation, decision: z.infer<typeof Release>, mode: Mode): Outgoing | undefined {
  if (state === 'held') return { type: 'operation.released', data: { operationId: id, ...decision } };
  if (state !== 'observed' || mode !== 'enforce') return undefined;
  const again = { ...cause, messageId: `released/${id}`, note: `released by ${decision.by}: ${decision.reason}` };
  return { type: `account.${scope.type}.deleted`, data: { account: scope, cause: again } };
}

function whyNot(operation: Operation | undefined): string {
  if (!operation) return 'there is no such operation';
  return operation.state === 'observed'
    ? 'it was observed, and the mode still is observe: start with PROPAGATOR_MODE=enforce, then release it'
    : `it is ${operation.state}; only what is held or was observed can be released`;
}

const letterFilter = (query: z.infer<typeof LetterQuery>) =>
  defined({ service: query.service, operationId: query.operation, cause: query.cause, id: query.id });

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
