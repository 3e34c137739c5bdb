import { type AuditHead, type AuditRow, EMPTY_LOG, hashOf } from './entry.ts';

/** The stored log that {@link verifyLog} reads. */
export interface AuditSource {
  /** Returns at most `limit` rows in the order of their sequence, beginning at `from`. */
  auditRows(from: number, limit: number): Promise<readonly AuditRow[]>;
  auditHead(): Promise<AuditHead>;
}

/**
 * The result of a verification. `broken` is the first invalid or missing entry. `head` is the
 * newest verified entry.
 */
export type Verification =
  | { readonly ok: true; readonly head: AuditHead }
  | {
      readonly ok: false;
      readonly head: AuditHead;
      readonly broken: { readonly sequence: number; readonly because: string };
    };

/** An entry that was recorded outside the store, for example from an exported event. */
export interface KnownEntry {
  readonly sequence: number;
  readonly hash: string;
}

const READ_AT_ONCE = 500;
/** A DynamoDB transaction may be visible in part for a moment. */
const MAX_READS = 5;

/**
 * Verifies the whole log: every sequence number exists once, every hash matches its entry, and
 * every entry contains the hash of the entry before. A `known` entry must be in the log unchanged.
 * Without it, a log that was replaced as a whole looks valid.
 */
export async function verifyLog(
  source: AuditSource,
  { known, pause }: { readonly known?: KnownEntry | undefined; pause(): Promise<void> },
): Promise<Verification> {
  let lastVerified = EMPTY_LOG;
  const broken = (sequence: number, because: string): Verification => ({
    ok: false,
    head: lastVerified,
    broken: { sequence, because },
  });
  for (let reads = 1; ; reads += 1) {
    for (;;) {
      const rows = await source.auditRows(lastVerified.sequence + 1, READ_AT_ONCE);
      for (const row of rows) {
        const because = whyBroken(row, lastVerified, known);
        if (because !== undefined) return broken(lastVerified.sequence + 1, because);
        lastVerified = { sequence: row.sequence, hash: hashOf(row.entry as object) };
      }
      if (rows.length < READ_AT_ONCE) break;
    }
    const head = await source.auditHead();
    const isEnd = head.sequence === lastVerified.sequence && head.hash === lastVerified.hash;
    if (isEnd && (known === undefined || known.sequence <= lastVerified.sequence))
      return { ok: true, head: lastVerified };
    if (!isEnd && reads < MAX_READS) {
      await pause();
      continue;
    }
    if (isEnd)
      return broken(lastVerified.sequence + 1, `entry ${known?.sequence} is known and is missing`);
    return head.sequence > lastVerified.sequence
      ? broken(lastVerified.sequence + 1, `it is missing; the log has ${head.sequence} entries`)
      : broken(
          lastVerified.sequence,
          `the head of the log is entry ${head.sequence}, which is another entry`,
        );
  }
}

function whyBroken(
  { sequence, entry }: AuditRow,
  lastVerified: AuditHead,
  known: KnownEntry | undefined,
): string | undefined {
  const expected = lastVerified.sequence + 1;
  if (sequence !== expected) return `it is missing; the next entry is ${sequence}`;
  if (typeof entry !== 'object' || entry === null) return 'it cannot be read';
  const fields = entry as { readonly [name: string]: unknown };
  const hash = hashOf(entry);
  if (fields.hash !== hash) return 'its content was changed: its hash does not match';
  if (fields.sequence !== expected) return `it is entry ${String(fields.sequence)}, moved here`;
  if (fields.previous !== lastVerified.hash)
    return `it does not continue entry ${lastVerified.sequence}`;
  if (known?.sequence === expected && known.hash !== hash)
    return `its hash is not the known one, ${known.hash}`;
  return undefined;
}
