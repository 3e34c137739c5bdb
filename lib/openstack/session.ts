import * as z from 'zod';
import { PropagatorError } from '../shared/errors.ts';
import type { Credentials } from './credentials.ts';
import {
  answerFailure,
  type FailureContext,
  httpFailure,
  requestIdOf,
  transportFailure,
} from './failure.ts';
import { parseJson } from './json.ts';
import { type Transport, TransportError } from './transport.ts';

/** Any of these may be null in Keystone. One malformed row must not hide the others. */
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

/** The result of one login. */
export interface Token {
  readonly value: () => string;
  readonly project: { readonly id: string; readonly name: string; readonly domainId: string };
  readonly user: { readonly id: string };
  readonly roles: readonly { readonly id: string; readonly name: string }[];
  readonly catalog: readonly CatalogService[];
  /** Epoch milliseconds by our clock at which the login was sent. */
  readonly since: number;
  /** Epoch milliseconds by our clock from which a new token is fetched in the background. */
  readonly renewAt: number;
  /** Epoch milliseconds from which the token is not used any more. */
  readonly lastUseAt: number;
}

/** A scope other than that of the credentials. */
export type Scope = { readonly kind: 'system' } | { readonly kind: 'project'; readonly id: string };

/** One login that many calls share. */
export interface Session {
  /**
   * The token, renewed well before it expires. Throws `keystone.login.denied`, and what a failed
   * call throws.
   */
  token(): Promise<Token>;
  /** Call it after a service answered 401 to this token. Logs in again, unless another call did. */
  replace(refused: Token): Promise<Token>;
  /** A token, with its catalog, of at most this age. Throws what a login throws. */
  fresh(milliseconds: number): Promise<Token>;
}

/**
 * Nova uses the token of a call for many minutes: its compute hosts call Neutron and Cinder with
 * it.
 */
const MAX_RENEWAL_MARGIN = 60 * 60_000;
/** A token in its last minute is not used for new calls. */
const LAST_MINUTE_MILLIS = 60_000;
const RENEWAL_PAUSE_MILLIS = 30_000;

/**
 * Creates a session. `scope`: the project to clean up or the system, instead of the credentials'
 * own scope. It requires a password login.
 */
export function createSession(
  credentials: Credentials,
  transport: Transport,
  now: () => number,
  userAgent: string,
  scope?: Scope,
): Session {
  let current: Token | undefined;
  let pendingLogin: Promise<Token> | undefined;
  let renewedAt = Number.NEGATIVE_INFINITY;
  const authenticateAnew = async (once: () => Promise<Token>): Promise<Token> => {
    await credentials.refresh?.(false);
    try {
      return await once();
    } catch (error) {
      const isRefused = error instanceof PropagatorError && error.report.status === 401;
      if (isRefused && (await credentials.refresh?.(true))) return once();
      throw error;
    }
  };
  const logIn = (): Promise<Token> => {
    pendingLogin ??= authenticateAnew(() =>
      authenticate(credentials, transport, now, userAgent, scope),
    )
      .then((token) => {
        current = token;
        return token;
      })
      .finally(() => {
        pendingLogin = undefined;
      });
    return pendingLogin;
  };
  return {
    async token() {
      if (!current || now() >= current.lastUseAt) return logIn();
      if (now() >= current.renewAt && now() >= renewedAt + RENEWAL_PAUSE_MILLIS) {
        renewedAt = now();
        // In the background: the old token works while Keystone is briefly unavailable. Once that
        // token has expired, the failure is thrown.
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
 * POST /v3/auth/tokens. The lifetime is the difference of Keystone's two times, so its clock may
 * differ from ours.
 */
async function authenticate(
  credentials: Credentials,
  transport: Transport,
  now: () => number,
  userAgent: string,
  scope: Scope | undefined,
): Promise<Token> {
  const startedAt = now();
  const { answer, value, where, requestId } = await requestToken(
    credentials,
    transport,
    now,
    userAgent,
    scope,
  );
  const parsed = login.safeParse(parseJson(answer.text));
  if (!value || !parsed.success)
    throw answerFailure(
      { code: 'unexpected', message: `${where.host} answered 201 to ${LOGIN} without a token` },
      where,
      requestId,
    );
  const { token } = parsed.data;
  const project =
    token.project ??
    (scope?.kind === 'system' ? { id: '', name: '', domain: { id: '' } } : undefined);
  if (!project || !token.catalog)
    throw new PropagatorError({
      code: 'keystone.login.unscoped',
      class: 'Denied',
      message: 'Keystone issued a token without a project, or without a catalog',
      advice:
        `Set a project for the propagator's user (${credentials.source}: project_name ` +
        'or OS_PROJECT_NAME).',
      service: 'keystone',
      requestId,
    });
  const lifetime = Date.parse(token.expires_at) - Date.parse(token.issued_at);
  if (!(lifetime > 0))
    throw answerFailure(
      { code: 'unexpected', message: `${where.host} issued a token with no lifetime` },
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
    renewAt: expiresAt - Math.min(lifetime / 2, MAX_RENEWAL_MARGIN),
    lastUseAt: expiresAt - Math.min(lifetime / 10, LAST_MINUTE_MILLIS),
  };
}

const loginCatalog = z.object({
  token: z.object({
    catalog: z
      .array(catalogService)
      .nullish()
      .transform((value) => value ?? []),
  }),
});

/**
 * Logs in once, in any scope, and returns the token with its catalog. Throws
 * `keystone.login.denied`, and what a failed call throws.
 */
export async function issueToken(
  credentials: Credentials,
  transport: Transport,
  now: () => number,
  userAgent: string,
): Promise<{ readonly value: string; readonly catalog: readonly CatalogService[] }> {
  const { answer, value, where, requestId } = await requestToken(
    credentials,
    transport,
    now,
    userAgent,
  );
  const parsed = loginCatalog.safeParse(parseJson(answer.text));
  if (value && parsed.success) return { value, catalog: parsed.data.token.catalog };
  throw answerFailure(
    { code: 'unexpected', message: `${where.host} answered 201 to ${LOGIN} without a token` },
    where,
    requestId,
  );
}

const LOGIN = 'POST /v3/auth/tokens';

async function requestToken(
  credentials: Credentials,
  transport: Transport,
  now: () => number,
  userAgent: string,
  scope?: Scope,
) {
  if (scope && !credentials.scope) throw projectBoundCredential(credentials);
  const asked = scope ? scopeOf(scope) : credentials.scope;
  const url = new URL(credentials.authUrl);
  const where: FailureContext = {
    service: 'keystone',
    region: undefined,
    host: url.host,
    secrets: [credentials.secret()],
  };
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
      throw error instanceof TransportError ? transportFailure(error, LOGIN, where) : error;
    });
  if (answer.status !== 201)
    throw scope
      ? deniedScope(httpFailure(answer, LOGIN, where, now()), scope)
      : denied(httpFailure(answer, LOGIN, where, now()), credentials);
  const value = answer.headers.get('x-subject-token');
  const requestId = requestIdOf(answer.headers);
  return { answer, value, where, requestId };
}

const scopeOf = (scope: Scope): Record<string, unknown> =>
  scope.kind === 'system' ? { system: { all: true } } : { project: { id: scope.id } };

/**
 * An application credential permanently belongs to one project (Identity API, application
 * credentials).
 */
function projectBoundCredential(credentials: Credentials): PropagatorError {
  return new PropagatorError({
    code: 'keystone.login.bound',
    class: 'Denied',
    message: 'an application credential cannot get a token on another project or on the system',
    advice:
      `Use a password login for the propagator (${credentials.source}). Then redrive ` +
      'the dead-lettered tasks.',
    service: 'keystone',
  });
}

function deniedScope(error: PropagatorError, scope: Scope): PropagatorError {
  const { status } = error.report;
  if (status !== 401 && status !== 403) return error;
  const [message, advice] =
    scope.kind === 'system'
      ? [
          'Keystone issues no token with system scope to the propagator',
          'Grant the role: openstack role add --system all --user USER admin. Then ' +
            'redrive the dead-lettered tasks.',
        ]
      : [
          'Keystone issues no token on the project to the propagator',
          'The project may be disabled, or the propagator may have lost its role on it. ' +
            'Check: openstack project show PROJECT; openstack role assignment list ' +
            '--project PROJECT. Then redrive the dead-lettered tasks.',
        ];
  return new PropagatorError({
    ...error.report,
    code: `keystone.login.${scope.kind}`,
    class: 'Denied',
    message,
    advice,
  });
}

function denied(error: PropagatorError, credentials: Credentials): PropagatorError {
  const { status = 0 } = error.report;
  // Only 201 with a token is success. A 200, a redirect or a 405 do not come from Keystone v3. A
  // 404 means the same, or that Keystone does not know the application credential (seen on Keystone
  // 22).
  const wrongUrl =
    (status >= 200 && status < 400) || status === 404 || status === 405 || status === 410;
  if (!wrongUrl && status !== 400 && status !== 401 && status !== 403) return error;
  return new PropagatorError({
    ...error.report,
    code: wrongUrl ? 'keystone.login.wrong-url' : 'keystone.login.denied',
    class: 'Denied',
    advice: wrongUrl
      ? `${credentials.authUrl} is not a Keystone v3 API, or the application credential ` +
        'does not exist. Check auth_url (OS_AUTH_URL) and the credential in ' +
        `${credentials.source}.`
      : 'Check the user, its secret, the project and the domains in ' +
        `${credentials.source}, and that the user is enabled. Then redrive the ` +
        'dead-lettered tasks.',
  });
}
