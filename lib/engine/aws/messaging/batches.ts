import { pause } from '../dynamodb/table.ts';

/**
 * EventBridge and SQS take ten entries in one call, and in all no more bytes than one of them might
 * have.
 */
const MOST_ENTRIES = 10;
const MOST_BYTES = 1024 * 1024;
const MOST_TRIES = 6;

export interface Refusal<Entry> {
  readonly entry: Entry;
  readonly why: string;
}

/**
 * Hands over all entries, in calls of ten. Each entry's own result counts: the call says which were
 * refused, and those alone are tried again. Returns what was refused to the end.
 */
export async function handOver<Entry>(
  entries: readonly Entry[],
  bytesOf: (entry: Entry) => number,
  call: (share: readonly Entry[]) => Promise<Refusal<Entry>[]>,
): Promise<Refusal<Entry>[]> {
  const refused = await Promise.all(
    sharesOf(entries, bytesOf).map(async (share) => {
      for (let [wanted, tries] = [share, 1]; ; tries += 1) {
        const refusals = await call(wanted);
        if (refusals.length === 0 || tries >= MOST_TRIES) return refusals;
        wanted = refusals.map(({ entry }) => entry);
        await pause(tries);
      }
    }),
  );
  return refused.flat();
}

export function sharesOf<Entry>(
  entries: readonly Entry[],
  bytesOf: (entry: Entry) => number,
): Entry[][] {
  const shares: Entry[][] = [];
  let [share, bytes]: [Entry[], number] = [[], 0];
  for (const entry of entries) {
    const more = bytesOf(entry);
    if (share.length === MOST_ENTRIES || (share.length > 0 && bytes + more > MOST_BYTES)) {
      shares.push(share);
      [share, bytes] = [[], 0];
    }
    share.push(entry);
    bytes += more;
  }
  return share.length > 0 ? [...shares, share] : shares;
}
