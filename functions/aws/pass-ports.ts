import type { Warm } from '../../lib/engine/aws/function/warm.ts';

/** One pass begins no new removal after this; it must be well below the time-out of its function. */
const PASS_BUDGET_MILLIS = 60_000;
/** A removal that was begun at the last moment of the budget has ended by then, and the function has half a minute left to say so. */
const PASS_LATE_MILLIS = 150_000;
/** Each time costs an event, a message, a call of the coordinator and its writes. */
export const PROGRESS_MILLIS = 10_000;

/** What every function works with, but for the services that it knows. */
export const commonPorts = ({ told: engine, cloud, settings, log, protection }: Warm) => ({
  engine,
  cloud,
  keystone: cloud.keystone,
  log,
  mode: settings.PROPAGATOR_MODE,
  protection,
  now: Date.now,
});

/** What the function of a service works with. In a file of its own: its bundle must not hold all the others. */
export const passPorts = (warm: Warm) => ({
  ...commonPorts(warm),
  apartMillis: warm.settings.PROPAGATOR_CONFIRM_APART,
  patienceMillis: warm.settings.PROPAGATOR_PATIENCE,
  concurrency: warm.settings.PROPAGATOR_CONCURRENCY,
  budgetMillis: PASS_BUDGET_MILLIS,
  lateMillis: PASS_LATE_MILLIS,
  progressMillis: PROGRESS_MILLIS,
});
