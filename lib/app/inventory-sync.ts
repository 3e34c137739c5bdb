import { setTimeout as delay } from 'node:timers/promises';
import { backoffMillis } from '../shared/backoff.ts';
import { reportOf } from '../shared/errors.ts';
import type { Logger } from '../shared/log.ts';

/** The dependencies of {@link startInventorySync}. */
export interface InventorySyncDeps {
  /** Fills the inventory. Throws while Keystone does not answer. */
  syncInventory(): Promise<unknown>;
  /**
   * Compares the inventory with Keystone's lists, and announces each change for which no
   * notification arrived. Throws while Keystone does not answer.
   */
  sweep(): Promise<{ readonly held: number }>;
  /**
   * Milliseconds between two sweeps. With 0, the only sweeps are those after a gap in the
   * notifications.
   */
  readonly sweepMillis: number;
  /**
   * Returns true if this process must do the sweep. The result is true for exactly one of the
   * processes that share a store.
   */
  claimSweep(sweepId: string): Promise<boolean>;
  /**
   * `since`: every notification after this time is received. `lastReceivedAt`: the time of the last
   * notification. The two times are epoch milliseconds. `undefined` while notifications may be
   * lost.
   */
  subscriptionState():
    | { readonly since: number; readonly lastReceivedAt: number | undefined }
    | undefined;
  readonly log: Pick<Logger, 'warn'>;
  now(): number;
}

/** The running synchronization. */
export interface InventorySync {
  /** Returns the state as text, for `/healthz`. */
  state(): string;
  stop(): Promise<void>;
}

const POLL_MILLIS = 1000;
/**
 * After a gap, the sweep waits until no notification has arrived for this time, but at most
 * `MAX_SETTLE_MILLIS`. The notifications are handled first, because a notification contains more
 * details than a listing.
 */
const SETTLE_MILLIS = 5000;
const MAX_SETTLE_MILLIS = 60_000;
const RETRY_BACKOFF = { firstMillis: 2000, maxMillis: 60_000 };

/**
 * Fills the inventory at the start, with retries, and then keeps it complete:
 *
 * - After each gap in the notifications, this process compares the inventory with Keystone. A gap
 *   is the time before the start, the time without a broker, or the time until the exchange was
 *   created again.
 * - Keystone sends each notification at most once, so a notification may also be lost without a
 *   gap. One process per store therefore compares the inventory every `sweepMillis`.
 */
export const startInventorySync = (deps: InventorySyncDeps): InventorySync => new RunningSync(deps);

type Subscription = NonNullable<ReturnType<InventorySyncDeps['subscriptionState']>>;

class RunningSync implements InventorySync {
  readonly #deps: InventorySyncDeps;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  /** True after the first successful synchronization. A later failure does not change it. */
  #hasSynced = false;
  /** The message of the newest failure. */
  #lastFailure: string | undefined;
  /** The number of missing accounts whose operations were held after the newest sweep. */
  #heldCount = 0;

  constructor(deps: InventorySyncDeps) {
    this.#deps = deps;
    this.#running = this.#run();
  }

  state(): string {
    if (!this.#hasSynced)
      return this.#lastFailure === undefined
        ? 'initial listing in progress'
        : `not synchronized: ${this.#lastFailure}`;
    return this.#heldCount > 0
      ? `filled; ${this.#heldCount} accounts are missing from Keystone's lists, and their ` +
          'cleanups are held; list them: propagator operation list --state held'
      : 'filled';
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    await this.#retryUntilDone(() => this.#deps.syncInventory());
    let sweptIntervalNumber = this.#currentIntervalNumber();
    /** The start of the newest subscription for which the inventory was compared. */
    let handledSubscriptionSince: number | undefined;
    while (!signal.aborted) {
      const subscription = this.#deps.subscriptionState();
      const intervalNumber = this.#currentIntervalNumber();
      const isAfterGap =
        subscription !== undefined &&
        subscription.since !== handledSubscriptionSince &&
        this.#isSettled(subscription);
      if (isAfterGap) {
        await this.#syncAfterGap();
        handledSubscriptionSince = subscription.since;
      } else if (intervalNumber !== sweptIntervalNumber) {
        await this.#sweepIfClaimed(intervalNumber);
        sweptIntervalNumber = intervalNumber;
      }
      await this.#wait(POLL_MILLIS);
    }
  }

  #isSettled({ since, lastReceivedAt }: Subscription): boolean {
    const now = this.#deps.now();
    return (
      now - Math.max(since, lastReceivedAt ?? 0) >= SETTLE_MILLIS ||
      now - since >= MAX_SETTLE_MILLIS
    );
  }

  /**
   * Returns the number of the sweep interval that contains the present time. All processes compute
   * the same number, so that only one of them can claim the sweep of an interval.
   */
  #currentIntervalNumber(): number {
    const { now, sweepMillis } = this.#deps;
    return sweepMillis > 0 ? Math.floor(now() / sweepMillis) : 0;
  }

  /** Fills the inventory again, with the members of all projects, and then sweeps. */
  #syncAfterGap(): Promise<void> {
    return this.#retryUntilDone(async () => {
      await this.#deps.syncInventory();
      await this.#sweep();
    });
  }

  async #sweepIfClaimed(intervalNumber: number): Promise<void> {
    let hasClaim = false;
    await this.#retryUntilDone(async () => {
      // After a successful claim, this process also makes the retries.
      hasClaim ||= await this.#deps.claimSweep(`sweep/${this.#deps.sweepMillis}/${intervalNumber}`);
      if (hasClaim) await this.#sweep();
    });
  }

  async #sweep(): Promise<void> {
    const { held } = await this.#deps.sweep();
    this.#heldCount = held;
  }

  /** Calls `work` until it succeeds or the process stops, and records the result for `state()`. */
  async #retryUntilDone(work: () => Promise<unknown>): Promise<void> {
    const { signal } = this.#stopping;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        await work();
        this.#hasSynced = true;
        return;
      } catch (thrown) {
        if (signal.aborted) return;
        const error = reportOf(thrown, { code: 'inventory.fill', service: 'keystone' });
        this.#lastFailure = error.message;
        this.#deps.log.warn(error, 'accounts could not be listed in Keystone; retrying');
        await this.#wait(backoffMillis(attempt, RETRY_BACKOFF));
      }
    }
  }

  async #wait(millis: number): Promise<void> {
    const { signal } = this.#stopping;
    await delay(millis, undefined, { signal }).catch(() => undefined);
  }
}
