import type { Context, MiddlewareHandler } from 'hono';
import type { TokenFacts, TokenScope, ValidateToken } from '../openstack/token-validation.ts';
import { PropagatorError } from '../shared/errors.ts';
import type { Log } from '../shared/log.ts';
import { plainText } from '../shared/plain-text.ts';
import { isAtLeast, LEVELS, type Level, routeAccessOf } from './access.ts';
import { callerAddress } from './caller-address.ts';
import { problemBody } from './problem.ts';
import { createCallCounter } from './rate-limit.ts';
import { tokenCache } from './token-cache.ts';
import { type AccessPolicy, tokenLevelOf } from './token-level.ts';

/** A caller that Keystone has authenticated: the user, the scope and the level of the token. */
export interface KeystoneIdentity {
  readonly userId: string;
  readonly userName: string;
  readonly scope: TokenScope;
  readonly level: Level;
}

/** The authentication of callers by tokens of Keystone. */
export interface KeystoneAuthentication {
  readonly by: 'keystone';
  /** Keystone's URL for the callers, named in the header `WWW-Authenticate`. */
  readonly authUrl: string;
  readonly validate: ValidateToken;
  readonly policy: AccessPolicy;
  /** The maximum calls per minute of one caller, and validations per minute from one address. */
  readonly callsPerMinute: number;
}

interface TokenDeps {
  readonly log: Pick<Log, 'warn'>;
  now(): number;
}

/** Visible characters only. Keystone's longest tokens (JWS) have about 2000 characters. */
const KEYSTONE_TOKEN_PATTERN = /^[\x21-\x7e]{1,8192}$/;
const RETRY_SECONDS = 5;
const MAX_USER_NAME_LENGTH = 255;

/**
 * Passes a request on if Keystone accepts its `X-Auth-Token` and the roles of the token are
 * sufficient for the route. Answers 401 for an invalid token, 403 for insufficient roles, 429 above
 * the rate limit, and 503 if Keystone cannot validate the token.
 */
export function requireKeystoneToken(
  authentication: KeystoneAuthentication,
  deps: TokenDeps,
): MiddlewareHandler {
  const { policy, callsPerMinute } = authentication;
  const checkToken = createTokenCheck(authentication, deps);
  const countCallOfCaller = createCallCounter(callsPerMinute, deps.now);
  return async (context, next) => {
    const routeAccess = routeAccessOf(context);
    if (routeAccess === 'public') return next();
    const facts = await checkToken(context);
    if (facts instanceof Response) return facts;
    const waitSeconds = countCallOfCaller(facts.user.id);
    if (waitSeconds > 0) return answerTooManyRequests(context, waitSeconds);
    const level = checkLevel(context, facts, routeAccess, policy);
    if (level instanceof Response) return level;
    const { id: userId, name } = facts.user;
    const userName = plainText(name, MAX_USER_NAME_LENGTH);
    context.set('caller', `${userName} (${userId})`);
    context.set('identity', { userId, userName, scope: facts.scope, level });
    return next();
  };
}

/**
 * Returns the function that checks the token of a request. Its result is what Keystone says about
 * the token, or the response that refuses the request.
 */
function createTokenCheck(
  { authUrl, validate, callsPerMinute }: KeystoneAuthentication,
  { log, now }: TokenDeps,
): (context: Context) => Promise<TokenFacts | Response> {
  const cache = tokenCache(validate, now);
  const countCallFromAddress = createCallCounter(callsPerMinute, now);
  const answerUnauthorized = (context: Context, message: string) => {
    context.header('WWW-Authenticate', `Keystone uri="${authUrl}"`);
    const advice =
      'Send a valid token of Keystone in the header X-Auth-Token. The commands get a token ' +
      'with OS_CLOUD or the OS_* variables.';
    return context.json(problemBody('token', `${message}; nothing was changed`, advice), 401);
  };
  const validateToken = async (context: Context, token: string): Promise<TokenFacts | Response> => {
    const cached = cache.cachedAnswer(token);
    // Behind a proxy all callers have the same address, so only validations are limited by address,
    // not all calls. Callers whose address is unknown share one limit.
    const waitSeconds = cached ? 0 : countCallFromAddress(callerAddress(context) ?? 'unknown');
    if (waitSeconds > 0) return answerTooManyRequests(context, waitSeconds);
    const facts = cached ? cached.facts : await cache.validate(token);
    return facts ?? answerUnauthorized(context, 'the token is invalid, expired or revoked');
  };
  return async (context) => {
    const token = context.req.header('x-auth-token');
    if (token === undefined) return answerUnauthorized(context, 'the request has no token');
    if (!KEYSTONE_TOKEN_PATTERN.test(token))
      return answerUnauthorized(context, 'the header X-Auth-Token contains no token');
    return validateToken(context, token).catch((thrown: unknown) => {
      if (thrown instanceof PropagatorError) return answerKeystoneUnavailable(context, thrown, log);
      throw thrown;
    });
  };
}

/**
 * Returns the level of a token, or the response that refuses the request because its route needs
 * more. `neededLevel`: the level that the route needs, or `undefined` for an unknown route.
 */
function checkLevel(
  context: Context,
  facts: TokenFacts,
  neededLevel: Level | undefined,
  policy: AccessPolicy,
): Level | Response {
  const tokenLevel = tokenLevelOf(facts, policy);
  if (tokenLevel.kind === 'refused')
    return context.json(problemBody('scope', tokenLevel.message, tokenLevel.advice), 403);
  if (neededLevel !== undefined && !isAtLeast(tokenLevel.level, neededLevel))
    return context.json(missingRoleProblem(context, neededLevel, tokenLevel.level, policy), 403);
  return tokenLevel.level;
}

function answerKeystoneUnavailable(
  context: Context,
  { report }: PropagatorError,
  log: TokenDeps['log'],
): Response {
  const requestId = context.get('requestId');
  log.warn({ requestId, error: report }, 'a token of the API could not be validated');
  context.header('Retry-After', `${RETRY_SECONDS}`);
  return context.json(
    problemBody(
      'keystone',
      'Keystone could not validate the token, so the request was refused; nothing was changed',
      `Try again. The log of the propagator has the cause under the request id ${requestId}.`,
    ),
    503,
  );
}

function answerTooManyRequests(context: Context, seconds: number): Response {
  context.header('Retry-After', `${seconds}`);
  return context.json(
    problemBody(
      'rate-limit',
      'too many requests; nothing was changed',
      `Try again after ${seconds} s. The setting PROPAGATOR_API_RATE_LIMIT is the limit per ` +
        'minute.',
    ),
    429,
  );
}

function missingRoleProblem(
  context: Context,
  needed: Level,
  level: Level,
  { roles }: AccessPolicy,
) {
  const sufficientRoles = LEVELS.filter((one) => isAtLeast(one, needed)).flatMap(
    (one) => roles[one],
  );
  return problemBody(
    'role',
    `${context.req.method} ${plainText(context.req.path, 200)} requires the level ${needed}, and ` +
      `the roles of the token give the level ${level}; nothing was changed`,
    `Use a token with one of these roles: ${sufficientRoles.join(', ')}.`,
  );
}
