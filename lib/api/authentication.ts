import { createHash, timingSafeEqual } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { bearerAuth } from 'hono/bearer-auth';
import * as z from 'zod';
import { isRead } from './methods.ts';
import { problem } from './problem.ts';

declare module 'hono' {
  interface ContextVariableMap {
    /** The authenticated caller: the name that a token belongs to, or the ARN of an IAM principal. */
    caller: string;
  }
}

/** A token for the API and the name that every decision made with it is stored under. */
export interface ApiToken {
  readonly name: string;
  readonly token: string;
}

/**
 * How the API knows its caller. `tokens`: every request that changes something carries one of them.
 * `iam`: API Gateway has checked the signature of each request, and names the principal.
 */
export type Authentication =
  | { readonly by: 'tokens'; readonly tokens: readonly ApiToken[] }
  | { readonly by: 'iam' };

const NO_TOKEN = problem(
  'token',
  'this request changes something, and carries no valid token: nothing was done',
  // No colon behind the name of the header: redaction would take what follows for a secret.
  'Send it as a bearer token in the Authorization header. It is in the file api-token in the data ' +
    'folder of the propagator; commands of the user that runs the propagator read it by ' +
    'themselves. Elsewhere set PROPAGATOR_API_TOKEN.',
);
const NO_PRINCIPAL = problem(
  'principal',
  'API Gateway named no IAM principal for this request: nothing was done',
  'The route in API Gateway must have the IAM authorizer (AWS_IAM). Deploy the stack again.',
);

/** Lets a request pass when its caller is known, and stores the name for {@link callerOf}. */
export const authenticate = (authentication: Authentication): MiddlewareHandler =>
  authentication.by === 'iam' ? principal : token(authentication.tokens);

/**
 * The authenticated caller of a request that changes something; never what its body claims.
 * Throws when the route is not behind {@link authenticate}: such a route must not change anything.
 */
export function callerOf(context: Context): string {
  const caller: string | undefined = context.get('caller');
  if (caller === undefined) throw new Error(`${context.req.path} is not behind authentication`);
  return caller;
}

function token(tokens: readonly ApiToken[]): MiddlewareHandler {
  const nameOf = tokenVerifier(tokens);
  const bearer = bearerAuth({
    realm: 'keystone-propagator',
    verifyToken: (given, context: Context) => {
      const name = nameOf(given);
      if (name !== undefined) context.set('caller', name);
      return name !== undefined;
    },
    noAuthenticationHeader: { message: NO_TOKEN },
    invalidAuthenticationHeader: { message: NO_TOKEN },
    invalidToken: { message: NO_TOKEN },
  });
  // Reading stays open: the API listens on loopback only, and no answer holds a secret.
  return (context, next) => (isRead(context.req.method) ? next() : bearer(context, next));
}

/**
 * Compares digests of equal length, and each of them: the time that this takes says nothing about
 * the tokens or about which one was nearly right.
 */
function tokenVerifier(tokens: readonly ApiToken[]): (given: string) => string | undefined {
  const known = tokens.map((one) => ({ name: one.name, digest: digestOf(one.token) }));
  return (given) => {
    const digest = digestOf(given);
    const equal = known.filter((one) => timingSafeEqual(one.digest, digest));
    return equal[0]?.name;
  };
}

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();

/** What API Gateway (HTTP API, payload 2.0) says of a request that its IAM authorizer let in. */
const Signed = z.object({
  requestContext: z.object({
    authorizer: z.object({ iam: z.object({ userArn: z.string().min(1) }) }),
  }),
});

const principal: MiddlewareHandler = async (context, next) => {
  const signed = Signed.safeParse(context.env);
  if (!signed.success) return context.json(NO_PRINCIPAL, 403);
  context.set('caller', signed.data.requestContext.authorizer.iam.userArn);
  return next();
};
