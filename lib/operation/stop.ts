import type { Condition } from '../../events/service.ts';

/**
 * A person's decision to stop all destructive work of the propagator, or to resume it. The newest
 * decision applies (safety rule "Caps and a stop switch").
 */
export interface StopDecision {
  readonly what: 'stopped' | 'resumed';
  readonly by: string;
  /** A stop always has a reason. */
  readonly reason?: string | undefined;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** Returns the newest decision if it is a stop, otherwise `undefined`. */
export const activeStop = (newest: StopDecision | undefined): StopDecision | undefined =>
  newest?.what === 'stopped' ? newest : undefined;

/** Returns the condition of a task while all destructive work is stopped. */
export const stopCondition = ({ by, reason = '' }: StopDecision): Condition => ({
  class: 'Blocked',
  message: `all destructive work is stopped (propagator stop-all) by ${by}: ${reason}`,
  actor: 'operator',
  advice: 'To continue: propagator resume-all --reason "…". The work continues within a minute.',
  count: 1,
});
