import { Hono } from 'hono';
import { shownBody } from '../engine/dead-letters.ts';
import { readSuspensionHolds } from '../handlers/suspension-holds.ts';
import { activeStop } from '../operation/stop.ts';
import { requireAccessOfEveryRoute } from './access.ts';
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
  const { engine } = deps;
  const app = new Hono();
  protectApi(app, deps);

  app.get('/healthz', async (context) => {
    const parts = deps.health();
    const database = await engine.health().then(
      () => 'answers',
      () => 'does not answer',
    );
    const ok = parts.ok && database === 'answers';
    // This route is public. An API with Keystone tokens is reachable from other machines, so it
    // shows no details.
    const shown = deps.authentication.by === 'keystone' ? { ok } : { ...parts, ok, database };
    return context.json(shown, ok ? 200 : 503);
  });

  // The routes of events come first, because `:id` of the other routes would match `events`.
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
  app.get('/v1/quarantine', async (context) => {
    const { total, records } = await engine.reads.quarantine(
      ListLimit.parse(context.req.query('limit')),
    );
    return context.json({
      total,
      records: records.map((record) => ({ ...record, body: shownBody(record), encoding: 'utf8' })),
    });
  });
  app.get('/v1/status', async (context) => {
    const [counters, queues, accounts, suspicious, newestStop, suspended] = await Promise.all([
      engine.reads.counters(),
      engine.reads.depths(),
      engine.reads.accountCount(),
      engine.reads.suspicions(1),
      engine.reads.stopDecision(),
      readSuspensionHolds(engine.reads),
    ]);
    const stop = activeStop(newestStop);
    return context.json({
      ...deps.health(),
      ...(stop ? { stopped: stop } : {}),
      accounts,
      suspicious: suspicious.total,
      enabledDuringHold: suspended.filter(({ enabledAt }) => enabledAt !== undefined).length,
      counters,
      queues,
    });
  });
  requireAccessOfEveryRoute(app);
  return app;
}
