import { randomUUID } from 'node:crypto';
import type { Hono, MiddlewareHandler } from 'hono';
import { requestId } from 'hono/request-id';
import { secureHeaders } from 'hono/secure-headers';
import * as z from 'zod';
import { type Authentication, authenticate, pluginNameOf } from './authentication.ts';
import { limitBodySize, requireJsonType } from './body.ts';
import { answerUnknownPaths, type ErrorDeps, errorHandler, redactResponses } from './errors.ts';
import { isRead } from './methods.ts';
import { problemBody } from './problem.ts';
import { refuseForeignPages, requireLoopbackHost } from './same-site.ts';

export interface ProtectDeps extends ErrorDeps {
  readonly authentication: Authentication;
  /** The names of the HTTP plugins. A caller with one of these names may only report tasks. */
  readonly httpPlugins: readonly string[];
  /** Epoch milliseconds. */
  now(): number;
}

/** The request id of API Gateway, which is also in its access log. */
const GatewayRequest = z.object({
  requestContext: z.object({ requestId: z.string().min(1).max(64) }),
});

/**
 * Adds the checks of all requests. The caller of this function adds the routes afterwards, so no
 * route is without the checks. The order is: request id, origin of the request, caller, media type,
 * size of the body. A body is read only after all checks.
 */
export function protectApi(app: Hono, deps: ProtectDeps): void {
  app.use(
    requestId({
      limitLength: 64,
      generator: (context) =>
        GatewayRequest.safeParse(context.env).data?.requestContext.requestId ?? randomUUID(),
    }),
  );
  app.use(
    secureHeaders({
      // The header would force HTTPS on all ports of the host, and Keystone or Horizon may use
      // other ports of the host without TLS.
      strictTransportSecurity: false,
      contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    }),
  );
  app.use(forbidCaching, redactResponses);
  app.onError(errorHandler(deps));
  answerUnknownPaths(app);
  if (deps.authentication.by === 'tokens') app.use(requireLoopbackHost);
  app.use(refuseForeignPages, authenticate(deps.authentication, deps));
  app.use(limitPluginsToReports(deps.httpPlugins), requireJsonType, limitBodySize);
}

/**
 * Forbids caches. A shared proxy does not know that an answer depends on `X-Auth-Token`, and could
 * send a stored answer to another caller.
 */
const forbidCaching: MiddlewareHandler = async (context, next) => {
  await next();
  context.res.headers.set('cache-control', 'no-store');
};

const limitPluginsToReports =
  (httpPlugins: readonly string[]): MiddlewareHandler =>
  async (context, next) => {
    const { method, path } = context.req;
    const isReport = path.startsWith('/v1/tasks/') && path.endsWith('/report');
    if (isRead(method) || isReport || !httpPlugins.includes(pluginNameOf(context))) return next();
    const message = `the token of ${pluginNameOf(context)} may only report tasks of that service`;
    return context.json(problemBody('token', message), 403);
  };
