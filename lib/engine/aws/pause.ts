import { setTimeout as delay } from 'node:timers/promises';
import { backoffMillis } from '../../shared/backoff.ts';

const BACKOFF = { firstMillis: 20, maxMillis: 2000 };

/**
 * Waits after failed attempt number `attempt` (1, 2, 3 …). A random part of up to half the back-off
 * keeps competing processes from retrying at the same time.
 */
export const pause = (attempt: number): Promise<void> =>
  delay(backoffMillis(attempt, BACKOFF, 0.5 + Math.random() / 2));
