import middy from '@middy/core';
import { type Environment, lazyContext } from '../lib/app/lambda/context.ts';
import { runScheduledSweep, ScheduleInput } from '../lib/app/lambda/sweep.ts';
import {
  parseEvent,
  replaceErrorWithReport,
  withPropagator,
} from '../lib/engine/aws/lambda/middlewares.ts';
import type { Policy } from '../lib/policy/schema.ts';

/**
 * Creates the Lambda handler of the sweep, which a schedule invokes. `policy`: the content of the
 * policy file of the deployed stack.
 */
export const sweepFunction = (environment: Environment, policy: Policy) =>
  middy()
    .use(withPropagator('sweep', lazyContext(environment)))
    .use(replaceErrorWithReport())
    .use(parseEvent(ScheduleInput))
    .handler((event: unknown, context: unknown) => runScheduledSweep(event, context, policy));
