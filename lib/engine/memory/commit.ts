import { type QueueName, queueOf } from '../../../events/index.ts';
import type { AccountRecord, QuarantineRecord } from '../../account/inventory.ts';
import type { AuditEntry } from '../../audit/entry.ts';
import type { Waiver } from '../../operation/model.ts';
import { mergeAccounts } from '../accounts.ts';
import { checkCounterAmounts } from '../counter-amounts.ts';
import { storableMessage } from '../json.ts';
import {
  type Change,
  MAX_QUARANTINE_RECORDS,
  type StoredDocument,
  type WrittenDocument,
} from '../port.ts';
import { appendAudit } from './audit.ts';
import { moveToDeadLetters } from './dead-letters.ts';
import type { QueuedMessage } from './queues.ts';
import { accountKey, documentKey, type MemoryStore } from './store.ts';

/** Time for which a notification id is kept to recognize duplicates. */
const SEEN_ID_RETENTION_MILLIS = 14 * 24 * 60 * 60 * 1000;

/** The result of a commit: its sent messages and its entries of the audit log, or `conflict`. */
export type CommitResult =
  | {
      readonly sentMessages: readonly QueuedMessage[];
      readonly auditEntries: readonly AuditEntry[];
    }
  | 'conflict';

/**
 * Writes the whole change, or nothing. `now` is in epoch milliseconds. Throws `engine.counter` for
 * an amount that is not an integer.
 */
export function commit(store: MemoryStore, change: Change, now: number): CommitResult {
  for (const queue of queuesOf(change)) store.queues.ensure(queue);
  checkCounterAmounts(change.counters ?? {});
  if (isInConflict(store, change)) return 'conflict';
  const { messages = [], deadLetters = [], audit = [], ...records } = change;
  writeRecords(store, structuredClone(records), now);
  for (const { message, error } of deadLetters)
    moveToDeadLetters(store, queueOf(message), storableMessage(message), { error, at: now });
  const auditEntries = appendAudit(store, audit);
  const sentMessages = messages.map((message) =>
    store.queues.send(message, now + (message.delaySeconds ?? 0) * 1000),
  );
  return { sentMessages, auditEntries };
}

function queuesOf({ messages = [], deadLetters = [] }: Change): Set<QueueName> {
  return new Set([...messages, ...deadLetters.map(({ message }) => message)].map(queueOf));
}

function isInConflict(store: MemoryStore, { seen, operations, tasks, documents }: Change): boolean {
  return (
    seen?.some((id) => store.seenTimesById.has(id)) === true ||
    isOutdated(operations ?? [], store.operations) ||
    isOutdated(tasks ?? [], store.tasks) ||
    isOutdated(
      (documents ?? []).map((document) => ({ ...document, id: documentKey(document) })),
      store.documents,
    )
  );
}

type VersionedRecord = { readonly id: string; readonly version: number };

/** True if one of the records occurs twice, or has another version than the stored record. */
const isOutdated = (
  records: readonly VersionedRecord[],
  storedRecords: ReadonlyMap<string, VersionedRecord>,
) =>
  new Set(records.map(({ id }) => id)).size < records.length ||
  records.some(({ id, version }) => (storedRecords.get(id)?.version ?? 0) !== version);

function writeRecords(store: MemoryStore, change: Change, now: number): void {
  writeVersioned(store.operations, change.operations ?? []);
  writeVersioned(store.tasks, change.tasks ?? []);
  writeAccounts(store.accounts, change.accounts ?? []);
  writeWaivers(store.waivers, change);
  if (change.stopDecision) store.stopDecisions.unshift(change.stopDecision);
  writeDocuments(store.documents, change.documents ?? []);
  for (const id of change.seen ?? []) store.seenTimesById.set(id, now);
  removeOldIds(store.seenTimesById, now - SEEN_ID_RETENTION_MILLIS);
  addToQuarantine(store.quarantineRecords, change.quarantine ?? []);
  addToCounters(store.counters, change.counters ?? {});
}

function writeVersioned<R extends VersionedRecord>(
  storedRecords: Map<string, R>,
  records: readonly R[],
): void {
  for (const record of records)
    storedRecords.set(record.id, { ...record, version: record.version + 1 });
}

function writeAccounts(
  storedRecords: Map<string, AccountRecord>,
  records: readonly AccountRecord[],
): void {
  for (const record of records) {
    const key = accountKey(record.account.type, record.account.id);
    storedRecords.set(key, mergeAccounts(storedRecords.get(key), record));
  }
}

/** Writes and removes waivers. A waiver that the change both adds and removes is removed. */
function writeWaivers(
  storedRecords: Map<string, Waiver>,
  { waivers = [], removedWaiverTypes = [] }: Change,
): void {
  for (const waiver of waivers) storedRecords.set(waiver.type, waiver);
  for (const type of removedWaiverTypes) storedRecords.delete(type);
}

/** Writes documents. A document without a value is deleted. */
function writeDocuments(
  storedRecords: Map<string, StoredDocument>,
  documents: readonly WrittenDocument[],
): void {
  for (const document of documents) {
    const { value, version } = document;
    const key = documentKey(document);
    if (value === undefined) storedRecords.delete(key);
    else storedRecords.set(key, { ...document, value, version: version + 1 });
  }
}

/** Removes the ids that were recorded before `oldestAt`. The oldest id is the first of the map. */
function removeOldIds(timesById: Map<string, number>, oldestAt: number): void {
  for (const [id, at] of timesById) {
    if (at >= oldestAt) return;
    timesById.delete(id);
  }
}

function addToQuarantine(
  storedRecords: QuarantineRecord[],
  records: readonly QuarantineRecord[],
): void {
  const knownIds = new Set(records.length > 0 ? storedRecords.map(({ id }) => id) : []);
  storedRecords.push(...records.filter(({ id }) => !knownIds.has(id)));
  storedRecords.splice(0, Math.max(0, storedRecords.length - MAX_QUARANTINE_RECORDS));
}

function addToCounters(
  storedRecords: Map<string, number>,
  amounts: Readonly<Record<string, number>>,
): void {
  for (const [name, amount] of Object.entries(amounts))
    storedRecords.set(name, (storedRecords.get(name) ?? 0) + amount);
}
