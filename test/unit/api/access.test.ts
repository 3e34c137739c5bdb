import { Hono } from 'hono';
import {
  isAtLeast,
  LEVELS,
  ROUTE_ACCESS,
  requireRowOfEveryRoute,
  routesOf,
} from '../../../lib/api/access.ts';
import { apiUnderTest } from './api-under-test.ts';

describe('the table of the minimum level of each route', () => {
  const { app } = apiUnderTest();

  it('names exactly the routes of the app', () => {
    expect(routesOf(app).toSorted()).toEqual(Object.keys(ROUTE_ACCESS).toSorted());
  });

  it('lets a reader read only, and opens only the health check and the document to everyone', () => {
    const routesWith = (access: string) =>
      Object.entries(ROUTE_ACCESS).flatMap(([route, level]) => (level === access ? [route] : []));
    expect(routesWith('reader').filter((route) => !route.startsWith('GET '))).toEqual([]);
    expect(
      [...routesWith('operator'), ...routesWith('admin')].filter((route) =>
        route.startsWith('GET '),
      ),
    ).toEqual([]);
    expect(routesWith('public')).toEqual(['GET /healthz', 'GET /v1/openapi.json']);
  });

  it('a route without a row stops the start of the API', () => {
    const appWithNewRoute = new Hono().post('/v1/forgotten', (context) => context.json({}));
    expect(() => requireRowOfEveryRoute(appWithNewRoute)).toThrow('no row for POST /v1/forgotten');
  });

  it('each level includes the levels before it', () => {
    expect(LEVELS.map((level) => LEVELS.map((needed) => isAtLeast(level, needed)))).toEqual([
      [true, false, false],
      [true, true, false],
      [true, true, true],
    ]);
  });
});
