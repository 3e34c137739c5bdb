import { setTimeout as delay } from 'node:timers/promises';
import { reportOf } from '../shared/errors.ts';
import type { Logger } from '../shared/log.ts';

export interface InventorySyncDeps {
  /**
   * Fills the inventory. With `announce`, deletions without a notification are published as events.
   * Throws while Keystone does not answer.
   */
  syncInventory(options: { announce: boolean }): Promise<unknown>;
  /**
   * The time since which every notification is received, and the time of the last one (epoch
   * milliseconds). `undefined` while notifications may be lost.
   */
  subscriptionState(): { readonly since: number; readonly lastAt: number | undefined } | undefined;
  readonly log: Pick<Logger, 'warn'>;
  now(): number;
}

export interface InventorySync {
  /** The state in words, for `/healthz`. */
  state(): string;
  stop(): Promise<void>;
}

const LOOK_MILLIS = 1000;
/**
 * After a gap, the notifications that wait in the broker are handled first, because they say more
 * than a listing. The upper limit is for a busy cloud, which has no pause between notifications.
 */
const QUIET_MILLIS = 5000;
const LONGEST_MILLIS = 60_000;
const AGAIN_SECONDS = [2, 5, 10, 30, 60];

/**
 * Fills the inventory at the start, with retries. After each gap in which notifications may have
 * been lost it compares the inventory with Keystone again. Gaps are the start itself, a lost
 * broker, and an exchange that was created again.
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
