import type { Context, MiddlewareHandler } from 'hono';
import { isRead } from './methods.ts';
import { problemBody } from './problem.ts';

const LOOPBACK_HOSTS: readonly string[] = ['127.0.0.1', 'localhost', '[::1]'];

/**
 * Refuses requests for a host other than loopback. A web page could reach this port if its own host
 * name resolves to 127.0.0.1 (DNS rebinding).
 */
export const requireLoopbackHost: MiddlewareHandler = async (context, next) => {
  const hostHeader = context.req.header('host');
  const urls = [context.req.url, ...(hostHeader === undefined ? [] : [`http://${hostHeader}`])];
  if (urls.every((url) => URL.canParse(url) && LOOPBACK_HOSTS.includes(new URL(url).hostname)))
    return next();
  return context.json(
    problemBody('host', 'the API accepts only requests for 127.0.0.1, localhost or ::1'),
    403,
  );
};

/**
 * Refuses requests that a page of another origin sends from an operator's browser. Hono's `csrf`
 * is not sufficient: it accepts JSON from a page of another origin.
 */
export const refuseForeignPages: MiddlewareHandler = async (context, next) => {
  if (isFromForeignPage(context) && !isNavigation(context))
    return context.json(
      problemBody('origin', 'the request came from a web page of another origin and was refused'),
      403,
    );
  return next();
};

function isFromForeignPage({ req }: Context): boolean {
  const site = req.header('sec-fetch-site');
  const origin = req.header('origin');
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  return origin !== undefined && origin !== new URL(req.url).origin;
}

/**
 * True if the browser opens an address, for example after a click on a link. The page with the link
 * cannot read the response.
 */
const isNavigation = ({ req }: Context): boolean =>
  isRead(req.method) &&
  req.header('origin') === undefined &&
  req.header('sec-fetch-mode') === 'navigate' &&
  req.header('sec-fetch-dest') === 'document';
