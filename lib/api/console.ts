import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Hono } from 'hono';
import { etag } from 'hono/etag';
import { secureHeaders } from 'hono/secure-headers';
import { problemBody } from './problem.ts';
import { refuseForeignPages, requireLoopbackHost } from './same-site.ts';

/**
 * The path of the web console. The files of the console need no token, because they contain no
 * data.
 */
export const CONSOLE_PATH = '/console/';

const STATIC_FOLDER = join(import.meta.dirname, '../../console/static');
/** The served files. A path in a request never reaches the file system. */
const MEDIA_TYPE_BY_FILE: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8',
  'console.css': 'text/css; charset=utf-8',
  'console.js': 'text/javascript; charset=utf-8',
  'icon.svg': 'image/svg+xml',
};
const CSP_SELF = ["'self'"];
const CSP_NONE = ["'none'"];

export interface ConsoleOptions {
  /** True if the API accepts only requests for loopback. */
  readonly isLoopbackOnly: boolean;
}

/**
 * The web console as a separate app: static files with a strict Content-Security-Policy. The app
 * refuses requests from pages of other origins. With `isLoopbackOnly` it also refuses requests for
 * a host other than loopback. Throws if a file of the console is missing.
 */
export function consoleApp({ isLoopbackOnly }: ConsoleOptions): Hono {
  const app = new Hono();
  app.use(
    secureHeaders({
      xFrameOptions: 'DENY',
      // The header would force HTTPS on all ports of the host, and Keystone or Horizon may use
      // other ports of the host without TLS.
      strictTransportSecurity: false,
      contentSecurityPolicy: {
        defaultSrc: CSP_NONE,
        scriptSrc: CSP_SELF,
        styleSrc: CSP_SELF,
        imgSrc: CSP_SELF,
        connectSrc: CSP_SELF,
        formAction: CSP_NONE,
        baseUri: CSP_NONE,
        frameAncestors: CSP_NONE,
        // With these two rules the browser refuses every assignment of text as HTML.
        requireTrustedTypesFor: ["'script'"],
        trustedTypes: CSP_NONE,
      },
    }),
  );
  if (isLoopbackOnly) app.use(requireLoopbackHost);
  app.use(refuseForeignPages, etag());
  app.notFound((context) => context.json(problemBody('path', 'the console has no such file'), 404));
  app.get('/console', (context) => context.redirect(CONSOLE_PATH, 308));
  for (const [name, type] of Object.entries(MEDIA_TYPE_BY_FILE)) {
    const body = readFileSync(join(STATIC_FOLDER, name), 'utf8');
    app.get(`${CONSOLE_PATH}${name === 'index.html' ? '' : name}`, (context) =>
      context.body(body, 200, { 'content-type': type, 'cache-control': 'no-cache' }),
    );
  }
  return app;
}

/** Serves the console below {@link CONSOLE_PATH}, and everything else from `api`. */
export function withConsole(
  api: Pick<Hono, 'fetch'>,
  options: ConsoleOptions,
): Pick<Hono, 'fetch'> {
  const consoleRoutes = consoleApp(options);
  return {
    fetch: (request, ...rest) => {
      const { pathname } = new URL(request.url);
      const isConsole = `${pathname}/`.startsWith(CONSOLE_PATH);
      return (isConsole ? consoleRoutes : api).fetch(request, ...rest);
    },
  };
}
