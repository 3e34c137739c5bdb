import type { LambdaContext } from '../../engine/aws/lambda/context.ts';

/**
 * One pass begins no new removal after this; it must be well below the time-out of its function.
 */
const PASS_BUDGET_MILLIS = 60_000;
/**
 * A removal that was begun at the last moment of the budget has ended by then, and the function has
 * half a minute left to say so.
 */
const PASS_LATE_MILLIS = 150_000;
/** Each time costs an event, a message, a call of the coordinator and its writes. */
export const PROGRESS_MILLIS = 10_000;

/** What every function works with, but for the services that it knows. */
export const commonDeps = ({ told: engine, cloud, settings, log, protection }: LambdaContext) => ({
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
 * What the function of a service works with. In a file of its own: its bundle must not hold all the
 * others.
 */
export const taskDeps = (lambda: LambdaContext) => ({
  ...commonDeps(lambda),
  confirmationIntervalMillis: lambda.settings.PROPAGATOR_CONFIRMATION_INTERVAL,
  stallTimeoutMillis: lambda.settings.PROPAGATOR_STALL_TIMEOUT,
  concurrency: lambda.settings.PROPAGATOR_CONCURRENCY,
  budgetMillis: PASS_BUDGET_MILLIS,
  lateMillis: PASS_LATE_MILLIS,
  progressMillis: PROGRESS_MILLIS,
});
