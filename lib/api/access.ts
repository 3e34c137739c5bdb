import type { Context, Hono } from 'hono';
import { matchedRoutes } from 'hono/route';

/** The levels of a caller. Each level includes the permissions of all levels before it. */
export const LEVELS = ['reader', 'operator', 'admin'] as const;
export type Level = (typeof LEVELS)[number];
/** `public`: the route needs no authentication. */
export type RouteAccess = 'public' | Level;

/**
 * The minimum level of each route. `reader` only reads. `operator` also sends notifications and
 * reports, releases and cancels operations, and decides about dead letters, suspicious deletions,
 * holds, waivers and the stop switch. `admin` also requests and reruns operations, and approves
 * plans. The API does not start if a route has no row.
 */
export const ROUTE_ACCESS = {
  'GET /healthz': 'public',
  'GET /v1/openapi.json': 'public',
  'GET /v1/status': 'reader',
  'GET /v1/operations': 'reader',
  'POST /v1/operations': 'admin',
  'GET /v1/operations/events': 'reader',
  'GET /v1/operations/:id': 'reader',
  'GET /v1/operations/:id/events': 'reader',
  'POST /v1/operations/:id/rerun': 'admin',
  'POST /v1/operations/:id/release': 'operator',
  'GET /v1/operations/:id/plan': 'reader',
  'POST /v1/operations/:id/cancel': 'operator',
  'POST /v1/operations/:id/approve': 'admin',
  'GET /v1/holds': 'reader',
  'POST /v1/holds': 'operator',
  'DELETE /v1/holds/:target/:id{.+}': 'operator',
  'GET /v1/domains': 'reader',
  'POST /v1/domains/:id/plan': 'admin',
  'GET /v1/projects': 'reader',
  'POST /v1/projects/:id/plan': 'admin',
  'GET /v1/projects/:id/policy': 'reader',
  'POST /v1/projects/:id/suspend': 'admin',
  'POST /v1/projects/:id/resume': 'admin',
  'GET /v1/projects/:id/provision': 'reader',
  'POST /v1/projects/:id/provision': 'admin',
  'GET /v1/projects/:id/drift': 'reader',
  'GET /v1/provisioned': 'reader',
  'GET /v1/services': 'reader',
  'GET /v1/waivers': 'reader',
  'POST /v1/waivers': 'operator',
  'DELETE /v1/waivers/:type': 'operator',
  'POST /v1/tasks/:id{.+}/report': 'operator',
  'GET /v1/dead-letters': 'reader',
  'POST /v1/dead-letters/redrive': 'operator',
  'POST /v1/dead-letters/discard': 'operator',
  'GET /v1/decisions': 'reader',
  'GET /v1/suspicious': 'reader',
  'POST /v1/suspicious/release': 'operator',
  'POST /v1/suspicious/drop': 'operator',
  'POST /v1/stop-all': 'operator',
  'POST /v1/resume-all': 'operator',
  'GET /v1/stops': 'reader',
  'POST /v1/notifications': 'operator',
  'GET /v1/quarantine': 'reader',
  'GET /v1/audit': 'reader',
  'GET /v1/audit/verify': 'reader',
} as const satisfies Readonly<Record<string, RouteAccess>>;
/** A route of the API as `METHOD /path`. */
export type Route = keyof typeof ROUTE_ACCESS;
const accessByRoute: Readonly<Record<string, RouteAccess>> = ROUTE_ACCESS;

/** True if `level` is `minimum` or a higher level. */
export const isAtLeast = (level: Level, minimum: Level): boolean =>
  LEVELS.indexOf(level) >= LEVELS.indexOf(minimum);

/** Returns the routes of an app as `METHOD /path`. The middlewares of the app are left out. */
export const routesOf = (app: Pick<Hono, 'routes'>): string[] => [
  ...new Set(
    app.routes.flatMap(({ method, path }) => (method === 'ALL' ? [] : [`${method} ${path}`])),
  ),
];

/** Throws for an app with a route that {@link ROUTE_ACCESS} does not name. */
export function requireRowOfEveryRoute(app: Pick<Hono, 'routes'>): void {
  const routesWithoutRow = routesOf(app).filter((route) => !(route in ROUTE_ACCESS));
  if (routesWithoutRow.length > 0)
    throw new Error(
      `ROUTE_ACCESS in lib/api/access.ts has no row for ${routesWithoutRow.join(', ')}`,
    );
}

/** The minimum level of the route of a request; `undefined` for an unknown route. */
export function routeAccessOf(context: Context): RouteAccess | undefined {
  const route = matchedRoutes(context).find(({ method }) => method !== 'ALL');
  return route && accessByRoute[`${route.method} ${route.path}`];
}
