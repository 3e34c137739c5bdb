import type { ApiDeps } from '../lib/api/deps.ts';

const NAMES = ['ann', 'bob', 'carol', 'cmdb'] as const;
export type Caller = (typeof NAMES)[number];

export const tokenOf = (name: Caller): string => `token-of-${name}-${'0123456789'.repeat(3)}`;

/** The dependencies of the API in a test: each caller has a token, and nothing is logged. */
export const apiAccess: Pick<ApiDeps, 'authentication' | 'log'> = {
  authentication: { by: 'tokens', tokens: NAMES.map((name) => ({ name, token: tokenOf(name) })) },
  log: { warn() {}, error() {} },
};

/** The headers that a command of this caller sends with a change. */
export const headersOf = (name: Caller, contentType = 'application/json') => ({
  authorization: `Bearer ${tokenOf(name)}`,
  'content-type': contentType,
});

/**
 * Returns the request options of a change by this caller. A text body is sent unchanged, and any
 * other body as JSON.
 */
export const changeBy = (name: Caller, body: unknown, method: 'POST' | 'DELETE' = 'POST') => ({
  method,
  headers: headersOf(name),
  ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
});
