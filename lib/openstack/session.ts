import * as z from 'zod';
import { PropagatorError } from '../errors.ts';
import type { Credentials } from './credentials.ts';
import { answerFailure, httpFailure, requestIdOf, transportFailure, type Where } from './failure.ts';
import { parseJson } from './json.ts';
import { type Transport, TransportError } from './transport.ts';

const endpoint = z.object({ interface: z.string(), url: z.string(), region_id: z.string().nullish(), region: z.string().nullish() });
const catalogService = z.object({ type: z.string(), name: z.string().optional(), endpoints: z.array(endpoint) });
export type CatalogService = z.infer<typeof catalogService>;

const login = z.object({
  token: z.object({
    issued_at: z.string(),
    expires_at: z.string(),
    project: z.object({ id: z.string(), name: z.string(), domain: z.object({ id: z.string() }) }).optional(),
    catalog: z.array(catalogService).optional(),
  }),
});

/** One login. */
export interface Token {
  readonly value: () => string;
  readonly project: { readonly id: string; readonly name: string; readonly domainId: string };
  readonly catalog: readonly CatalogService[];
  /** Epoch milliseconds by our own clock: from then on another one is fetched beside the calls. */
  readonly renewAt: number;
  /** Epoch milliseconds: from then on it is not used any more. */
  readonly lastUseAt: number;
}

/** One login for many calls. */
export interface Session {
  /** The token, renewed well ahead of its end. Throws `keystone.login.denied` and what a failed call throws. */
  token(): Promise<Token>;
  /** A service answered 401 to this token: log in anew, unless somebody already did. */
  replace(refused: Token): Promise<Token>;
}

/** Nova works on with the token of a call for many minutes: its compute hosts call Neutron and Cinder with it. */
const LONGEST_MARGIN = 60 * 60_000;
/** A token that is about to end is not handed out any more. */
const LAST_MINUTE = 60_000;
const RENEWAL_PAUSE = 30_000;

export function createSession(credentials: Credentials, transport: Transport, now: () => number, userAgent: string): Session {
  let current: Token | undefined;
  let underway: Promise<Token> | undefined;
  let renewedAt = Number.NEGATIVE_INFINITY;
  const logIn = (): Promise<Token> => {
    underway ??= authenticate(credentials, transport, now, userAgent)
      .then((token) => {
        current = token;
        return token;
      })
      .finally(() => {
        underway = undefined;
      });
    return underway;
  };
  return {
    async token() {
      if (!current || now() >= current.lastUseAt) return logIn();
      if (now() >= current.renewAt && now() >= renewedAt + RENEWAL_PAUSE) {
        renewedAt = now();
        // Beside the calls: while Keystone is away for a moment, the old token serves on. At its end the failure is thrown.
        logIn().catch(() => undefined);
      }
      return current;
    },
    async replace(refused) {
      if (current && current.value() !== refused.value()) return current;
      current = undefined;
      return logIn();
    },
  };
}

/** POST /v3/auth/tokens. The lifetime is taken from the two times of Keystone, so that its clock need not agree with ours. */
async function authenticate(credentials: Credentials, transport: Transport, now: () => number, userAgent: string): Promise<Token> {
  const url = new URL(credentials.authUrl);
  const call = 'POST /v3/auth/tokens';
  const where: Where = { service: 'keystone', region: undefined, host: url.host, secrets: [credentials.secret()] };
  const startedAt = now();
  const answer = await transport
    .send({
      method: 'POST',
      origin: url.origin,
      path: `${url.pathname.replace(/\/$/, '')}/auth/tokens`,
      headers: { 'content-type': 'application/json', accept: 'application/json', 'user-agent': userAgent },
      repeatable: true,
      body: JSON.stringify({ auth: { identity: credentials.identity(), ...(credentials.scope ? { scope: credentials.scope } : {}) } }),
    })
    .catch((error: unknown) => {
      throw error instanceof TransportError ? transportFailure(error, call, where) : error;
    });
  if (answer.status !== 201) throw denied(httpFailure(answer, call, where, now()), credentials);
  const value = answer.headers.get('x-subject-token');
  const requestId = requestIdOf(answer.headers);
  const parsed = login.safeParse(parseJson(answer.text));
  if (!value || !parsed.success)
    throw answerFailure({ code: 'unexpected', message: `${url.host} answered 201 to ${call} without a token` }, where, requestId);
  const { token } = parsed.data;
  if (!token.project || !token.catalog)
    throw new PropagatorError({
      code: 'keystone.login.unscoped',
      class: 'Denied',
      message: 'Keystone gave a token that belongs to no project, or that has no catalog',
      advice: `Name a project for the propagator's user (${credentials.source}: project_name or OS_PROJECT_NAME).`,
      service: 'keystone',
      requestId,
    });
  const lifetime = Date.parse(token.expires_at) - Date.parse(token.issued_at);
  if (!(lifetime > 0)) throw answerFailure({ code: 'unexpected', message: `${url.host} gave a token with no lifetime` }, where, requestId);
  const expiresAt = startedAt + lifetime;
  return {
    value: () => value,
    project: { id: token.project.id, name: token.project.name, domainId: token.project.domain.id },
    catalog: token.catalog,
    renewAt: expiresAt - Math.min(lifetime / 2, LONGEST_MARGIN),
    lastUseAt: expiresAt - Math.min(lifetime / 10, LAST_MINUTE),
  };
}

function denied(error: PropagatorError, credentials: Credentials): PropagatorError {
  const { status = 0 } = error.report;
  // 201 with a token is the only success: a 200, a redirect or a 405 come from something else than Keystone v3.
  // A 404 does, too, or Keystone does not know the application credential (seen on Keystone 22).
  const wrongUrl = (status >= 200 && status < 400) || status === 404 || status === 405 || status === 410;
  if (!wrongUrl && status !== 400 && status !== 401 && status !== 403) return error;
  return new PropagatorError({
    ...error.report,
    code: wrongUrl ? 'keystone.login.wrong-url' : 'keystone.login.denied',
    class: 'Denied',
    advice: wrongUrl
      ? `There is no Keystone v3 at ${credentials.authUrl}, or no application credential of this id or name: check auth_url (OS_AUTH_URL) and the credential in ${credentials.source}.`
      : `Check user, secret, project and domains in ${credentials.source}, and that the user is enabled; then redrive what failed.`,
  });
}
