/** Concurrent calls to DynamoDB. */
const BATCHES_AT_ONCE = 8;

/** Calls `work` with batches of at most `size` entries, several batches at a time. */
export async function inBatches<T, R>(
  entries: readonly T[],
  size: number,
  work: (batch: T[]) => Promise<R>,
): Promise<R[]> {
  const batches = Array.from({ length: Math.ceil(entries.length / size) }, (_, index) =>
    entries.slice(index * size, (index + 1) * size),
  );
  const results: R[] = [];
  for (let at = 0; at < batches.length; at += BATCHES_AT_ONCE)
    results.push(...(await Promise.all(batches.slice(at, at + BATCHES_AT_ONCE).map(work))));
  return results;
}
