import middy from '@middy/core';
import * as z from 'zod';
import { sweepStage } from '../lib/app/lambda/sweep.ts';
import { type Environment, lazyContext } from '../lib/engine/aws/lambda/context.ts';
import { beginInvocation } from '../lib/engine/aws/lambda/log.ts';

/** The input of the schedule. */
const ScheduleInput = z.object({ compare: z.boolean().default(false) });

/** Creates the Lambda handler of the sweep. `compare` in the input: also read Keystone's lists. */
export function sweepFunction(environment: Environment) {
  const open = lazyContext(environment);
  return middy<unknown, void>().handler(async (event: unknown, context) => {
    beginInvocation(context);
    const { compare } = ScheduleInput.parse(event);
    const lambda = await open();
    await sweepStage(lambda, compare).finally(() => lambda.flush('sweep'));
  });
}
