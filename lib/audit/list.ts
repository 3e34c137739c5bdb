import type { AuditRow } from './entry.ts';
import type { AuditSource } from './verify.ts';

export interface AuditFilter {
  /** Epoch milliseconds. */
  readonly since?: number;
  /** The name or the id of the caller. */
  readonly by?: string;
  readonly operationId?: string;
  readonly limit: number;
}

const READ_AT_ONCE = 500;

/**
 * Returns the newest matching entries, the newest first, as they are stored. An unreadable entry is
 * listed as `{ sequence, unreadable: true }`.
 */
export async function auditPage(source: AuditSource, filter: AuditFilter): Promise<unknown[]> {
  const entries: unknown[] = [];
  let end = Number.POSITIVE_INFINITY;
  let from = (await source.auditHead()).sequence + 1;
  while (from > 1 && entries.length < filter.limit) {
    from = Math.max(1, from - READ_AT_ONCE);
    const rows = await source.auditRows(from, READ_AT_ONCE);
    const page = rows.filter(({ sequence }) => sequence < end).toReversed();
    end = from;
    entries.push(...page.filter((row) => isWanted(row, filter)).map(entryForDisplay));
  }
  return entries.slice(0, filter.limit);
}

type Fields = {
  readonly at?: unknown;
  readonly by?: { readonly name?: unknown; readonly id?: unknown };
  readonly target?: { readonly operations?: unknown };
};

function isWanted({ entry }: AuditRow, { since, by, operationId }: AuditFilter): boolean {
  if (typeof entry !== 'object' || entry === null) return true;
  const { at, by: caller, target } = entry as Fields;
  return (
    (since === undefined || Number(at) >= since) &&
    (by === undefined || caller?.name === by || caller?.id === by) &&
    (operationId === undefined ||
      (Array.isArray(target?.operations) && target.operations.includes(operationId)))
  );
}

const entryForDisplay = ({ sequence, entry }: AuditRow): unknown =>
  typeof entry === 'object' && entry !== null ? entry : { sequence, unreadable: true };
