/**
 * Returns a clock in epoch milliseconds that moves at the speed of the monotonic clock. The system
 * clock is read once, at the creation. Later changes of the system clock therefore have no effect
 * on the waiting times of this process.
 */
export function steadyClock(
  systemNow: () => number = Date.now,
  monotonicNow: () => number = () => performance.now(),
): () => number {
  const offset = systemNow() - monotonicNow();
  return () => Math.floor(offset + monotonicNow());
}

/** A change of the system clock by less than this is a correction, and does not count as a jump. */
const MIN_JUMP_MILLIS = 5000;

/**
 * Returns a function that compares the system clock with the monotonic clock. Each call of the
 * function returns the jump of the system clock since the previous call, in milliseconds: positive
 * is forward, 0 is no jump.
 */
export function jumpDetector(
  systemNow: () => number = Date.now,
  monotonicNow: () => number = () => performance.now(),
): () => number {
  let offset = systemNow() - monotonicNow();
  return () => {
    const newOffset = systemNow() - monotonicNow();
    const jumpMillis = newOffset - offset;
    offset = newOffset;
    return Math.abs(jumpMillis) >= MIN_JUMP_MILLIS ? Math.round(jumpMillis) : 0;
  };
}
