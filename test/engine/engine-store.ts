import { connect, type Socket } from 'node:net';
import type { WorkerEngine } from '../../lib/engine/port.ts';

/** A store on which engines can be opened repeatedly. */
export interface EngineStore {
  /** Opens an engine with few and quick retries: three deliveries, about a second apart. */
  open(): Promise<WorkerEngine>;
  /**
   * The resolution of delays, if it is coarse: a message may arrive later by this time. Default 0.
   */
  readonly delayStepMillis?: number;
  /** Ends the store itself. */
  end(): Promise<void>;
}

/** The retries of {@link EngineStore.open}, for engines with configurable retries. */
export const QUICK_RETRY = { maxRetries: 2, maxDelaySeconds: 1 };

/**
 * Waits for a state of the world. After the timeout it throws an error that names the expected
 * state.
 */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  seconds = 50,
): Promise<void> {
  const end = performance.now() + seconds * 1000;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`waited ${seconds} s in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A gate that holds handlers back until the test opens it. */
export function barrier(): { passed: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { passed: promise, open: resolve };
}

export const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

/** Opens a connection to a port of this machine, which the test may leave open. */
export function connectTo(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  return new Promise((resolve) => socket.once('connect', () => resolve(socket)));
}
