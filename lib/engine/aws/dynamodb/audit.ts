import {
  type AuditEntry,
  type AuditHead,
  type AuditRecord,
  type AuditRow,
  EMPTY_LOG_HEAD,
  headAfter,
} from '../../../audit/entry.ts';
import { auditEntriesAfter } from '../../audit.ts';
import { pack, unpack } from './codec.ts';
import { AUDIT_HEAD_KEY, AUDIT_PK, auditSk } from './keys.ts';
import { type Item, ifUnchanged, keyOf, numberOf, textOf, type Write } from './rows.ts';
import type { Store } from './table.ts';

/** Reads the sequence number and the hash of the newest entry of the audit log. */
export async function readAuditHead(store: Store): Promise<AuditHead> {
  const item = await store.get(AUDIT_HEAD_KEY);
  return item
    ? { sequence: numberOf(item, 'revision'), hash: textOf(item, 'hash') }
    : EMPTY_LOG_HEAD;
}

/**
 * Builds the entries that follow the newest entry of the audit log, and their rows. The transaction
 * fails if another process has added an entry since this function read the newest entry. The caller
 * then calls this function again.
 */
export async function auditWrites(
  records: readonly AuditRecord[],
  store: Store,
): Promise<{ readonly entries: readonly AuditEntry[]; readonly writes: Write[] }> {
  if (records.length === 0) return { entries: [], writes: [] };
  const head = await readAuditHead(store);
  const entries = auditEntriesAfter(head, records);
  const { sequence, hash } = headAfter(head, entries);
  const Item = { ...keyOf(AUDIT_HEAD_KEY), revision: { N: String(sequence) }, hash: { S: hash } };
  const condition = ifUnchanged('revision', head.sequence === 0 ? undefined : head.sequence);
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

/** Reads rows from the sequence number `from` on. The entry of a damaged row is its raw body. */
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
