import type { AuditRow } from './entry.ts';
import type { AuditSource } from './verify.ts';

/** Selects the newest `limit` entries that meet the conditions in the other fields. */
export interface AuditFilter {
  /** Epoch milliseconds: only entries from this time on. */
  readonly since?: number;
  /** The name or the id of the caller. */
  readonly by?: string;
  readonly operationId?: string;
  readonly limit: number;
}

/** The number of rows that one read returns. */
const ROWS_PER_READ = 500;

/**
 * Returns the newest matching entries, the newest first, as they are stored. An unreadable entry
 * matches every filter, and is returned as `{ sequence, unreadable: true }`.
 */
export async function listAuditEntries(
  source: AuditSource,
  filter: AuditFilter,
): Promise<unknown[]> {
  const entries: unknown[] = [];
  // The log is read from its end to its start. The last read may repeat rows of the preceding read,
  // so only rows before `endSequence` are used.
  let endSequence = Number.POSITIVE_INFINITY;
  let firstSequence = (await source.auditHead()).sequence + 1;
  while (firstSequence > 1 && entries.length < filter.limit) {
    firstSequence = Math.max(1, firstSequence - ROWS_PER_READ);
    const rows = await source.auditRows(firstSequence, ROWS_PER_READ);
    const newestFirst = rows.filter(({ sequence }) => sequence < endSequence).toReversed();
    endSequence = firstSequence;
    entries.push(...newestFirst.filter((row) => matchesFilter(row, filter)).map(entryOrUnreadable));
  }
  return entries.slice(0, filter.limit);
}

/** The fields of an unvalidated entry that a filter compares. */
type FilteredFields = {
  readonly at?: unknown;
  readonly by?: { readonly name?: unknown; readonly id?: unknown };
  readonly target?: { readonly operations?: unknown };
};

function matchesFilter({ entry }: AuditRow, { since, by, operationId }: AuditFilter): boolean {
  if (typeof entry !== 'object' || entry === null) return true;
  const { at, by: caller, target } = entry as FilteredFields;
  return (
    (since === undefined || Number(at) >= since) &&
    (by === undefined || caller?.name === by || caller?.id === by) &&
    (operationId === undefined ||
      (Array.isArray(target?.operations) && target.operations.includes(operationId)))
  );
}

const entryOrUnreadable = ({ sequence, entry }: AuditRow): unknown =>
  typeof entry === 'object' && entry !== null ? entry : { sequence, unreadable: true };
