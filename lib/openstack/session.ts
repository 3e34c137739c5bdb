import * as z from 'zod';
import { PropagatorError } from '../shared/errors.ts';
import type { Credentials } from './credentials.ts';
import {
  answerFailure,
  httpFailure,
  requestIdOf,
  transportFailure,
  type Where,
} from './failure.ts';
import { parseJson } from './json.ts';
import { type Transport, TransportError } from './transport.ts';

/** Keystone's tables let any of these be null. A row that is odd must not hide the others. */
const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '');
const endpoint = z.object({
  id: z.string().optional(),
  interface: text,
  url: text,
  region_id: z.string().nullish(),
  region: z.string().nullish(),
});
const catalogService = z.object({
  id: z.string().optional(),
  type: text,
  name: text,
  endpoints: z
    .array(endpoint)
    .nullish()
    .transform((value) => value ?? []),
});
export type CatalogService = z.infer<typeof catalogService>;

const login = z.object({
  token: z.object({
    issued_at: z.string(),
    expires_at: z.string(),
    user: z.object({ id: z.string() }),
    roles: z.array(z.object({ id: z.string(), name: z.string() })).default([]),
    project: z
      .object({ id: z.string(), name: z.string(), domain: z.object({ id: z.string() }) })
      .optional(),
    catalog: z.array(catalogService).optional(),
  }),
});

/** One login. */
export interface Token {
  readonly value: () => string;
  readonly project: { readonly id: string; readonly name: string; readonly domainId: string };
  readonly user: { readonly id: string };
  readonly roles: readonly { readonly id: string; readonly name: string }[];
  readonly catalog: readonly CatalogService[];
  /** Epoch milliseconds by our own clock: when it was asked for. */
  readonly since: number;
  /** Epoch milliseconds by our own clock: from then on another one is fetched beside the calls. */
  readonly renewAt: number;
  /** Epoch milliseconds: from then on it is not used any more. */
  readonly lastUseAt: number;
}

/** Where a token counts, if not where the credentials say. */
export type Scope = { readonly is: 'system' } | { readonly is: 'project'; readonly id: string };

/** One login for many calls. */
export interface Session {
  /**
   * The token, renewed well ahead of its end. Throws `keystone.login.denied` and what a failed call
   * throws.
   */
  token(): Promise<Token>;
  /** A service answered 401 to this token: log in anew, unless somebody already did. */
  replace(refused: Token): Promise<Token>;
  /** A token that is at most so old, and with it the catalog. Throws what a login throws. */
  fresh(milliseconds: number): Promise<Token>;
}

/**
 * Nova works on with the token of a call for many minutes: its compute hosts call Neutron and
 * Cinder with it.
 */
const LONGEST_MARGIN = 60 * 60_000;
/** A token that is about to end is not handed out any more. */
const LAST_MINUTE = 60_000;
const RENEWAL_PAUSE = 30_000;

/**
 * `scope`: another one than the credentials' own, the project that is to be emptied or the system;
 * only a password can be scoped anew.
 */
export function createSession(
  credentials: Credentials,
  transport: Transport,
  now: () => number,
  userAgent: string,
  scope?: Scope,
): Session {
  let current: Token | undefined;
  let underway: Promise<Token> | undefined;
  let renewedAt = Number.NEGATIVE_INFINITY;
  const logIn = (): Promise<Token> => {
    underway ??= authenticate(credentials, transport, now, userAgent, scope)
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
        // Beside the calls: while Keystone is away for a moment, the old token serves on. At its
        // end the failure is thrown.
        logIn().catch(() => undefined);
      }
      return current;
    },
    async replace(refused) {
      if (current && current.value() !== refused.value()) return current;
      current = undefined;
      return logIn();
    },
    async fresh(milliseconds) {
      return current && now() - current.since <= milliseconds && now() < current.lastUseAt
        ? current
        : logIn();
    },
  };
}

/**
 * POST /v3/auth/tokens. The lifetime is taken from the two times of Keystone, so that its clock
 * need not agree with ours.
 */
async function authenticate(
  credentials: Credentials,
  transport: Transport,
  now: () => number,
  userAgent: string,
  scope: Scope | undefined,
): Promise<Token> {
  if (scope && !credentials.scope) throw boundToItsProject(credentials);
  const asked = scope ? scopeOf(scope) : credentials.scope;
  const url = new URL(credentials.authUrl);
  const call = 'POST /v3/auth/tokens';
  const where: Where = {
    service: 'keystone',
    region: undefined,
    host: url.host,
    secrets: [credentials.secret()],
  };
  const startedAt = now();
  const answer = await transport
    .send({
      method: 'POST',
      origin: url.origin,
      path: `${url.pathname.replace(/\/$/, '')}/auth/tokens`,
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        'user-agent': userAgent,
      },
      repeatable: true,
      body: JSON.stringify({
        auth: { identity: credentials.identity(), ...(asked ? { scope: asked } : {}) },
      }),
    })
    .catch((error: unknown) => {
      throw error instanceof TransportError ? transportFailure(error, call, where) : error;
    });
  if (answer.status !== 201)
    throw scope
      ? deniedScope(httpFailure(answer, call, where, now()), scope)
      : denied(httpFailure(answer, call, where, now()), credentials);
  const value = answer.headers.get('x-subject-token');
  const requestId = requestIdOf(answer.headers);
  const parsed = login.safeParse(parseJson(answer.text));
  if (!value || !parsed.success)
    throw answerFailure(
      { code: 'unexpected', message: `${url.host} answered 201 to ${call} without a token` },
      where,
      requestId,
    );
  const { token } = parsed.data;
  const project =
    token.project ??
    (scope?.is === 'system' ? { id: '', name: '', domain: { id: '' } } : undefined);
  if (!project || !token.catalog)
    throw new PropagatorError({
      code: 'keystone.login.unscoped',
      class: 'Denied',
      message: 'Keystone gave a token that belongs to no project, or that has no catalog',
      advice: `Name a project for the propagator's user (${credentials.source}: project_name or OS_PROJECT_NAME).`,
      service: 'keystone',
      requestId,
    });
  const lifetime = Date.parse(token.expires_at) - Date.parse(token.issued_at);
  if (!(lifetime > 0))
    throw answerFailure(
      { code: 'unexpected', message: `${url.host} gave a token with no lifetime` },
      where,
      requestId,
    );
  const expiresAt = startedAt + lifetime;
  return {
    value: () => value,
    project: { id: project.id, name: project.name, domainId: project.domain.id },
    user: token.user,
    roles: token.roles,
    catalog: token.catalog,
    since: startedAt,
    renewAt: expiresAt - Math.min(lifetime / 2, LONGEST_MARGIN),
    lastUseAt: expiresAt - Math.min(lifetime / 10, LAST_MINUTE),
  };
}

const scopeOf = (scope: Scope): Record<string, unknown> =>
  scope.is === 'system' ? { system: { all: true } } : { project: { id: scope.id } };

/**
 * An application credential belongs to one project for good (Identity API, application
 * credentials).
 */
function boundToItsProject(credentials: Credentials): PropagatorError {
  return new PropagatorError({
    code: 'keystone.login.bound',
    class: 'Denied',
    message: 'an application credential gives no token on another project or on the system',
    advice: `Let the propagator log in with a password instead (${credentials.source}); then redrive what failed.`,
    service: 'keystone',
  });
}

function deniedScope(error: PropagatorError, scope: Scope): PropagatorError {
  const { status } = error.report;
  if (status !== 401 && status !== 403) return error;
  const [message, advice] =
    scope.is === 'system'
      ? [
          'Keystone gives the propagator no token with system scope',
          'Grant it: openstack role add --system all --user <its user> admin; then redrive what failed.',
        ]
      : [
          'Keystone gives the propagator no token on the project',
          'The project may have been disabled, or the role on it was taken away: look at it in Keystone, then redrive what failed.',
        ];
  return new PropagatorError({
    ...error.report,
    code: `keystone.login.${scope.is}`,
    class: 'Denied',
    message,
    advice,
  });
}

function denied(error: PropagatorError, credentials: Credentials): PropagatorError {
  const { status = 0 } = error.report;
  // 201 with a token is the only success: a 200, a redirect or a 405 come from something else than
  // Keystone v3. A 404 does, too, or Keystone does not know the application credential (seen on
  // Keystone 22).
  const wrongUrl =
    (status >= 200 && status < 400) || status === 404 || status === 405 || status === 410;
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
