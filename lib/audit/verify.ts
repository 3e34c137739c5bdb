import { countText } from '../shared/count-text.ts';
import { type AuditHead, type AuditRow, EMPTY_LOG_HEAD, hashOf } from './entry.ts';

/** The calls that read the stored log. */
export interface AuditSource {
  /** Returns at most `limit` rows in the order of their sequence, beginning at `firstSequence`. */
  auditRows(firstSequence: number, limit: number): Promise<readonly AuditRow[]>;
  auditHead(): Promise<AuditHead>;
}

/**
 * The result of a verification. `head` is the newest entry that was verified. `broken` is the first
 * invalid or missing entry.
 */
export type LogVerification =
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

/** The number of rows that one read returns. */
const ROWS_PER_READ = 500;
/**
 * The maximum number of reads of the end of the log. One read may not be enough: while a DynamoDB
 * transaction is being written, a reader may see only a part of it.
 */
const MAX_READS_OF_END = 5;

/**
 * Verifies the whole log: every sequence number exists once, every hash matches its entry, and
 * every entry contains the hash of the entry before. A `known` entry must be in the log unchanged.
 * Without a `known` entry, a log that was replaced as a whole looks valid. `pause` waits between
 * two reads of the end of the log.
 */
export async function verifyLog(
  source: AuditSource,
  { known: knownEntry, pause }: { readonly known?: KnownEntry | undefined; pause(): Promise<void> },
): Promise<LogVerification> {
  let verifiedHead = EMPTY_LOG_HEAD;
  for (let reads = 1; ; reads += 1) {
    const result = await verifyRows(source, verifiedHead, knownEntry);
    if (!result.ok) return result;
    verifiedHead = result.head;
    const head = await source.auditHead();
    const isEnd = head.sequence === verifiedHead.sequence && head.hash === verifiedHead.hash;
    if (isEnd) return resultAtEnd(verifiedHead, knownEntry);
    if (reads >= MAX_READS_OF_END) return resultForOtherHead(verifiedHead, head);
    await pause();
  }
}

/** Verifies all rows after `verifiedHead`, the last entry that was verified. */
async function verifyRows(
  source: AuditSource,
  verifiedHead: AuditHead,
  knownEntry: KnownEntry | undefined,
): Promise<LogVerification> {
  let lastVerifiedHead = verifiedHead;
  for (;;) {
    const rows = await source.auditRows(lastVerifiedHead.sequence + 1, ROWS_PER_READ);
    for (const row of rows) {
      const because = defectOf(row, lastVerifiedHead, knownEntry);
      if (because !== undefined)
        return brokenAt(lastVerifiedHead.sequence + 1, because, lastVerifiedHead);
      lastVerifiedHead = { sequence: row.sequence, hash: hashOf(row.entry as object) };
    }
    if (rows.length < ROWS_PER_READ) return { ok: true, head: lastVerifiedHead };
  }
}

/** Returns the result for a log without an error up to its last entry, `head`. */
const resultAtEnd = (head: AuditHead, knownEntry: KnownEntry | undefined): LogVerification =>
  knownEntry !== undefined && knownEntry.sequence > head.sequence
    ? brokenAt(
        head.sequence + 1,
        `entry ${knownEntry.sequence} is missing, although its hash is known`,
        head,
      )
    : { ok: true, head };

/** Returns the result for a log whose stored head does not match its last entry. */
const resultForOtherHead = (verifiedHead: AuditHead, storedHead: AuditHead): LogVerification =>
  storedHead.sequence > verifiedHead.sequence
    ? brokenAt(
        verifiedHead.sequence + 1,
        `it is missing; the log has ${countText(storedHead.sequence, 'entry', 'entries')}`,
        verifiedHead,
      )
    : brokenAt(
        verifiedHead.sequence,
        `it does not match the stored head of the log, which names entry ${storedHead.sequence}`,
        verifiedHead,
      );

const brokenAt = (sequence: number, because: string, head: AuditHead): LogVerification => ({
  ok: false,
  head,
  broken: { sequence, because },
});

/** Returns why a row is not the valid next entry of the log, or `undefined` if it is valid. */
function defectOf(
  { sequence, entry }: AuditRow,
  lastVerifiedHead: AuditHead,
  knownEntry: KnownEntry | undefined,
): string | undefined {
  const expectedSequence = lastVerifiedHead.sequence + 1;
  if (sequence !== expectedSequence) return `it is missing; the next entry is ${sequence}`;
  if (typeof entry !== 'object' || entry === null) return 'it cannot be read';
  const fields = entry as { readonly [name: string]: unknown };
  const hash = hashOf(entry);
  if (fields.hash !== hash) return 'its content was changed: its hash does not match';
  if (fields.sequence !== expectedSequence)
    return `it is entry ${String(fields.sequence)}, moved here`;
  if (fields.previous !== lastVerifiedHead.hash)
    return `it does not continue entry ${lastVerifiedHead.sequence}`;
  if (knownEntry?.sequence === expectedSequence && knownEntry.hash !== hash)
    return `its hash is not the known hash ${knownEntry.hash}`;
  return undefined;
}
