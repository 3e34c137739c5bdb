/**
 * The time of the rehearsal cloud. Deletions take a while by this time, and tokens expire by it.
 */
export interface CloudClock {
  /** Epoch milliseconds. */
  now(): number;
  /** Runs `action` once, `milliseconds` from now. */
  after(milliseconds: number, action: () => void): void;
  /** Drops all scheduled actions. */
  stop(): void;
}

/** The machine's time. Its timers do not keep the process alive. */
export function realClock(): CloudClock {
  const timers = new Set<NodeJS.Timeout>();
  return {
    now: () => Date.now(),
    after(milliseconds, action) {
      const timer = setTimeout(() => {
        timers.delete(timer);
        action();
      }, milliseconds);
      timer.unref();
      timers.add(timer);
    },
    stop() {
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
    },
  };
}

/** A time that advances only on request, so that tests need no sleep. */
export class VirtualClock implements CloudClock {
  #now: number;
  #due: { at: number; action: () => void }[] = [];

  constructor(now = Date.UTC(2026, 10, 23)) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, action: () => void): void {
    this.#due.push({ at: this.#now + milliseconds, action });
  }

  stop(): void {
    this.#due = [];
  }

  /**
   * Advances the time by `milliseconds`. Runs the actions that become due, in their order, and also
   * the actions that they schedule.
   */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (;;) {
      const next = this.#due.filter((entry) => entry.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.#due.splice(this.#due.indexOf(next), 1);
      this.#now = Math.max(this.#now, next.at);
      next.action();
    }
    this.#now = end;
  }
}
