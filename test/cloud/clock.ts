/** The time of the rehearsal cloud: deletes take a while on it, tokens expire on it. */
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

/** A time that advances only on request: tests without sleeping. */
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
   * Lets `milliseconds` go by and runs what falls due, in its order, also the actions that those
   * start.
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
