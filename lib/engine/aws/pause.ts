import { setTimeout as delay } from 'node:timers/promises';
import { backoffMillis } from '../../shared/backoff.ts';

const BACKOFF = { firstMillis: 20, maxMillis: 2000 };

/**
 * Waits for the back-off after failed attempt number `attempt` (1, 2, 3 …). Up to half of the
 * back-off is random, so that competing processes do not retry at the same time.
 */
export const pause = (attempt: number): Promise<void> =>
  delay(backoffMillis(attempt, BACKOFF, 0.5 + Math.random() / 2));
