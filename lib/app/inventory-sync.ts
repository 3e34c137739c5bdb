import { setTimeout as delay } from 'node:timers/promises';
import { backoffMillis } from '../shared/backoff.ts';
import { reportOf } from '../shared/errors.ts';
import type { Logger } from '../shared/log.ts';

/** The dependencies of {@link startInventorySync}. */
export interface InventorySyncDeps {
  /** Fills the inventory. Throws while Keystone does not answer. */
  syncInventory(): Promise<unknown>;
  /**
   * Compares the inventory with Keystone's lists and announces changes without a notification.
   * Throws while Keystone does not answer.
   */
  sweep(): Promise<{ readonly held: number }>;
  /**
   * Milliseconds between two sweeps. With 0 a sweep follows only after a gap in the notifications.
   */
  readonly sweepMillis: number;
  /**
   * Returns true if this process must do the sweep. The result is true for exactly one of the
   * processes that share a store.
   */
  claim(sweepId: string): Promise<boolean>;
  /**
   * `since`: every notification after this time is received. `lastAt`: the time of the last
   * notification. The two times are epoch milliseconds. `undefined` while notifications may be
   * lost.
   */
  subscriptionState(): { readonly since: number; readonly lastAt: number | undefined } | undefined;
  readonly log: Pick<Logger, 'warn'>;
  now(): number;
}

/** The running synchronization. */
export interface InventorySync {
  /** The state in words, for `/healthz`. */
  state(): string;
  stop(): Promise<void>;
}

const POLL_MILLIS = 1000;
/**
 * After a gap, the sweep waits until no notification has arrived for this time, but at most
 * `MAX_SETTLE_MILLIS`. The notifications are handled first, because a notification contains more
 * than a listing.
 */
const SETTLE_MILLIS = 5000;
const MAX_SETTLE_MILLIS = 60_000;
const RETRY = { firstMillis: 2000, maxMillis: 60_000 };

/**
 * Fills the inventory at the start, with retries, and then keeps it complete:
 *
 * - After each gap in the notifications, this process compares the inventory with Keystone. A gap
 *   is the time before the start, the time without a broker, or the time until the exchange was
 *   created again.
 * - Keystone sends each notification at most once, so a notification may also be lost without a
 *   gap. One process per store therefore compares the inventory every `sweepMillis`.
 */
export function startInventorySync({
  syncInventory,
  sweep,
  sweepMillis,
  claim,
  subscriptionState,
  log,
  now,
}: InventorySyncDeps): InventorySync {
  const stopping = new AbortController();
  const { signal } = stopping;
  let state = 'initial listing in progress';
  let stateWhenSynced = 'filled';
  let sweptSince: number | undefined;
  const wait = (millis: number): Promise<void> =>
    delay(millis, undefined, { signal }).catch(() => undefined);

  const isSettled = ({
    since,
    lastAt,
  }: NonNullable<ReturnType<InventorySyncDeps['subscriptionState']>>): boolean =>
    now() - Math.max(since, lastAt ?? 0) >= SETTLE_MILLIS || now() - since >= MAX_SETTLE_MILLIS;

  /** Also lists the members of all projects again, which a sweep does not do. */
  const syncAfterGap = () =>
    retryUntilDone(async () => {
      await syncInventory();
      await sweepInventory();
    });
  const run = async (): Promise<void> => {
    await retryUntilDone(syncInventory);
    let sweptSlot = slotOf(now());
    while (!signal.aborted) {
      const subscription = subscriptionState();
      const slot = slotOf(now());
      if (subscription && subscription.since !== sweptSince && isSettled(subscription)) {
        await syncAfterGap();
        sweptSince = subscription.since;
      } else if (slot !== sweptSlot) {
        let hasClaim = false;
        await retryUntilDone(async () => {
          // After a successful claim, this process also makes the retries.
          hasClaim ||= await claim(`sweep/${sweepMillis}/${slot}`);
          if (hasClaim) await sweepInventory();
        });
        sweptSlot = slot;
      }
      await wait(POLL_MILLIS);
    }
  };
  const sweepInventory = async (): Promise<void> => {
    const { held } = await sweep();
    stateWhenSynced =
      held > 0
        ? `filled; ${held} accounts are missing from Keystone's lists, and their cleanups are ` +
          'held; list them: propagator operation list --state held'
        : 'filled';
  };
  /** All processes use the same time slots, so that they claim the same sweep. */
  const slotOf = (at: number): number => (sweepMillis > 0 ? Math.floor(at / sweepMillis) : 0);
  const retryUntilDone = async (work: () => Promise<unknown>): Promise<void> => {
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        await work();
        state = stateWhenSynced;
        return;
      } catch (thrown) {
        if (signal.aborted) return;
        const error = reportOf(thrown, { code: 'inventory.fill', service: 'keystone' });
        if (state !== stateWhenSynced) state = `not synchronized: ${error.message}`;
        log.warn(error, 'accounts could not be listed in Keystone; retrying');
        await wait(backoffMillis(attempt, RETRY));
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
