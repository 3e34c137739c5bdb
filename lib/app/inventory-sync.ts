import { setTimeout as delay } from 'node:timers/promises';
import { reportOf } from '../shared/errors.ts';
import type { Logger } from '../shared/log.ts';

export interface InventorySyncDeps {
  /**
   * Fills the inventory; with `announce`, deletions that nobody announced are put on the bus.
   * Throws while Keystone does not answer.
   */
  syncInventory(options: { announce: boolean }): Promise<unknown>;
  /**
   * Since when every notification reaches us, and when the last one came (epoch milliseconds);
   * `undefined` while they may be lost.
   */
  subscriptionState(): { readonly since: number; readonly lastAt: number | undefined } | undefined;
  readonly log: Pick<Logger, 'warn'>;
  now(): number;
}

export interface InventorySync {
  /** For `/healthz`, in words. */
  state(): string;
  stop(): Promise<void>;
}

const LOOK_MILLIS = 1000;
/**
 * After a gap, what waited in the broker is taken in first: it knows more than a listing. On a busy
 * cloud there is never a pause.
 */
const QUIET_MILLIS = 5000;
const LONGEST_MILLIS = 60_000;
const AGAIN_SECONDS = [2, 5, 10, 30, 60];

/**
 * Fills the inventory at start, as often as it takes; and after each gap in which notifications may
 * have been lost (the start itself, a broker that was away, an exchange that had to be made anew)
 * compares it with Keystone once more.
 */
export function startInventorySync({
  syncInventory,
  subscriptionState,
  log,
  now,
}: InventorySyncDeps): InventorySync {
  const stopping = new AbortController();
  const { signal } = stopping;
  let state = 'being filled';
  let comparedFor: number | undefined;
  const wait = (millis: number): Promise<void> =>
    delay(millis, undefined, { signal }).catch(() => undefined);

  const isSettled = ({
    since,
    lastAt,
  }: NonNullable<ReturnType<InventorySyncDeps['subscriptionState']>>): boolean =>
    now() - Math.max(since, lastAt ?? 0) >= QUIET_MILLIS || now() - since >= LONGEST_MILLIS;

  const run = async (): Promise<void> => {
    await untilFilled({ announce: false });
    while (!signal.aborted) {
      const hearing = subscriptionState();
      if (hearing && hearing.since !== comparedFor && isSettled(hearing)) {
        await untilFilled({ announce: true });
        comparedFor = hearing.since;
      }
      await wait(LOOK_MILLIS);
    }
  };
  const untilFilled = async (options: { announce: boolean }): Promise<void> => {
    for (let n = 0; !signal.aborted; n += 1) {
      try {
        await syncInventory(options);
        state = 'filled';
        return;
      } catch (thrown) {
        const error = reportOf(thrown, { code: 'inventory.fill', service: 'keystone' });
        if (state !== 'filled') state = `not filled: ${error.message}`;
        log.warn(error, 'Keystone could not be listed; trying again');
        await wait((AGAIN_SECONDS[n] ?? 60) * 1000);
      }
    }
  };
  const running = run();
  return {
    state: () => state,
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
