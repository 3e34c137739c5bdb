import type { NotificationReceived } from '../../events/notification.ts';
import { type AccountNotification, interpretNotification } from '../account/interpret.ts';
import { isGone } from '../account/inventory.ts';
import { keyOf, keyOfAccount } from '../account/merge.ts';
import { readNotification } from '../account/notification.ts';
import type { Engine } from '../engine/port.ts';
import { PropagatorError } from '../shared/errors.ts';

/** The dependencies of {@link storeNotifications}. */
export interface ReceiveDeps {
  readonly engine: Pick<Engine, 'commit'> & { readonly reads: Pick<Engine['reads'], 'accounts'> };
}

/**
 * Stores received notifications in the ingest queue, in one commit. A notification is urgent if it
 * is the first deletion of an account that the inventory shows as living. An urgent notification
 * overtakes the waiting notifications, so a flood of forged notifications does not delay a
 * deletion. Throws `PropagatorError` (class `Transient`) if another process stored the same
 * messages at the same time. In this case, the call has stored none of its messages.
 */
export async function storeNotifications(
  messages: readonly NotificationReceived[],
  { engine }: ReceiveDeps,
): Promise<void> {
  const urgentMessages = await findUrgentMessages(messages, engine.reads);
  const commitResult = await engine.commit({
    messages: messages.map((message) =>
      urgentMessages.has(message) ? { ...message, isUrgent: true } : message,
    ),
  });
  if (commitResult === 'conflict')
    throw new PropagatorError({
      code: 'notifications.conflict',
      class: 'Transient',
      message: 'another process stored the same notifications at the same time',
      advice: 'Send the notifications again. None of them was acknowledged.',
    });
}

/**
 * Only notifications that contain one of these event types are parsed here. Ingest later parses all
 * notifications.
 */
const DELETION_EVENT = /identity\.(?:project|domain|user)\.deleted/;

async function findUrgentMessages(
  messages: readonly NotificationReceived[],
  reads: ReceiveDeps['engine']['reads'],
): Promise<ReadonlySet<NotificationReceived>> {
  try {
    const deletions = firstDeletions(messages);
    const accounts = [...deletions.values()].map(({ notification }) => notification);
    const livingKeys = await livingAccountKeys(accounts, reads);
    return new Set(
      [...deletions].flatMap(([key, { message }]) => (livingKeys.has(key) ? [message] : [])),
    );
  } catch {
    // If the store fails, no notification is urgent. The commit reports the error of the store.
    return new Set();
  }
}

/** Returns the first notification of a deletion for each account, by the key of the account. */
function firstDeletions(messages: readonly NotificationReceived[]) {
  const firstByKey = new Map<
    string,
    { readonly message: NotificationReceived; readonly notification: AccountNotification }
  >();
  for (const message of messages) {
    const notification = deletionIn(message);
    if (!notification) continue;
    const key = keyOf(notification.type, notification.id);
    if (!firstByKey.has(key)) firstByKey.set(key, { message, notification });
  }
  return firstByKey;
}

/** Returns the keys of the accounts that the inventory shows as living. */
async function livingAccountKeys(
  accounts: readonly Pick<AccountNotification, 'type' | 'id'>[],
  reads: ReceiveDeps['engine']['reads'],
): Promise<ReadonlySet<string>> {
  const livingKeys = new Set<string>();
  for (const type of ['project', 'domain', 'user'] as const) {
    const ids = accounts.filter((account) => account.type === type).map(({ id }) => id);
    if (ids.length === 0) continue;
    for (const record of await reads.accounts(type, ids))
      if (record.seenAt > 0 && !isGone(record)) livingKeys.add(keyOfAccount(record.account));
  }
  return livingKeys;
}

function deletionIn({ data }: NotificationReceived): AccountNotification | undefined {
  if (data.encoding !== 'utf8' || !DELETION_EVENT.test(data.body)) return undefined;
  const reading = readNotification(data);
  if (reading.kind !== 'notification') return undefined;
  const notification = interpretNotification(reading.notification, data.receivedAt);
  return notification.kind === 'account' && notification.changeType === 'deleted'
    ? notification
    : undefined;
}
