/** The maximum number of concurrent calls to DynamoDB. */
const CONCURRENT_BATCHES = 8;

/**
 * Divides the entries into batches of at most `size` entries, and calls `callBatch` with each
 * batch, for up to {@link CONCURRENT_BATCHES} batches at the same time. Returns the results in the
 * order of the batches.
 */
export async function callInBatches<T, R>(
  entries: readonly T[],
  size: number,
  callBatch: (batch: T[]) => Promise<R>,
): Promise<R[]> {
  const batches = Array.from({ length: Math.ceil(entries.length / size) }, (_, index) =>
    entries.slice(index * size, (index + 1) * size),
  );
  const results: R[] = [];
  for (let start = 0; start < batches.length; start += CONCURRENT_BATCHES) {
    const concurrentBatches = batches.slice(start, start + CONCURRENT_BATCHES);
    results.push(...(await Promise.all(concurrentBatches.map(callBatch))));
  }
  return results;
}
