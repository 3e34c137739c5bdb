import { setTimeout as delay } from 'node:timers/promises';
import { backoffMillis } from '../../shared/backoff.ts';

const BACKOFF = { firstMillis: 20, maxMillis: 2000 };

/**
 * Waits after failed attempt number `attempt` (1, 2, 3 …). The wait is a random time between half
 * the back-off and the whole back-off, so that competing processes do not retry at the same time.
 */
export const pause = (attempt: number): Promise<void> =>
  delay(backoffMillis(attempt, BACKOFF, 0.5 + Math.random() / 2));
