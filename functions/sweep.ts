import middy from '@middy/core';
import { type Environment, lazyContext } from '../lib/app/lambda/context.ts';
import { ScheduleInput, sweepStage } from '../lib/app/lambda/sweep.ts';
import { errorReport, parseEvent, withPropagator } from '../lib/engine/aws/lambda/middlewares.ts';

/** Creates the Lambda handler of the sweep, which a schedule invokes. */
export const sweepFunction = (environment: Environment) =>
  middy()
    .use(withPropagator('sweep', lazyContext(environment)))
    .use(errorReport())
    .use(parseEvent(ScheduleInput))
    .handler(sweepStage);
