import type { LambdaContext } from '../../engine/aws/lambda/context.ts';
import { taskSettings } from '../settings-deps.ts';

/**
 * After this time a run begins no removals. The value must be well below the timeout of its
 * function.
 */
const RUN_BUDGET_MILLIS = 60_000;
/**
 * A run that has not ended after this time is reported with a transient error. A removal that began
 * at the end of `RUN_BUDGET_MILLIS` thus has 90 s to end, and the function has half a minute left
 * for its report.
 */
const MAX_RUN_MILLIS = 150_000;
/**
 * The shortest time between two progress reports. Each report costs an event, a message, a call of
 * the coordinator, and writes to the store.
 */
export const PROGRESS_MILLIS = 10_000;

/** Returns the dependencies that all functions have. The list of services is not among them. */
export const commonDeps = ({
  loggingEngine: engine,
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
 * Returns the dependencies of a service's function. This file must not import the list of services,
 * because the bundle would then contain all of them.
 */
export const taskDeps = (lambda: LambdaContext) => ({
  ...commonDeps(lambda),
  ...taskSettings(lambda.settings),
  budgetMillis: RUN_BUDGET_MILLIS,
  maxRunMillis: MAX_RUN_MILLIS,
  progressMillis: PROGRESS_MILLIS,
});
