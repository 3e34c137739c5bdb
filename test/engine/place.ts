import type { Engine } from '../../lib/engine/port.ts';

/** A store that engines can be opened on, again and again. */
export interface Place {
  /** An engine with few and quick retries: three deliveries, about a second apart. */
  open(): Promise<Engine>;
  /**
   * The step in which delays are counted, where it is coarse: a message may come later by so much.
   * Default 0.
   */
  readonly delayStepMillis?: number;
  /** Ends the store itself. */
  end(): Promise<void>;
}

/** The retries of {@link Place.open}, for engines that can be told. */
export const QUICK_RETRY = { limit: 2, longestSeconds: 1 };

/** Waits for a state of the world; throws what was waited for when it does not come. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  seconds = 20,
): Promise<void> {
  const end = performance.now() + seconds * 1000;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`waited ${seconds} s in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A door that a test opens: handlers stand before it. */
export function apiUrl(): { passed: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { passed: promise, open: resolve };
}

export const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
