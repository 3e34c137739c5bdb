import type { Hono } from 'hono';
import { handle, type LambdaEvent } from 'hono/aws-lambda';
import { createApi } from '../../api/api.ts';
import type { Authentication } from '../../api/authentication.ts';
import { problemBody } from '../../api/problem.ts';
import type { InvocationContext, LambdaContext } from '../../engine/aws/lambda/context.ts';
import type { Policy } from '../../policy/schema.ts';
import { keystoneAuthenticationOf } from '../keystone-access.ts';
import { allServicesDeps } from './all-services-deps.ts';

/**
 * The size limit of a response. Lambda refuses a larger response with an error that does not name
 * the reason.
 */
const MAX_ANSWER_BYTES = 6 * 1000 * 1000;

/**
 * One app per context. The app must be reused, because it contains the cache of validated tokens
 * and the counts of the rate limits.
 */
const appByContext = new WeakMap<LambdaContext, Hono>();

/** Answers one request of the HTTP API, as API Gateway passes it. */
export async function answerApi(
  event: unknown,
  context: unknown,
  policy: Policy,
): Promise<unknown> {
  const { propagator } = context as InvocationContext;
  const app = appByContext.get(propagator) ?? createApiApp(propagator, policy);
  appByContext.set(propagator, app);
  return limitResponseSize(await handle(app)(event as LambdaEvent));
}

function createApiApp(propagator: LambdaContext, policy: Policy): Hono {
  const { mode, ...deps } = allServicesDeps(propagator, policy);
  return createApi({
    ...deps,
    mode,
    health: () => ({ ok: true, mode, services: propagator.services }),
    authentication: authenticationOf(propagator),
    canStream: false,
    onUnexpectedError: () => propagator.countMetrics({ ApiErrors: 1 }),
  });
}

/**
 * By default API Gateway authenticates the caller by the signature of the request. With Keystone
 * authentication, the routes have no authorizer, and the function itself validates the token.
 */
const authenticationOf = ({ settings, authUrl, cloud }: LambdaContext): Authentication =>
  settings.PROPAGATOR_API_AUTH === 'keystone'
    ? keystoneAuthenticationOf(settings, authUrl, cloud)
    : { by: 'iam' };

/**
 * Returns the response. If the response is too large for Lambda, returns status 413 with the advice
 * to request fewer records.
 */
export function limitResponseSize<Answer extends object>(
  answer: Answer,
): Answer | { statusCode: number; headers: object; body: string } {
  if (Buffer.byteLength(JSON.stringify(answer)) <= MAX_ANSWER_BYTES) return answer;
  const body = JSON.stringify(
    problemBody(
      'too-much',
      'The answer is larger than Lambda supports. Request fewer records with the query ' +
        'parameters of this route, for example limit, service, operation or cause.',
    ),
  );
  return { statusCode: 413, headers: { 'content-type': 'application/json' }, body };
}
