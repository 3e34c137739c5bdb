import { createHash, timingSafeEqual } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { bearerAuth } from 'hono/bearer-auth';
import * as z from 'zod';
import {
  type KeystoneAuthentication,
  type KeystoneIdentity,
  requireKeystoneToken,
} from './keystone-authentication.ts';
import { isRead } from './methods.ts';
import { problemBody } from './problem.ts';

declare module 'hono' {
  interface ContextVariableMap {
    /**
     * The authenticated caller: the name of an API token, `NAME (ID)` of a user of Keystone, or the
     * ARN of an IAM principal.
     */
    caller: string;
    /** Set for a caller that Keystone has authenticated. */
    identity: KeystoneIdentity | undefined;
  }
}

/** A token for the API, and the name of the caller that uses it. */
export interface ApiToken {
  readonly name: string;
  readonly token: string;
}

/**
 * The authentication of callers. `tokens`: every request that changes something contains one of
 * these tokens. `keystone`: every request contains a token of Keystone. `iam`: API Gateway has
 * verified the signature of the request and names the principal.
 */
export type Authentication =
  | { readonly by: 'tokens'; readonly tokens: readonly ApiToken[] }
  | KeystoneAuthentication
  | { readonly by: 'iam' };

const NO_TOKEN_PROBLEM = problemBody(
  'token',
  'the request would change something, but it has no valid API token; nothing was changed',
  // The text has no colon after the name of the header. Redaction would treat the text after a
  // colon as a secret.
  'Send the token as a bearer token in the Authorization header. The token is in the file ' +
    'api-token in the data folder of the propagator. The commands read that file if they run ' +
    'as the user of the propagator. On another machine set PROPAGATOR_API_TOKEN.',
);
const NO_PRINCIPAL_PROBLEM = problemBody(
  'principal',
  'API Gateway sent no IAM principal with this request; nothing was changed',
  'The route in API Gateway must have the IAM authorizer (AWS_IAM). Deploy the stack again.',
);

/**
 * Returns the middleware that authenticates the caller, and stores the caller's name for
 * {@link callerOf}. With tokens of the propagator, a request that only reads needs no token.
 */
export function authenticate(
  authentication: Authentication,
  deps: Parameters<typeof requireKeystoneToken>[1],
): MiddlewareHandler {
  if (authentication.by === 'keystone') return requireKeystoneToken(authentication, deps);
  return authentication.by === 'iam'
    ? requireIamPrincipal
    : requireTokenForChanges(authentication.tokens);
}

/**
 * The authenticated caller of a request, never a name from its body. Throws if the request has no
 * authenticated caller: a route that records its caller must use {@link authenticate}.
 */
export function callerOf(context: Context): string {
  const caller: string | undefined = context.get('caller');
  if (caller === undefined) throw new Error(`${context.req.path} has no authentication`);
  return caller;
}

/**
 * The caller's name. For a user of Keystone, the result does not contain the id. An HTTP plugin
 * calls the API with a token or as a user that has the name of the plugin.
 */
export const pluginNameOf = (context: Context): string =>
  context.get('identity')?.userName ?? callerOf(context);

function requireTokenForChanges(tokens: readonly ApiToken[]): MiddlewareHandler {
  const nameOfToken = tokenNameFinder(tokens);
  const requireBearerToken = bearerAuth({
    realm: 'keystone-propagator',
    verifyToken: (token, context: Context) => {
      const name = nameOfToken(token);
      if (name !== undefined) context.set('caller', name);
      return name !== undefined;
    },
    noAuthenticationHeader: { message: NO_TOKEN_PROBLEM },
    invalidAuthenticationHeader: { message: NO_TOKEN_PROBLEM },
    invalidToken: { message: NO_TOKEN_PROBLEM },
  });
  // A read needs no token: the API listens only on loopback, and no response contains a secret.
  return (context, next) =>
    isRead(context.req.method) ? next() : requireBearerToken(context, next);
}

/**
 * Returns a function that finds the name of a token. It compares digests of equal length, and
 * always with every known token, so that its duration tells nothing about the tokens.
 */
function tokenNameFinder(tokens: readonly ApiToken[]): (token: string) => string | undefined {
  const knownTokens = tokens.map(({ name, token }) => ({ name, digest: digestOf(token) }));
  return (token) => {
    const digest = digestOf(token);
    const equalTokens = knownTokens.filter((known) => timingSafeEqual(known.digest, digest));
    return equalTokens[0]?.name;
  };
}

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();

/** The fields that the IAM authorizer of API Gateway adds (HTTP API, payload 2.0). */
const SignedRequest = z.object({
  requestContext: z.object({
    authorizer: z.object({ iam: z.object({ userArn: z.string().min(1) }) }),
  }),
});

const requireIamPrincipal: MiddlewareHandler = async (context, next) => {
  const request = SignedRequest.safeParse(context.env);
  if (!request.success) return context.json(NO_PRINCIPAL_PROBLEM, 403);
  context.set('caller', request.data.requestContext.authorizer.iam.userArn);
  return next();
};
