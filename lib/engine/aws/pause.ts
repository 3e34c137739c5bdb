import { setTimeout as delay } from 'node:timers/promises';
import { backoffMillis } from '../../shared/backoff.ts';

const BACKOFF = { firstMillis: 20, maxMillis: 2000 };

/**
 * Waits after failed attempt number `attempt` (1, 2, 3 …). The wait is random, between half of the
 * back-off and the whole, so that competing processes do not retry in step.
 */
export const pause = (attempt: number): Promise<void> =>
  delay(backoffMillis(attempt, BACKOFF, 0.5 + Math.random() / 2));
