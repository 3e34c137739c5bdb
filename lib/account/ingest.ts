import type { Account } from '../../events/account.ts';
import type { InterpretedNotification, NotificationBatch, NotificationResult } from './batch.ts';
import { decideAccount } from './decide-account.ts';
import { decideMembership } from './decide-membership.ts';
import type { ChangeNotification } from './interpret.ts';
import { type BatchDecision, InventoryUpdate } from './inventory-update.ts';
import { type KeystoneAnswers, knownDomains, subjectOf } from './keystone-answers.ts';
import { toDelayedNotification, toQuarantineRecord } from './quarantine.ts';

/**
 * Decides about a batch of notifications: which account events to publish, which records to change,
 * which notifications to retry, and which to put in quarantine. The function is pure. It handles
 * the items in the order of their timestamps, which may differ from the order of delivery.
 */
export function decideBatch(batch: NotificationBatch): BatchDecision {
  const update = new InventoryUpdate(batch.records, batch.storedDuplicateKeys);
  const notifications = batch.items.flatMap(({ interpretation }) =>
    interpretation.kind === 'account' || interpretation.kind === 'membership'
      ? [interpretation]
      : [],
  );
  const domains = knownDomains(notifications, batch.records);
  for (const item of batch.items.toSorted((one, other) => timeOf(one) - timeOf(other))) {
    const { interpretation, received } = item;
    update.increaseCounter('notification.received');
    if (interpretation.kind === 'dropped')
      update.increaseCounter(`notification.dropped.${interpretation.because}`);
    else if (interpretation.kind === 'unreadable') {
      update.increaseCounter('notification.unreadable');
      update.quarantine.push(toQuarantineRecord(received, interpretation.reason));
    } else {
      const result = decideNotification(update, interpretation, domains, batch);
      update.increaseCounter(`notification.${result.kind}`);
      if (result.kind === 'delayed')
        update.messages.push(
          toDelayedNotification(received, result.error, batch.now, batch.maxWaitMillis),
        );
    }
  }
  return update.decision();
}

const decideNotification = (
  update: InventoryUpdate,
  notification: ChangeNotification,
  domains: ReadonlySet<string>,
  batch: NotificationBatch,
): NotificationResult =>
  notification.kind === 'membership'
    ? decideMembership(update, notification, batch)
    : decideAccount(update, notification, subjectOf(notification, domains), batch);

/** Epoch milliseconds of the notification; if it has no time, the time of its receipt. */
function timeOf({ received, interpretation }: InterpretedNotification): number {
  if (interpretation.kind === 'account') return interpretation.cause.at;
  return interpretation.kind === 'membership' ? interpretation.at : received.data.receivedAt;
}

/**
 * Returns the accounts in Keystone's answers, including the projects and users of a domain. {@link
 * decideBatch} needs their records.
 */
export function accountsInAnswers({ accounts }: KeystoneAnswers): Account[] {
  return [...accounts.values()].flatMap((answer) => {
    if (answer.kind !== 'certain') return [];
    const { domainContents, state } = answer.value;
    const shown = state.kind === 'present' ? [state.account] : [];
    return [...shown, ...(domainContents?.projects ?? []), ...(domainContents?.users ?? [])];
  });
}
