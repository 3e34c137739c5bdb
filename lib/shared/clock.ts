/**
 * Epoch milliseconds that only go forward, at the speed of the monotonic clock: the system clock is
 * read once, when this is called. Somebody who sets the system clock, or a time server that
 * corrects it, neither shortens nor prolongs a wait of this process.
 */
export function steadyClock(
  systemNow: () => number = Date.now,
  monotonicNow: () => number = () => performance.now(),
): () => number {
  const offset = systemNow() - monotonicNow();
  return () => Math.floor(offset + monotonicNow());
}

/** A change of the system clock that is smaller than this is a correction, not a jump. */
const JUMP_MILLIS = 5000;

/**
 * Compares the system clock with the monotonic clock. Each call returns by how many milliseconds
 * the system clock has jumped since the call before, forward (positive) or back (negative); 0 when
 * it did not.
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
