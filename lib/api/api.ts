import { type Context, Hono } from 'hono';
import { displayBody } from '../engine/dead-letters.ts';
import { readSuspensionHolds } from '../handlers/suspension-holds.ts';
import { activeStop } from '../operation/stop.ts';
import { requireRowOfEveryRoute } from './access.ts';
import { auditRoutes } from './audit.ts';
import { deadLetterRoutes } from './dead-letters.ts';
import type { ApiDeps } from './deps.ts';
import { domainRoutes } from './domains.ts';
import { holdRoutes } from './holds.ts';
import { ListLimit } from './limit.ts';
import { notificationRoutes } from './notifications.ts';
import { openApiRoutes } from './openapi.ts';
import { operationRoutes } from './operations.ts';
import { planRoutes } from './plans.ts';
import { projectRoutes } from './projects.ts';
import { protectApi } from './protect.ts';
import { provisionRoutes } from './provision.ts';
import { serviceRoutes } from './services.ts';
import { stopRoutes } from './stop.ts';
import { suspiciousRoutes } from './suspicious.ts';
import { taskRoutes } from './tasks.ts';
import { watchRoutes } from './watch.ts';

export type { ApiDeps } from './deps.ts';

/**
 * The HTTP API. {@link protectApi} adds the checks before every route. Throws when a route has no
 * row in `ROUTE_ACCESS`.
 */
export function createApi(deps: ApiDeps): Hono {
  const app = new Hono();
  protectApi(app, deps);
  app.get('/healthz', (context) => answerHealth(context, deps));
  // The routes of the event streams come first. Otherwise a route with `:id` would match `events`.
  watchRoutes(app, deps, deps.watchTimes);
  openApiRoutes(app);
  operationRoutes(app, deps);
  planRoutes(app, deps);
  domainRoutes(app, deps);
  holdRoutes(app, deps);
  projectRoutes(app, deps);
  provisionRoutes(app, deps);
  serviceRoutes(app, deps);
  taskRoutes(app, deps);
  deadLetterRoutes(app, deps);
  suspiciousRoutes(app, deps);
  stopRoutes(app, deps);
  auditRoutes(app, deps);
  notificationRoutes(app, deps);
  app.get('/v1/quarantine', (context) => answerQuarantine(context, deps));
  app.get('/v1/status', (context) => answerStatus(context, deps));
  requireRowOfEveryRoute(app);
  return app;
}

async function answerHealth(context: Context, deps: ApiDeps): Promise<Response> {
  const health = deps.health();
  const database = await deps.engine.health().then(
    () => 'answers',
    () => 'does not answer',
  );
  const ok = health.ok && database === 'answers';
  // This route is public. An API that requires tokens of Keystone may be reachable from other
  // machines, so this route then shows no details.
  const body = deps.authentication.by === 'keystone' ? { ok } : { ...health, ok, database };
  return context.json(body, ok ? 200 : 503);
}

async function answerQuarantine(context: Context, { engine }: ApiDeps): Promise<Response> {
  const limit = ListLimit.parse(context.req.query('limit'));
  const { total, records } = await engine.reads.quarantine(limit);
  return context.json({
    total,
    records: records.map((record) => ({ ...record, body: displayBody(record), encoding: 'utf8' })),
  });
}

async function answerStatus(context: Context, deps: ApiDeps): Promise<Response> {
  const { reads } = deps.engine;
  const [counters, queues, accounts, suspicions, newestStop, suspensionHolds] = await Promise.all([
    reads.counters(),
    reads.depths(),
    reads.accountCount(),
    reads.suspicions(1),
    reads.stopDecision(),
    readSuspensionHolds(reads),
  ]);
  const stopInForce = activeStop(newestStop);
  return context.json({
    ...deps.health(),
    ...(stopInForce ? { stopped: stopInForce } : {}),
    accounts,
    suspicious: suspicions.total,
    enabledDuringHold: suspensionHolds.filter(({ enabledAt }) => enabledAt !== undefined).length,
    counters,
    queues,
  });
}
