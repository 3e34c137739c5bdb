import type { Call, Refusal, Reply } from './http.ts';

/**
 * The key of an error by its status in Nova and Cinder. Any other status has the key
 * `computeFault`.
 */
const words: Record<number, string> = {
  400: 'badRequest',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'itemNotFound',
  405: 'badMethod',
  409: 'conflictingRequest',
  413: 'overLimit',
  415: 'badMediaType',
  429: 'overLimit',
  501: 'notImplemented',
  503: 'serviceUnavailable',
};

/**
 * An error in the form of Nova and Cinder. A 401 comes from the authentication middleware and has
 * the form of Keystone.
 */
export function fault(
  { status, message, headers }: Refusal,
  call: Call,
  contentType: string,
): Reply {
  const unauthorized = {
    error: {
      code: 401,
      title: 'Unauthorized',
      message: 'The request you have made requires authentication.',
    },
  };
  return {
    status,
    headers: {
      ...headers,
      'Content-Type': contentType,
      ...(status === 401 && { 'WWW-Authenticate': `Keystone uri="${call.base}"` }),
    },
    json:
      status === 401
        ? unauthorized
        : { [words[status] ?? 'computeFault']: { code: status, message } },
  };
}

/** The answer of Nova, Cinder and Glance for an unknown path. */
export const htmlNotFound: Reply = {
  status: 404,
  headers: { 'Content-Type': 'text/html; charset=UTF-8' },
  text: '<html>\n <head>\n  <title>404 Not Found</title>\n </head>\n <body>\n  <h1>404 Not Found</h1>\n  The resource could not be found.<br /><br />\n\n\n\n </body>\n</html>',
};

/**
 * Returns `2.90` of `OpenStack-API-Version: compute 2.90`. Without the header it is the lowest
 * microversion; `latest` is the highest.
 */
export function microversion(
  call: Call,
  word: string,
  range: { readonly lowest: string; readonly highest: string },
): string {
  const header = call.headers['openstack-api-version'];
  const asked =
    typeof header === 'string' ? header.split(',').map((part) => part.trim().split(' ')) : [];
  const version = asked.find(([name]) => name === word)?.[1] ?? range.lowest;
  return version === 'latest' ? range.highest : version;
}

/** True if microversion `a` is at least `b`. */
export function atLeast(a: string, b: string): boolean {
  const [majorA = 0, minorA = 0] = a.split('.').map(Number);
  const [majorB = 0, minorB = 0] = b.split('.').map(Number);
  return majorA > majorB || (majorA === majorB && minorA >= minorB);
}

/** The order of lists in Nova and Cinder: newest first, then by descending id. */
export const newestFirst = <T extends { id: string; created_at: number }>(rows: T[]): T[] =>
  rows.sort(
    (a, b) =>
      Math.floor(b.created_at / 1000) - Math.floor(a.created_at / 1000) || (a.id < b.id ? 1 : -1),
  );
