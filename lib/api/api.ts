import { Hono } from 'hono';
import * as z from 'zod';
import { shownBody } from '../engine/dead-letters.ts';
import { PropagatorError } from '../shared/errors.ts';
import { redactDeep } from '../shared/redaction.ts';
import { deadLetterRoutes } from './dead-letters.ts';
import type { ApiDeps } from './deps.ts';
import { notificationRoutes } from './notifications.ts';
import { operationRoutes } from './operations.ts';
import { serviceRoutes } from './services.ts';
import { taskRoutes } from './tasks.ts';

export type { ApiDeps } from './deps.ts';

const QuarantineLimit = z.coerce.number().int().min(1).max(1000).default(100);

/**
 * The HTTP door. It asks nobody who he is: where nothing before it does, it is for loopback only,
 * and requests that name another host are refused (a web page in the operator's browser could
 * otherwise reach it by a name that resolves to loopback).
 */
export function api(deps: ApiDeps): Hono {
  const { engine } = deps;
  const app = new Hono();
  app.use(async (context, next) => {
    const host = new URL(context.req.url).hostname;
    if (!deps.authenticated && !['127.0.0.1', 'localhost', '[::1]'].includes(host))
      return context.json(
        { error: { code: 'api.host', message: 'this door opens on loopback only' } },
        403,
      );
    return next();
  });
  // Here, and not in each route: whatever is shown was written by somebody else to some part, and a
  // new route can't forget it.
  app.use(async (context, next) => {
    await next();
    const { status, headers } = context.res;
    if (headers.get('content-type')?.startsWith('application/json'))
      context.res = Response.json(redactDeep(await context.res.json()), { status });
  });
  app.onError((thrown, context) => {
    if (thrown instanceof z.ZodError) {
      const [issue] = thrown.issues;
      return context.json(
        {
          error: {
            code: 'api.input',
            message: `${issue?.path.join('.') || 'request'}: ${issue?.message}`,
          },
        },
        400,
      );
    }
    if (thrown instanceof SyntaxError)
      return context.json({ error: { code: 'api.input', message: 'the body is not JSON' } }, 400);
    const report =
      thrown instanceof PropagatorError
        ? thrown.report
        : { code: 'api.unexpected', message: 'the engine did not answer; see the log' };
    return context.json({ error: report }, 503);
  });
  app.notFound((context) =>
    context.json(
      {
        error: {
          code: 'api.path',
          message: `nothing at ${context.req.method} ${context.req.path}`,
        },
      },
      404,
    ),
  );

  app.get('/healthz', async (context) => {
    const parts = deps.health();
    const database = await engine.health().then(
      () => 'answers',
      () => 'does not answer',
    );
    const ok = parts.ok && database === 'answers';
    return context.json({ ...parts, ok, database }, ok ? 200 : 503);
  });

  operationRoutes(app, deps);
  serviceRoutes(app, deps);
  taskRoutes(app, deps);
  deadLetterRoutes(app, deps);

  notificationRoutes(app, deps);
  app.get('/v1/quarantine', async (context) => {
    const { total, records } = await engine.reads.quarantine(
      QuarantineLimit.parse(context.req.query('limit')),
    );
    return context.json({
      total,
      records: records.map((record) => ({ ...record, body: shownBody(record), encoding: 'utf8' })),
    });
  });
  app.get('/v1/status', async (context) => {
    const [counters, queues, accounts] = await Promise.all([
      engine.reads.counters(),
      engine.reads.depths(),
      engine.reads.accountCount(),
    ]);
    return context.json({ ...deps.health(), accounts, counters, queues });
  });
  return app;
}
