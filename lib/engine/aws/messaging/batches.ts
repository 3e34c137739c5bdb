import { pause } from '../pause.ts';

/** EventBridge and SQS accept ten entries in one call, with 1 MiB in total. */
const MAX_ENTRIES = 10;
const MAX_BYTES = 1024 * 1024;
const MAX_TRIES = 6;

/** An entry of a call that AWS did not accept, with the reason. */
export interface RefusedEntry<Entry> {
  readonly entry: Entry;
  readonly reason: string;
}

/**
 * Sends all entries in calls of up to ten. `call` sends one batch and returns the refused entries,
 * which this function sends again. Returns the entries that were also refused in the last attempt.
 */
export async function sendInBatches<Entry>(
  entries: readonly Entry[],
  bytesOf: (entry: Entry) => number,
  call: (batch: readonly Entry[]) => Promise<RefusedEntry<Entry>[]>,
): Promise<RefusedEntry<Entry>[]> {
  const refusals = await Promise.all(
    batchesOf(entries, bytesOf).map((batch) => sendBatch(batch, call)),
  );
  return refusals.flat();
}

async function sendBatch<Entry>(
  batch: readonly Entry[],
  call: (batch: readonly Entry[]) => Promise<RefusedEntry<Entry>[]>,
): Promise<RefusedEntry<Entry>[]> {
  let refusals = await call(batch);
  for (let tries = 1; refusals.length > 0 && tries < MAX_TRIES; tries += 1) {
    await pause(tries);
    refusals = await call(refusals.map(({ entry }) => entry));
  }
  return refusals;
}

/** Divides entries into batches within the limits of one call. */
function batchesOf<Entry>(entries: readonly Entry[], bytesOf: (entry: Entry) => number): Entry[][] {
  const batches: Entry[][] = [];
  let [batch, bytes]: [Entry[], number] = [[], 0];
  for (const entry of entries) {
    const entryBytes = bytesOf(entry);
    if (batch.length === MAX_ENTRIES || (batch.length > 0 && bytes + entryBytes > MAX_BYTES)) {
      batches.push(batch);
      [batch, bytes] = [[], 0];
    }
    batch.push(entry);
    bytes += entryBytes;
  }
  return batch.length > 0 ? [...batches, batch] : batches;
}
