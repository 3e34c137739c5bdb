import { type QueueName, queueOf } from '../../../events/index.ts';
import type { QuarantineRecord } from '../../account/inventory.ts';
import type { AuditEntry } from '../../audit/entry.ts';
import { mergeAccounts } from '../accounts.ts';
import { engineError } from '../engine-error.ts';
import { storableMessage } from '../json.ts';
import { type Change, MAX_QUARANTINED } from '../port.ts';
import { appendAudit } from './audit.ts';
import { moveToDeadLetters } from './dead-letters.ts';
import type { QueuedMessage } from './queues.ts';
import { accountKey, documentKey, type MemoryStore } from './store.ts';

/** Time for which a notification id is kept to recognize duplicates. */
const SEEN_MILLIS = 14 * 24 * 60 * 60 * 1000;

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
  checkCounters(change.counters ?? {});
  if (isInConflict(store, change)) return 'conflict';
  const { messages = [], deadLetters = [], audit = [], ...state } = change;
  writeRecords(store, structuredClone(state), now);
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

function checkCounters(counters: Readonly<Record<string, number>>): void {
  for (const [name, amount] of Object.entries(counters))
    if (!Number.isSafeInteger(amount))
      throw engineError(
        'counter',
        `The amount ${amount} cannot be added to the counter ${name}.`,
        'Report this defect of the propagator: a counter adds only integers.',
      );
}

function isInConflict(store: MemoryStore, { seen, operations, tasks, documents }: Change): boolean {
  return (
    seen?.some((id) => store.seen.has(id)) === true ||
    isOutdated(operations ?? [], store.operations) ||
    isOutdated(tasks ?? [], store.tasks) ||
    isOutdated(
      (documents ?? []).map((document) => ({ ...document, id: documentKey(document) })),
      store.documents,
    )
  );
}

type Versioned = { readonly id: string; readonly version: number };

/** True if one of the records occurs twice, or has another version than the stored record. */
const isOutdated = (records: readonly Versioned[], stored: ReadonlyMap<string, Versioned>) =>
  new Set(records.map(({ id }) => id)).size < records.length ||
  records.some(({ id, version }) => (stored.get(id)?.version ?? 0) !== version);

function writeRecords(store: MemoryStore, change: Change, now: number): void {
  for (const operation of change.operations ?? [])
    store.operations.set(operation.id, { ...operation, version: operation.version + 1 });
  for (const task of change.tasks ?? [])
    store.tasks.set(task.id, { ...task, version: task.version + 1 });
  for (const record of change.accounts ?? []) {
    const key = accountKey(record.account.type, record.account.id);
    store.accounts.set(key, mergeAccounts(store.accounts.get(key), record));
  }
  for (const waiver of change.waivers ?? []) store.waivers.set(waiver.type, waiver);
  for (const type of change.removedWaivers ?? []) store.waivers.delete(type);
  if (change.stopDecision) store.stopDecisions.unshift(change.stopDecision);
  for (const document of change.documents ?? []) {
    const { value, version } = document;
    const key = documentKey(document);
    if (value === undefined) store.documents.delete(key);
    else store.documents.set(key, { ...document, value, version: version + 1 });
  }
  for (const id of change.seen ?? []) store.seen.set(id, now);
  removeOldIds(store.seen, now - SEEN_MILLIS);
  addToQuarantine(store.quarantineRecords, change.quarantine ?? []);
  for (const [name, amount] of Object.entries(change.counters ?? {}))
    store.counters.set(name, (store.counters.get(name) ?? 0) + amount);
}

/** Removes the ids that were recorded before `oldestAt`. The oldest id is the first of the map. */
function removeOldIds(seen: Map<string, number>, oldestAt: number): void {
  for (const [id, at] of seen) {
    if (at >= oldestAt) return;
    seen.delete(id);
  }
}

function addToQuarantine(stored: QuarantineRecord[], records: readonly QuarantineRecord[]): void {
  const knownIds = new Set(records.length > 0 ? stored.map(({ id }) => id) : []);
  stored.push(...records.filter(({ id }) => !knownIds.has(id)));
  stored.splice(0, Math.max(0, stored.length - MAX_QUARANTINED));
}
