/**
 * A clock in epoch milliseconds that only moves forward, at the speed of the monotonic clock. It
 * reads the system clock only once, when it is created. Later changes of the system clock therefore
 * do not change how long this process waits.
 */
export function steadyClock(
  systemNow: () => number = Date.now,
  monotonicNow: () => number = () => performance.now(),
): () => number {
  const offset = systemNow() - monotonicNow();
  return () => Math.floor(offset + monotonicNow());
}

/** Smaller changes of the system clock are ignored as corrections. */
const JUMP_MILLIS = 5000;

/**
 * Compares the system clock with the monotonic clock. Each call returns the jump of the system
 * clock since the previous call, in milliseconds: positive is forward, 0 is no jump.
 */
export function jumpDetector(
  systemNow: () => number = Date.now,
  monotonicNow: () => number = () => performance.now(),
): () => number {
  let offset = systemNow() - monotonicNow();
  return () => {
    const current = systemNow() - monotonicNow();
    const jump = current - offset;
    offset = current;
    return Math.abs(jump) >= JUMP_MILLIS ? Math.round(jump) : 0;
  };
}
