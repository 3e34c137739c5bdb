import { join, resolve } from 'node:path';
import { isRead } from '../api/methods.ts';
import { TOKEN_FILE } from '../api/token-file.ts';
import { PropagatorError } from '../shared/errors.ts';

type Environment = Readonly<Record<string, string | undefined>>;
type Fetch = (url: string, init: RequestInit) => Promise<Response>;

const LOOPBACK_HOSTS: readonly string[] = ['127.0.0.1', 'localhost', '[::1]'];
export const isLoopback = (hostname: string): boolean => LOOPBACK_HOSTS.includes(hostname);

/** The error code of a call that needs a local token but has none. */
export const MISSING_TOKEN = 'cli.token.missing';

/**
 * Adds the API token to every call that changes something. The token is the value of
 * `PROPAGATOR_API_TOKEN`. If this variable is not set, the token is the content of the token file,
 * and is sent only to this machine. No token is sent to another machine over plain HTTP. If there
 * is no token, the returned function throws `PropagatorError` and sends nothing.
 */
export function withApiToken(
  baseUrl: string,
  environment: Environment,
  readFile: (path: string) => string | undefined,
  send: Fetch,
): Fetch {
  return (url, init) => {
    if (isRead(init.method ?? 'GET')) return send(url, init);
    const headers = new Headers(init.headers);
    headers.set('authorization', `Bearer ${apiTokenFor(baseUrl, environment, readFile)}`);
    return send(url, { ...init, headers });
  };
}

function apiTokenFor(
  baseUrl: string,
  environment: Environment,
  readFile: (path: string) => string | undefined,
): string {
  const { protocol, hostname } = new URL(baseUrl);
  const isThisMachine = isLoopback(hostname);
  const { PROPAGATOR_API_TOKEN: configuredToken } = environment;
  if (configuredToken && !isThisMachine && protocol !== 'https:')
    throw tokenError(
      `the token in PROPAGATOR_API_TOKEN would be sent to ${hostname} unencrypted; nothing ` +
        'was sent',
      'Set PROPAGATOR_API_URL to an https:// URL, or open a tunnel to that machine: ssh -L ' +
        '8787:127.0.0.1:8787 HOST',
    );
  if (configuredToken) return configuredToken;
  if (!isThisMachine)
    throw tokenError(
      `this command changes something on ${hostname}, and PROPAGATOR_API_TOKEN is not set; ` +
        'nothing was sent',
      'Set PROPAGATOR_API_TOKEN to a token from PROPAGATOR_API_TOKENS or from the token file ' +
        'of that propagator.',
      MISSING_TOKEN,
    );
  const path = tokenFileOf(environment);
  const token = readFile(path)?.trim();
  if (token) return token;
  throw tokenError(
    `this command changes something, and the token file ${path} cannot be read; nothing was sent`,
    'Run the command in the same folder and as the same user as the propagator. Otherwise set ' +
      'PROPAGATOR_DATA (the data folder), PROPAGATOR_API_TOKEN_FILE or PROPAGATOR_API_TOKEN.',
    MISSING_TOKEN,
  );
}

/** The file in which `propagator start` with the same settings keeps the token. */
const tokenFileOf = ({ PROPAGATOR_API_TOKEN_FILE, PROPAGATOR_DATA }: Environment): string =>
  resolve(PROPAGATOR_API_TOKEN_FILE || join(PROPAGATOR_DATA || './data', TOKEN_FILE));

const tokenError = (message: string, advice: string, code = 'cli.token'): PropagatorError =>
  new PropagatorError({ code, class: 'Denied', message, advice });
