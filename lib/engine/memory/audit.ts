import { type AuditEntry, type AuditRecord, headAfter } from '../../audit/entry.ts';
import { auditEntriesAfter } from '../audit.ts';
import type { MemoryStore } from './store.ts';

/** Adds records to the audit log. Returns the entries. */
export function appendAudit(store: MemoryStore, records: readonly AuditRecord[]): AuditEntry[] {
  const entries = auditEntriesAfter(store.auditHead, records);
  store.audit.push(...entries.map((entry) => ({ sequence: entry.sequence, entry })));
  store.auditHead = headAfter(store.auditHead, entries);
  return entries;
}
