import type { LambdaContext } from '../../engine/aws/lambda/context.ts';
import { taskSettings } from '../settings-deps.ts';

/**
 * A run begins no new removals after this time. It must be well below the timeout of its function.
 */
const RUN_BUDGET_MILLIS = 60_000;
/**
 * A removal that began at the end of the budget has ended by this time. The function then has half
 * a minute left for its report.
 */
const RUN_END_MILLIS = 150_000;
/** Each progress report costs an event, a message, a call of the coordinator and its writes. */
export const PROGRESS_MILLIS = 10_000;

/** Returns the dependencies of all functions, without the list of services. */
export const commonDeps = ({
  observed: engine,
  cloud,
  settings,
  log,
  protection,
}: LambdaContext) => ({
  engine,
  cloud,
  keystone: cloud.keystone,
  log,
  mode: settings.PROPAGATOR_MODE,
  protection,
  maxWaitMillis: settings.PROPAGATOR_MAX_WAIT,
  now: Date.now,
});

/**
 * Returns the dependencies of a service's function. It has its own file so that the bundle does not
 * contain all services.
 */
export const taskDeps = (lambda: LambdaContext) => ({
  ...commonDeps(lambda),
  ...taskSettings(lambda.settings),
  budgetMillis: RUN_BUDGET_MILLIS,
  lateMillis: RUN_END_MILLIS,
  progressMillis: PROGRESS_MILLIS,
});
