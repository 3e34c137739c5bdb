import type { Account, Change } from '../../events/account.ts';
import type { NotificationReceived } from '../../events/notification.ts';
import type { ErrorReport } from '../shared/errors.ts';
import type { AccountNotification, Interpretation, MembershipNotification } from './interpret.ts';
import { type AccountRecord, isGone } from './inventory.ts';
import { type Decision, InventoryUpdate } from './inventory-update.ts';
import type { KeystoneState } from './keystone.ts';
import { type AboutAccount, type Answers, knownDomains, subjectOf } from './keystone-answers.ts';
import { keyOf, mergeListed, shownRecord, unionOf } from './merge.ts';
import { toQuarantine, withDelay } from './quarantine.ts';

/** A stored notification and its interpretation. */
export interface Item {
  readonly received: NotificationReceived;
  readonly interpretation: Interpretation;
}
/** The input of {@link decide}. Times are epoch milliseconds. */
export interface Batch {
  readonly items: readonly Item[];
  /**
   * The inventory's record of every account that the items and the answers name, by `project/<id>`.
   */
  readonly known: ReadonlyMap<string, AccountRecord>;
  /** The keys of {@link keysAgainstDuplicates} that were ingested before. */
  readonly seen: ReadonlySet<string>;
  readonly answers: Answers;
  /** The time at which Keystone was asked. */
  readonly askedAt: number;
  readonly now: number;
  /** The longest `Retry-After` of Keystone that the retry waits for. */
  readonly maxWaitMillis?: number | undefined;
}
type Present = Extract<KeystoneState, { kind: 'present' }>['account'];

/**
 * Keystone sends two notifications about one deletion of a domain. Without request ids, two
 * notifications within this time count as one deletion.
 */
const DOMAIN_ECHO_MILLIS = 60_000;

/**
 * Returns the key of a duplicate. Keystone announces each change of a domain twice with one request
 * id: for the domain and for its project. Returns `undefined` if the notification has no request
 * id.
 */
function domainEchoKey({ id, operation, cause }: AccountNotification): string | undefined {
  return cause.requestId === undefined
    ? undefined
    : JSON.stringify(['domain-echo', operation, id, cause.requestId]);
}

/**
 * Returns the key of a message: id and content. The id alone does not prove a repetition, because
 * the sender chooses it.
 */
const messageKey = ({ cause }: AccountNotification): string =>
  JSON.stringify([cause.messageId, cause.digest]);

/**
 * Returns the keys that show whether a batch was ingested before. The caller looks them up before
 * {@link decide}.
 */
export function keysAgainstDuplicates(items: readonly Item[]): string[] {
  return items.flatMap(({ interpretation }) => {
    if (interpretation.kind !== 'account') return [];
    const echo = interpretation.type === 'user' ? undefined : domainEchoKey(interpretation);
    return echo === undefined ? [messageKey(interpretation)] : [messageKey(interpretation), echo];
  });
}

/**
 * Decides about a batch of notifications: which account events to publish, which records to change,
 * which notifications to retry, and which to put in quarantine. The function is pure. It handles
 * the items in the order of their timestamps, which may differ from the order of delivery.
 */
export function decide(batch: Batch): Decision {
  const update = new InventoryUpdate(batch.known, batch.seen);
  const notifications = batch.items.flatMap(({ interpretation }) =>
    interpretation.kind === 'account' || interpretation.kind === 'membership'
      ? [interpretation]
      : [],
  );
  const domains = knownDomains(notifications, batch.known);
  const at = ({ received, interpretation }: Item): number =>
    interpretation.kind === 'account'
      ? interpretation.cause.at
      : interpretation.kind === 'membership'
        ? interpretation.at
        : received.data.receivedAt;
  for (const { received, interpretation } of batch.items.toSorted(
    (one, other) => at(one) - at(other),
  )) {
    update.count('notification.received');
    if (interpretation.kind === 'dropped')
      update.count(`notification.dropped.${interpretation.because}`);
    else if (interpretation.kind === 'unreadable') {
      update.count('notification.unreadable');
      update.quarantine.push(toQuarantine(received, interpretation.reason));
    } else {
      const result =
        interpretation.kind === 'membership'
          ? applyMembership(update, interpretation, batch)
          : applyAccount(update, interpretation, subjectOf(interpretation, domains), batch);
      if (typeof result === 'object')
        update.messages.push(withDelay(received, result, batch.now, batch.maxWaitMillis));
      update.count(`notification.${typeof result === 'object' ? 'delayed' : result}`);
    }
  }
  return update.decision();
}

/**
 * The result for one notification: either the last part of the name of the counter to increase, or
 * an error. After an error the notification is retried later.
 */
type NotificationResult =
  | 'announced'
  | 'recorded'
  | 'duplicate'
  | 'domain-echo'
  | 'absent'
  | 'suspicious'
  | ErrorReport;

function applyAccount(
  update: InventoryUpdate,
  notification: AccountNotification,
  subject: string,
  batch: Batch,
): NotificationResult {
  if (update.wasSeen(messageKey(notification))) return 'duplicate';
  const isDeletion = notification.operation === 'deleted';
  const answer = batch.answers.accounts.get(subject);
  if (answer?.kind === 'uncertain' && !isDeletion) return answer.error;
  const shown = answer?.kind === 'certain' ? answer.value.shown : undefined;
  const type =
    shown?.kind === 'present'
      ? shown.account.type
      : subject.startsWith('domain/')
        ? 'domain'
        : notification.type;
  const record = update.record(type, notification.id);
  update.see(messageKey(notification));
  if (type === 'domain' && isDomainEcho(update, notification, record, batch.now))
    return 'domain-echo';
  if (isDeletion && record.seenAt === 0 && shown?.kind !== 'present')
    return holdSuspicious(update, notification, record, shown, batch.now);
  if (isDeletion) {
    // The coordinator asks Keystone before it removes anything. If Keystone still shows an account
    // that the inventory lacks, the notification may be forged, and the account is recorded as
    // shown.
    const living =
      record.seenAt === 0 && answer?.kind === 'certain' && shown?.kind === 'present'
        ? shownRecord(undefined, shown.account, batch.askedAt, answer.value.members)
        : record;
    update.put({ ...living, deletedAt: isGone(living) ? living.deletedAt : batch.now });
    update.announce(living.account, 'deleted', notification.cause);
    return 'announced';
  }
  // Keystone no longer shows the account. Another notification or the sweep reports its deletion,
  // so the record is not changed.
  if (answer?.kind !== 'certain' || shown?.kind !== 'present') return 'absent';
  applyShownState(update, notification, record, shown.account, answer.value, batch.askedAt);
  return 'announced';
}

/**
 * Holds a deletion of an unknown account for the decision of a person. See `Suspicion` in
 * `inventory.ts`.
 */
function holdSuspicious(
  update: InventoryUpdate,
  { cause }: AccountNotification,
  record: AccountRecord,
  shown: KeystoneState | undefined,
  now: number,
): NotificationResult {
  const keystone = shown?.kind === 'absent' ? 'absent' : 'not asked';
  update.put({ ...record, deletedAt: now, suspicion: { cause, at: now, keystone } });
  return 'suspicious';
}

function isDomainEcho(
  update: InventoryUpdate,
  notification: AccountNotification,
  record: AccountRecord,
  now: number,
): boolean {
  const key = domainEchoKey(notification);
  if (key === undefined) {
    // The first notification has set `deletedAt` and published the event. For a project,
    // `deletedAt` would not prove an echo, because a forged notification may have set it.
    return (
      notification.operation === 'deleted' &&
      isGone(record) &&
      now - (record.deletedAt ?? 0) < DOMAIN_ECHO_MILLIS
    );
  }
  if (update.wasSeen(key)) return true;
  update.see(key);
  return false;
}

/**
 * Applies Keystone's answer to the record. An `updated` notification does not name the change. The
 * change is derived by comparing the answer with the state that was announced last.
 */
function applyShownState(
  update: InventoryUpdate,
  notification: AccountNotification,
  record: AccountRecord,
  account: Present,
  about: AboutAccount,
  askedAt: number,
): void {
  const before = record.account.enabled;
  const shown = shownRecord(record, account, askedAt, about.members);
  // If the notification about the creation is lost, the next sweep announces the creation.
  const isFirst = record.seenAt === 0 && notification.operation !== 'created';
  update.put(isFirst ? { ...shown, unannounced: true } : shown);
  if (about.tree)
    for (const recordInDomain of mergeListed(about.tree, update.records, askedAt))
      update.put(recordInDomain);
  const changeOfEnabled: Change | undefined = account.enabled
    ? before === false
      ? 'enabled'
      : undefined
    : before === false
      ? undefined
      : 'disabled';
  if (notification.operation === 'created') {
    update.announce(account, 'created', notification.cause);
    // The project was disabled at its creation or shortly after. The later `disabled` notification
    // would find no difference and announce nothing, so the state is announced now.
    if (!account.enabled) update.announce(account, 'disabled', notification.cause);
  } else {
    if (record.unannounced) update.announce(account, 'created', notification.cause);
    update.announce(account, changeOfEnabled ?? 'updated', notification.cause);
  }
}

/**
 * Records the users with a new role. A repeated notification has no effect, so no key against
 * duplicates is stored.
 */
function applyMembership(
  update: InventoryUpdate,
  notification: MembershipNotification,
  batch: Batch,
): NotificationResult {
  const { target, assignee, inherited } = notification;
  const group = assignee.type === 'group' ? batch.answers.groups.get(assignee.id) : undefined;
  if (group?.kind === 'uncertain') return group.error;
  const known = target.type === 'project' ? update.record('project', target.id) : undefined;
  if (known && !inherited && (known.seenAt === 0 || isGone(known))) {
    const answer = batch.answers.accounts.get(keyOf('project', target.id));
    if (answer?.kind === 'uncertain') return answer.error;
    const shown = answer?.value.shown;
    if (shown?.kind === 'present' && shown.account.type === 'project') {
      // `enabled` is not stored, because the notification about the state may still wait in the
      // broker.
      const { enabled: _notAnnounced, ...account } = shown.account;
      const before = known.seenAt === 0 ? undefined : known;
      const shownNow = shownRecord(before, account, batch.askedAt, answer?.value.members);
      update.put(before ? shownNow : { ...shownNow, unannounced: true });
    } else if (known.seenAt === 0) return 'absent';
  }
  const users = assignee.type === 'user' ? [assignee.id] : (group?.value ?? []);
  const places = inherited
    ? update.below(target.type, target.id)
    : [update.record(target.type, target.id)];
  for (const record of places) {
    const members = unionOf(record.members, users);
    if (members !== record.members) update.put({ ...record, members });
  }
  return 'recorded';
}

/**
 * Returns the accounts in Keystone's answers, including the projects and users of a domain. {@link
 * decide} needs their records.
 */
export function accountsInAnswers({ accounts }: Answers): Account[] {
  return [...accounts.values()].flatMap((answer) => {
    if (answer.kind !== 'certain') return [];
    const shown = answer.value.shown.kind === 'present' ? [answer.value.shown.account] : [];
    return [...shown, ...(answer.value.tree?.projects ?? []), ...(answer.value.tree?.users ?? [])];
  });
}
