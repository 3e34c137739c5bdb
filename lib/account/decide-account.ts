import {
  domainEchoKey,
  messageKey,
  type NotificationBatch,
  type NotificationResult,
} from './batch.ts';
import type { AccountNotification } from './interpret.ts';
import { type AccountRecord, isGone } from './inventory.ts';
import type { InventoryUpdate } from './inventory-update.ts';
import type { KeystoneState } from './keystone.ts';
import type { AccountAnswer, Subject } from './keystone-answers.ts';
import { changeOfEnabled, type KeystoneLists, keyOf, mergeListed, updatedRecord } from './merge.ts';

type ShownAccount = Extract<KeystoneState, { kind: 'present' }>['account'];

/**
 * Keystone sends two notifications about one deletion of a domain. Without request ids, two
 * notifications within this time count as one deletion.
 */
const DOMAIN_ECHO_MILLIS = 60_000;

/**
 * Decides about a notification that reports a change of an account. `subject` is the account that
 * the notification is about.
 */
export function decideAccount(
  update: InventoryUpdate,
  notification: AccountNotification,
  subject: Subject,
  batch: NotificationBatch,
): NotificationResult {
  if (update.hasDuplicateKey(messageKey(notification))) return { kind: 'duplicate' };
  const isDeletion = notification.changeType === 'deleted';
  const answer = batch.answers.accounts.get(keyOf(subject.type, subject.id));
  // A deletion needs no certain answer, because the coordinator confirms it.
  if (answer?.kind === 'uncertain' && !isDeletion) return { kind: 'delayed', error: answer.error };
  const certainAnswer = answer?.kind === 'certain' ? answer.value : undefined;
  const type = shownAccount(certainAnswer)?.type ?? subject.type;
  const record = update.recordOf(type, notification.id);
  update.addDuplicateKey(messageKey(notification));
  if (type === 'domain') {
    if (isDomainEcho(update, notification, record, batch.now)) return { kind: 'domain-echo' };
    addEchoKey(update, notification);
  }
  return isDeletion
    ? decideDeletion(update, notification, record, certainAnswer, batch)
    : decideCreationOrUpdate(update, notification, record, certainAnswer, batch);
}

/** Returns the account in the answer, if Keystone shows it. */
const shownAccount = (answer: AccountAnswer | undefined): ShownAccount | undefined =>
  answer?.state.kind === 'present' ? answer.state.account : undefined;

/** True if another notification about the same change of the domain was ingested before. */
function isDomainEcho(
  update: InventoryUpdate,
  notification: AccountNotification,
  record: AccountRecord,
  now: number,
): boolean {
  const key = domainEchoKey(notification);
  if (key !== undefined) return update.hasDuplicateKey(key);
  // The first notification has set `deletedAt` and published the event.
  return (
    notification.changeType === 'deleted' &&
    isGone(record) &&
    now - (record.deletedAt ?? 0) < DOMAIN_ECHO_MILLIS
  );
}

/** Records the change, so that the second notification about it counts as an echo. */
function addEchoKey(update: InventoryUpdate, notification: AccountNotification): void {
  const key = domainEchoKey(notification);
  if (key !== undefined) update.addDuplicateKey(key);
}

/** Decides about a reported deletion. The coordinator asks Keystone before it removes anything. */
function decideDeletion(
  update: InventoryUpdate,
  { cause }: AccountNotification,
  record: AccountRecord,
  answer: AccountAnswer | undefined,
  batch: NotificationBatch,
): NotificationResult {
  const isKnown = record.seenAt > 0;
  const shown = shownAccount(answer);
  if (!isKnown && !shown) {
    // A person decides about the deletion of an unknown account (see `Suspicion`).
    const keystone = answer?.state.kind === 'absent' ? 'absent' : 'not asked';
    const suspicion = { cause, at: batch.now, keystone } as const;
    update.put({ ...record, deletedAt: batch.now, suspicion });
    return { kind: 'suspicious' };
  }
  // If Keystone still shows an account that the inventory lacks, the account is recorded as
  // Keystone shows it. The deletion is announced in any case: the coordinator asks Keystone again,
  // and refuses a forged one.
  const currentRecord =
    !isKnown && shown ? updatedRecord(undefined, shown, batch.askedAt, answer?.members) : record;
  const deletedAt = isGone(currentRecord) ? currentRecord.deletedAt : batch.now;
  update.put({ ...currentRecord, deletedAt });
  update.announce(currentRecord.account, 'deleted', cause);
  return { kind: 'announced' };
}

/** Decides about any other change: the account is recorded and announced as Keystone shows it. */
function decideCreationOrUpdate(
  update: InventoryUpdate,
  notification: AccountNotification,
  record: AccountRecord,
  answer: AccountAnswer | undefined,
  batch: NotificationBatch,
): NotificationResult {
  // Keystone no longer shows the account. Another notification or the sweep reports its deletion,
  // so the record is not changed.
  if (answer?.state.kind !== 'present') return { kind: 'absent' };
  const { account } = answer.state;
  const newRecord = updatedRecord(record, account, batch.askedAt, answer.members);
  // An unknown account was updated: the notification about its creation was lost or follows later.
  // If that notification was lost, the next sweep announces the creation.
  const isUnannounced = record.seenAt === 0 && notification.changeType !== 'created';
  update.put(isUnannounced ? { ...newRecord, unannounced: true } : newRecord);
  if (answer.domainContents) recordDomainContents(update, answer.domainContents, batch.askedAt);
  announceChange(update, notification, record, account);
  return { kind: 'announced' };
}

/** Records the projects and users of a domain. */
function recordDomainContents(
  update: InventoryUpdate,
  contents: KeystoneLists,
  askedAt: number,
): void {
  for (const listedRecord of mergeListed(contents, update.records, askedAt))
    update.put(listedRecord);
}

/**
 * Publishes the change. An `updated` notification does not name the change. The function therefore
 * compares the account with `announcedRecord`, the record of the state that was announced last.
 */
function announceChange(
  update: InventoryUpdate,
  { cause, changeType }: AccountNotification,
  announcedRecord: AccountRecord,
  account: ShownAccount,
): void {
  if (changeType === 'created') {
    update.announce(account, 'created', cause);
    // The account was disabled at its creation or shortly after. A later notification would find no
    // difference in `enabled`, so `disabled` is announced now.
    if (!account.enabled) update.announce(account, 'disabled', cause);
    return;
  }
  if (announcedRecord.unannounced) update.announce(account, 'created', cause);
  const change = changeOfEnabled(announcedRecord.account.enabled, account.enabled) ?? 'updated';
  update.announce(account, change, cause);
}
