import { RATE_LIMIT_STATUSES } from './answer-status.ts';
import { FairQueue } from './fair-queue.ts';

/** One finished call to a service. */
export interface FinishedCall {
  /**
   * The call without ids, for example `DELETE /servers/{id}`. Latencies are compared only between
   * calls with the same label.
   */
  readonly label: string;
  readonly millis: number;
  /** `undefined`: no answer. */
  readonly status: number | undefined;
}

export interface LimiterOptions {
  /** The maximum of concurrent calls: the operator's setting or the value of the service file. */
  readonly ceiling: number;
}

const INITIAL_LIMIT = 4;
/**
 * The lowest limit for a service that is slow, or that answers more than half of the calls with
 * 409. After 429, 5xx or no answer, the lowest limit is one.
 */
const SLOW_FLOOR = 2;
/** The limit is adjusted at the end of each window. A window has at least this many answers. */
const ANSWERS_PER_WINDOW = 4;
/** The limit may grow while the ratio of latency to usual latency is below this value. */
const UNCONGESTED_RATIO = 1.6;
/** Above this ratio, calls wait inside the service, and the limit shrinks. */
const CONGESTED_RATIO = 2.5;
/**
 * An answer within this time never counts as slow, because timers and the network alone can take
 * this long.
 */
const NOISE_MILLIS = 20;
/**
 * While the limit is at its minimum, the propagator's own calls are not the cause of a slower
 * answer. The usual latency then moves towards the new latency by this share of the difference.
 */
const USUAL_LATENCY_GAIN = 0.05;

/**
 * Limits the concurrent calls to one service in one region, for all operations of the process. The
 * limit adapts to the service (additive increase, multiplicative decrease). It grows by one, up to
 * a ceiling, while the latency stays constant. It shrinks by a fifth when the latency rises. It is
 * halved after 429, 5xx or no answer, and after 409 to more than half of the calls. Callers take
 * turns, so that a project with 10,000 resources does not delay a project with ten.
 */
export class AdaptiveLimiter {
  readonly #ceiling: number;
  readonly #waitingCalls = new FairQueue<() => void>();
  /** By label: the usual latency in milliseconds while the service is not overloaded. */
  readonly #usualMillis = new Map<string, number>();
  #limit: number;
  #activeCallCount = 0;
  /** The ratio of latency to usual latency, for each answer of this window. */
  #latencyRatios: number[] = [];
  #conflictCount = 0;
  /** True if a call has waited for its turn in this window. */
  #isSaturated = false;
  /**
   * The number of expected answers to calls that were sent before the limit was last reduced. These
   * answers must not reduce the limit again.
   */
  #answersToIgnore = 0;

  constructor({ ceiling }: LimiterOptions) {
    this.#ceiling = Math.max(1, Math.floor(ceiling));
    this.#limit = Math.min(INITIAL_LIMIT, this.#ceiling);
  }

  /** The number of calls that may be in progress now. */
  get limit(): number {
    return this.#limit;
  }

  /**
   * Runs `work` as soon as it is the caller's turn. Callers with waiting calls take turns. The slot
   * is kept until the promise of `work` is settled.
   */
  async run<T>(caller: string, work: () => Promise<T>): Promise<T> {
    if (this.#activeCallCount >= this.#limit) {
      this.#isSaturated = true;
      await new Promise<void>((resolve) => this.#waitingCalls.add(caller, resolve));
    } else this.#activeCallCount += 1;
    try {
      return await work();
    } finally {
      this.#activeCallCount -= 1;
      this.#startWaitingCalls();
    }
  }

  /** Adapts the limit. Must be called after every call to the service, even without an answer. */
  observe({ label, millis, status }: FinishedCall): void {
    if (this.#answersToIgnore > 0) {
      this.#answersToIgnore -= 1;
      return;
    }
    if (status === undefined || RATE_LIMIT_STATUSES.includes(status) || status >= 500) {
      this.#shrink(0.5, 1);
      return;
    }
    this.#latencyRatios.push(this.#recordLatency(label, millis));
    if (status === 409) this.#conflictCount += 1;
    if (this.#latencyRatios.length >= Math.max(ANSWERS_PER_WINDOW, this.#limit)) this.#endWindow();
  }

  /** Adapts the limit to the answers of the window: their conflicts and their median latency. */
  #endWindow(): void {
    const sortedRatios = this.#latencyRatios.sort((a, b) => a - b);
    const medianRatio = sortedRatios[Math.floor(sortedRatios.length / 2)] ?? 1;
    const isConflicting = this.#conflictCount * 2 > sortedRatios.length;
    const wasSaturated = this.#isSaturated;
    this.#beginWindow();
    if (isConflicting) this.#shrink(0.5, SLOW_FLOOR);
    else if (medianRatio > CONGESTED_RATIO) this.#shrink(0.8, SLOW_FLOOR);
    else if (medianRatio < UNCONGESTED_RATIO && wasSaturated) {
      this.#limit = Math.min(this.#ceiling, this.#limit + 1);
      this.#startWaitingCalls();
    }
  }

  /**
   * Returns the ratio of the latency to the usual latency of the call, at least 1. Also updates the
   * usual latency.
   */
  #recordLatency(label: string, millis: number): number {
    const latencyMillis = Math.max(millis, NOISE_MILLIS);
    const usualMillis = this.#usualMillis.get(label);
    if (usualMillis === undefined || latencyMillis < usualMillis) {
      this.#usualMillis.set(label, latencyMillis);
      return 1;
    }
    if (this.#limit <= SLOW_FLOOR)
      this.#usualMillis.set(
        label,
        usualMillis + (latencyMillis - usualMillis) * USUAL_LATENCY_GAIN,
      );
    return latencyMillis / usualMillis;
  }

  #shrink(factor: number, floor: number): void {
    const minimum = Math.min(floor, this.#limit);
    this.#limit = Math.max(minimum, Math.floor(this.#limit * factor));
    // The calls in progress were sent under the old limit.
    this.#answersToIgnore = Math.max(0, this.#activeCallCount - 1);
    this.#beginWindow();
  }

  #beginWindow(): void {
    this.#latencyRatios = [];
    this.#conflictCount = 0;
    this.#isSaturated = this.#waitingCalls.size > 0;
  }

  #startWaitingCalls(): void {
    while (this.#activeCallCount < this.#limit) {
      const startCall = this.#waitingCalls.takeNext();
      if (!startCall) return;
      this.#activeCallCount += 1;
      startCall();
    }
  }
}
