import * as z from 'zod';
import { PropagatorError } from '../shared/errors.ts';
import { parseJson } from '../shared/json.ts';
import { requestIdOf } from './answer-status.ts';
import { type CatalogService, catalogService } from './catalog.ts';
import type { Credentials } from './credentials.ts';
import { answerFailure, type FailureContext, httpFailure, transportFailure } from './failure.ts';
import { boundCredentialError, loginRefusal, scopeRefusal } from './login-refusal.ts';
import { type OutgoingCall, type Transport, TransportError } from './transport.ts';

const loginAnswer = z.object({
  token: z.object({
    issued_at: z.string(),
    expires_at: z.string(),
    user: z.object({ id: z.string(), domain: z.object({ id: z.string() }).optional() }),
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
  readonly user: { readonly id: string; readonly domainId: string | undefined };
  readonly roles: readonly { readonly id: string; readonly name: string }[];
  readonly catalog: readonly CatalogService[];
  /** The time at which the login was sent: epoch milliseconds by the clock of this process. */
  readonly requestedAt: number;
  /** Epoch milliseconds. After this time a new token is fetched in the background. */
  readonly renewAt: number;
  /** Epoch milliseconds. After this time the token is no longer used. */
  readonly useUntil: number;
}

/** A scope other than that of the credentials. */
export type Scope = { readonly kind: 'system' } | { readonly kind: 'project'; readonly id: string };

/**
 * A token is renewed at half of its lifetime, or this long before it expires, whichever is later.
 * Nova needs a token that stays valid after the call: its compute hosts use the token for many
 * minutes to call Neutron and Cinder.
 */
const MAX_RENEWAL_MARGIN_MILLIS = 60 * 60_000;
/** New calls do not use a token in the last minute before it expires. */
const LAST_MINUTE_MILLIS = 60_000;

/** The dependencies of a login. */
export interface LoginDeps {
  readonly transport: Transport;
  readonly userAgent: string;
  /** Epoch milliseconds. */
  now(): number;
}

/**
 * Logs in (POST /v3/auth/tokens). The lifetime is the difference between the two times in
 * Keystone's answer, so Keystone's clock need not be correct. `scope` replaces the scope of the
 * credentials. Throws an error with a code `keystone.login.…` if the login is refused, or the error
 * of the failed call.
 */
export async function authenticate(
  credentials: Credentials,
  deps: LoginDeps,
  scope?: Scope,
): Promise<Token> {
  const startedAt = deps.now();
  const { value, token, failureContext, requestId } = await requestToken(
    loginAnswer,
    credentials,
    deps,
    scope,
  );
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
  const lifetimeMillis = Date.parse(token.expires_at) - Date.parse(token.issued_at);
  if (!(lifetimeMillis > 0))
    throw answerFailure(
      { code: 'unexpected', message: `${failureContext.host} issued a token with no lifetime` },
      failureContext,
      requestId,
    );
  const expiresAt = startedAt + lifetimeMillis;
  return {
    value: () => value,
    project: { id: project.id, name: project.name, domainId: project.domain.id },
    user: { id: token.user.id, domainId: token.user.domain?.id },
    roles: token.roles,
    catalog: token.catalog,
    requestedAt: startedAt,
    renewAt: expiresAt - Math.min(lifetimeMillis / 2, MAX_RENEWAL_MARGIN_MILLIS),
    useUntil: expiresAt - Math.min(lifetimeMillis / 10, LAST_MINUTE_MILLIS),
  };
}

const loginAnswerInAnyScope = z.object({
  token: z.object({
    catalog: z
      .array(catalogService)
      .nullish()
      .transform((value) => value ?? []),
  }),
});

/** The value of a token and its catalog. The token may have any scope. */
export interface IssuedToken {
  readonly value: string;
  readonly catalog: readonly CatalogService[];
}

/**
 * Logs in once, with the scope of the credentials: a project, a domain or the system. Throws an
 * error with a code `keystone.login.…` if the login is refused, or the error of the failed call.
 */
export async function issueToken(credentials: Credentials, deps: LoginDeps): Promise<IssuedToken> {
  const { value, token } = await requestToken(loginAnswerInAnyScope, credentials, deps);
  return { value, catalog: token.catalog };
}

const LOGIN_CALL = 'POST /v3/auth/tokens';

/** Logs in. Returns the value of the token, and its body as `schema` parses it. */
async function requestToken<TokenBody>(
  schema: z.ZodType<{ token: TokenBody }>,
  credentials: Credentials,
  { transport, now, userAgent }: LoginDeps,
  scope?: Scope,
): Promise<{
  value: string;
  token: TokenBody;
  failureContext: FailureContext;
  requestId: string | undefined;
}> {
  if (scope && !credentials.scope) throw boundCredentialError(credentials);
  const url = new URL(credentials.authUrl);
  const failureContext: FailureContext = {
    service: 'keystone',
    region: undefined,
    host: url.host,
    secrets: [credentials.secret()],
  };
  const call = loginCall(url, credentials, scope, userAgent);
  const answer = await transport.send(call).catch((error: unknown) => {
    throw error instanceof TransportError
      ? transportFailure(error, LOGIN_CALL, failureContext)
      : error;
  });
  if (answer.status !== 201) {
    const failure = httpFailure(answer, LOGIN_CALL, failureContext, now());
    throw scope ? scopeRefusal(failure, scope) : loginRefusal(failure, credentials);
  }
  const value = answer.headers.get('x-subject-token');
  const requestId = requestIdOf(answer.headers);
  const parsed = schema.safeParse(parseJson(answer.text));
  if (!value || !parsed.success)
    throw answerFailure(
      {
        code: 'unexpected',
        message: `${failureContext.host} answered 201 to ${LOGIN_CALL} without a token`,
      },
      failureContext,
      requestId,
    );
  return { value, token: parsed.data.token, failureContext, requestId };
}

/** Returns the call that requests a token. `scope` replaces the scope of the credentials. */
function loginCall(
  url: URL,
  credentials: Credentials,
  scope: Scope | undefined,
  userAgent: string,
): OutgoingCall {
  const requestedScope = scope ? requestedScopeOf(scope) : credentials.scope;
  return {
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
      auth: {
        identity: credentials.identity(),
        ...(requestedScope ? { scope: requestedScope } : {}),
      },
    }),
  };
}

const requestedScopeOf = (scope: Scope): Record<string, unknown> =>
  scope.kind === 'system' ? { system: { all: true } } : { project: { id: scope.id } };
