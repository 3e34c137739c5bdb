import * as z from 'zod';
import { type AuditEntry, type AuditRecord, type AuditRow, headAfter } from '../../audit/entry.ts';
import { auditEntriesAfter } from '../audit.ts';
import { toJson } from '../json.ts';
import type { Session } from './database.ts';

const StoredHead = z.object({ sequence: z.number(), hash: z.string() });

/** Reads the sequence number and the hash of the newest entry, without a lock. */
export const readAuditHead = async (session: Session) =>
  StoredHead.parse((await session.query(SELECT_HEAD))[0]);
const SELECT_HEAD = 'SELECT sequence::float8 AS sequence, hash FROM propagator.audit_head';

/**
 * Adds records to the audit log. This function locks the row with the newest entry until the
 * transaction ends, so concurrent transactions add their records one after another. To prevent
 * deadlocks, a transaction locks all other existing rows, except counters, before this call.
 */
export async function appendAudit(
  session: Session,
  records: readonly AuditRecord[],
): Promise<AuditEntry[]> {
  if (records.length === 0) return [];
  const head = StoredHead.parse((await session.query(`${SELECT_HEAD} FOR UPDATE`))[0]);
  const entries = auditEntriesAfter(head, records);
  const { sequence, hash } = headAfter(head, entries);
  await session.query(
    `INSERT INTO propagator.audit (sequence, body)
     SELECT sequence, body
     FROM jsonb_to_recordset($1::text::jsonb) AS x (sequence bigint, body text)`,
    [toJson(entries.map((entry) => ({ sequence: entry.sequence, body: toJson(entry) })))],
  );
  await session.query('UPDATE propagator.audit_head SET sequence = $1, hash = $2', [
    sequence,
    hash,
  ]);
  return entries;
}

/** Reads rows from the sequence number `from` on. The entry of a damaged row is its text. */
export async function readAuditRows(
  session: Session,
  from: number,
  limit: number,
): Promise<AuditRow[]> {
  const rows = await session.query(
    `SELECT sequence::float8 AS sequence, body FROM propagator.audit
     WHERE sequence >= $1 ORDER BY sequence LIMIT $2`,
    [from, limit],
  );
  return rows.map(({ sequence, body }) => ({
    sequence: Number(sequence),
    entry: parseEntry(String(body)),
  }));
}

function parseEntry(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
