import {
  type AuditEntry,
  type AuditHead,
  type AuditRecord,
  type AuditRow,
  EMPTY_LOG,
  headAfter,
} from '../../../audit/entry.ts';
import { appendToAudit } from '../../audit.ts';
import { unchanged } from './accounts.ts';
import { pack, unpack } from './codec.ts';
import { AUDIT_HEAD_KEY, AUDIT_PK, auditSk } from './keys.ts';
import { type Item, keyOf, numberOf, type Store, textOf, type Write } from './table.ts';

/** The newest entry of the audit log. */
export async function readAuditHead(store: Store): Promise<AuditHead> {
  const item = await store.get(AUDIT_HEAD_KEY);
  return item ? { sequence: numberOf(item, 'revision'), hash: textOf(item, 'hash') } : EMPTY_LOG;
}

/**
 * The entries for these records after the present head, and their rows. The row of the head has a
 * condition: it fails when another process has added an entry since, and the caller repeats it.
 */
export async function auditWrites(
  records: readonly AuditRecord[],
  store: Store,
): Promise<{ readonly entries: readonly AuditEntry[]; readonly writes: Write[] }> {
  if (records.length === 0) return { entries: [], writes: [] };
  const head = await readAuditHead(store);
  const entries = appendToAudit(head, records);
  const { sequence, hash } = headAfter(head, entries);
  const Item = { ...keyOf(AUDIT_HEAD_KEY), revision: { N: String(sequence) }, hash: { S: hash } };
  const condition = unchanged('revision', head.sequence === 0 ? undefined : head.sequence);
  return {
    entries,
    writes: [
      { Put: { Item, ...condition } },
      ...entries.map(
        (entry): Write => ({
          Put: {
            Item: { ...keyOf({ pk: AUDIT_PK, sk: auditSk(entry.sequence) }), body: pack(entry) },
            ConditionExpression: 'attribute_not_exists(pk)',
          },
        }),
      ),
    ],
  };
}

/** Rows with at least this sequence. A row that cannot be unpacked is returned as it is. */
export async function readAuditRows(
  store: Store,
  from: number,
  limit: number,
): Promise<AuditRow[]> {
  const items = await store.query({ pk: AUDIT_PK, from: auditSk(from), limit });
  return items.map((item) => ({ sequence: Number(textOf(item, 'sk')), entry: entryOf(item) }));
}

function entryOf({ body }: Item): unknown {
  try {
    return unpack(body);
  } catch {
    return body;
  }
}
