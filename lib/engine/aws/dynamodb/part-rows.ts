import type { AuditEntry } from '../../../audit/entry.ts';
import { accountRows } from './accounts.ts';
import { auditWrites } from './audit.ts';
import type { ChangePart } from './change-part.ts';
import { counterWrites } from './counters.ts';
import type { Item, Write } from './rows.ts';
import type { Store } from './table.ts';
import {
  documentWrite,
  operationWrites,
  quarantineWrites,
  seenWrite,
  stopWrites,
  taskWrites,
  waiverWrites,
} from './writes.ts';

/** The rows of one part of a change. */
export interface PartRows {
  /**
   * Rows with a condition: the stored version is unchanged, or the row does not exist yet. If a
   * condition fails, another process has written the row, and the commit returns `conflict`.
   */
  readonly guardWrites: readonly Write[];
  /** Rows whose failed condition leads to another attempt. */
  readonly otherWrites: readonly Write[];
  /**
   * Pointers that are written before the transaction, to keep the transaction small. Readers ignore
   * a pointer without its target.
   */
  readonly pointersWrittenFirst: readonly Item[];
  readonly auditEntries: readonly AuditEntry[];
}

/**
 * Builds the rows of one part of a change. This function reads the stored rows of accounts, tasks
 * and the audit log, and merges the part into them. `now` is in epoch milliseconds. Returns
 * `conflict` if a task of the part has an outdated version.
 */
export async function partRowsOf(
  part: ChangePart,
  now: number,
  store: Store,
): Promise<PartRows | 'conflict'> {
  const [accounts, tasks, audit] = await Promise.all([
    accountRows(part.accounts, store),
    taskWrites(part.tasks, store),
    auditWrites(part.audit, store),
  ]);
  if (tasks === 'conflict') return 'conflict';
  const operations = part.operations.map((operation) => operationWrites(operation, now));
  return {
    guardWrites: [
      ...operations.map(({ row }) => row),
      ...part.seen.map((id) => seenWrite(id, now)),
      ...part.documents.map(documentWrite),
    ],
    otherWrites: [
      ...operations.flatMap(({ pointers }) => pointers),
      ...tasks,
      ...accounts.writes,
      ...part.quarantine.flatMap(quarantineWrites),
      ...waiverWrites(part.waivers, part.removedWaiverTypes),
      ...(part.stopDecision ? stopWrites(part.stopDecision) : []),
      ...audit.writes,
      ...counterWrites(part.counters, accounts.newAccountCount),
    ],
    auditEntries: audit.entries,
    pointersWrittenFirst: accounts.pointersWrittenFirst,
  };
}
