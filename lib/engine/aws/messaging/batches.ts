import { pause } from '../pause.ts';

/** EventBridge and SQS accept ten entries in one call, with 1 MiB in total. */
const MAX_ENTRIES = 10;
const MAX_BYTES = 1024 * 1024;
const MAX_TRIES = 6;

export interface Refusal<Entry> {
  readonly entry: Entry;
  readonly why: string;
}

/**
 * Sends all entries in calls of up to ten, and retries the refused entries. Returns the entries
 * that were refused in the last attempt.
 */
export async function sendInBatches<Entry>(
  entries: readonly Entry[],
  bytesOf: (entry: Entry) => number,
  call: (share: readonly Entry[]) => Promise<Refusal<Entry>[]>,
): Promise<Refusal<Entry>[]> {
  const refused = await Promise.all(
    sharesOf(entries, bytesOf).map(async (share) => {
      for (let [wanted, tries] = [share, 1]; ; tries += 1) {
        const refusals = await call(wanted);
        if (refusals.length === 0 || tries >= MAX_TRIES) return refusals;
        wanted = refusals.map(({ entry }) => entry);
        await pause(tries);
      }
    }),
  );
  return refused.flat();
}

/** Divides entries into batches within the limits of one call. */
export function sharesOf<Entry>(
  entries: readonly Entry[],
  bytesOf: (entry: Entry) => number,
): Entry[][] {
  const shares: Entry[][] = [];
  let [share, bytes]: [Entry[], number] = [[], 0];
  for (const entry of entries) {
    const more = bytesOf(entry);
    if (share.length === MAX_ENTRIES || (share.length > 0 && bytes + more > MAX_BYTES)) {
      shares.push(share);
      [share, bytes] = [[], 0];
    }
    share.push(entry);
    bytes += more;
  }
  return share.length > 0 ? [...shares, share] : shares;
}
