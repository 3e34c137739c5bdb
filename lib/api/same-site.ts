import type { Context, MiddlewareHandler } from 'hono';
import { isRead } from './methods.ts';
import { problem } from './problem.ts';

const LOOPBACK: readonly string[] = ['127.0.0.1', 'localhost', '[::1]'];

/**
 * Refuses requests that name another host than loopback: a web page can reach this port under a
 * name of its own that resolves to 127.0.0.1 (DNS rebinding).
 */
export const loopbackOnly: MiddlewareHandler = async (context, next) => {
  const named = context.req.header('host');
  const hosts = [context.req.url, ...(named === undefined ? [] : [`http://${named}`])];
  if (hosts.every((url) => URL.canParse(url) && LOOPBACK.includes(new URL(url).hostname)))
    return next();
  return context.json(
    problem('host', 'the API answers on loopback only: 127.0.0.1, localhost, ::1'),
    403,
  );
};

/**
 * Refuses requests that a page of another origin made in the browser of an operator. Hono's own
 * `csrf` looks at the types of HTML forms only, and lets a foreign `Origin` pass with JSON.
 */
export const noForeignPage: MiddlewareHandler = async (context, next) => {
  if (isForeign(context) && !isNavigation(context))
    return context.json(
      problem('origin', 'a web page of another origin made this request: refused'),
      403,
    );
  return next();
};

function isForeign({ req }: Context): boolean {
  const site = req.header('sec-fetch-site');
  const origin = req.header('origin');
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  return origin !== undefined && origin !== new URL(req.url).origin;
}

/** A link that a person follows shows an answer to that person alone; the page with the link sees nothing. */
const isNavigation = ({ req }: Context): boolean =>
  isRead(req.method) &&
  req.header('origin') === undefined &&
  req.header('sec-fetch-mode') === 'navigate' &&
  req.header('sec-fetch-dest') === 'document';
