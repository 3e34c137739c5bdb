import type { Account, Change } from '../../events/account.ts';
import type { NotificationReceived } from '../../events/notification.ts';
import type { ErrorReport } from '../shared/errors.ts';
import type { AccountHint, Interpretation, MembershipHint } from './interpret.ts';
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
  /** The longest `Retry-After` of Keystone that is obeyed. */
  readonly maxWaitMillis?: number | undefined;
}
type Present = Extract<KeystoneState, { kind: 'present' }>['account'];

/**
 * Keystone sends two notifications about one deletion of a domain. Without request ids, they count
 * as one deletion within this time.
 */
const DOMAIN_ECHO_MILLIS = 60_000;

/**
 * Returns the key of a duplicate. Keystone announces each change of a domain twice with one request
 * id: for the domain and for its project. Returns `undefined` if the notification has no request
 * id.
 */
function domainEchoKey({ id, operation, cause }: AccountHint): string | undefined {
  return cause.requestId === undefined
    ? undefined
    : JSON.stringify(['domain-echo', operation, id, cause.requestId]);
}

/**
 * Returns the key of a message: id and content. The id alone does not prove a repetition, because
 * the sender chooses it.
 */
const messageKey = ({ cause }: AccountHint): string =>
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
 * Decides about a batch of notifications: account events, changed records, notifications to retry,
 * and quarantine. The function is pure. It handles the items in the order of their timestamps,
 * which may differ from the order of delivery.
 */
export function decide(batch: Batch): Decision {
  const update = new InventoryUpdate(batch.known, batch.seen);
  const hints = batch.items.flatMap(({ interpretation }) =>
    interpretation.kind === 'account' || interpretation.kind === 'membership'
      ? [interpretation]
      : [],
  );
  const domains = knownDomains(hints, batch.known);
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
      const taken =
        interpretation.kind === 'membership'
          ? applyMembership(update, interpretation, batch)
          : applyAccount(update, interpretation, subjectOf(interpretation, domains), batch);
      if (typeof taken === 'object')
        update.messages.push(withDelay(received, taken, batch.now, batch.maxWaitMillis));
      update.count(`notification.${typeof taken === 'object' ? 'delayed' : taken}`);
    }
  }
  return update.decision();
}

/**
 * The result for one hint: the last part of a counter's name, or the error because of which the
 * notification must wait.
 */
type Taken =
  | 'announced'
  | 'recorded'
  | 'duplicate'
  | 'domain-echo'
  | 'absent'
  | 'suspicious'
  | ErrorReport;

function applyAccount(
  update: InventoryUpdate,
  hint: AccountHint,
  subject: string,
  batch: Batch,
): Taken {
  if (update.wasSeen(messageKey(hint))) return 'duplicate';
  const isDeletion = hint.operation === 'deleted';
  const answer = batch.answers.accounts.get(subject);
  if (answer?.kind === 'uncertain' && !isDeletion) return answer.error;
  const shown = answer?.kind === 'certain' ? answer.value.shown : undefined;
  const type =
    shown?.kind === 'present'
      ? shown.account.type
      : subject.startsWith('domain/')
        ? 'domain'
        : hint.type;
  const record = update.record(type, hint.id);
  update.see(messageKey(hint));
  if (type === 'domain' && isDomainEcho(update, hint, record, batch.now)) return 'domain-echo';
  if (isDeletion && record.seenAt === 0 && shown?.kind !== 'present')
    return holdSuspicious(update, hint, record, shown, batch.now);
  if (isDeletion) {
    // Keystone shows the account, so the notification is forged or the read is stale. The
    // coordinator asks Keystone again.
    const living =
      record.seenAt === 0 && answer?.kind === 'certain' && shown?.kind === 'present'
        ? shownRecord(undefined, shown.account, batch.askedAt, answer.value.members)
        : record;
    update.put({ ...living, deletedAt: isGone(living) ? living.deletedAt : batch.now });
    update.announce(living.account, 'deleted', hint.cause);
    return 'announced';
  }
  // The account was deleted since the notification. Another notification or the sweep reports the
  // deletion, so the record is kept.
  if (answer?.kind !== 'certain' || shown?.kind !== 'present') return 'absent';
  applyShownState(update, hint, record, shown.account, answer.value, batch.askedAt);
  return 'announced';
}

/**
 * Holds a deletion of an unknown account for the decision of a person. See `Suspicion` in
 * `inventory.ts`.
 */
function holdSuspicious(
  update: InventoryUpdate,
  { cause }: AccountHint,
  record: AccountRecord,
  shown: KeystoneState | undefined,
  now: number,
): Taken {
  const keystone = shown?.kind === 'absent' ? 'absent' : 'not asked';
  update.put({ ...record, deletedAt: now, suspicion: { cause, at: now, keystone } });
  return 'suspicious';
}

function isDomainEcho(
  update: InventoryUpdate,
  hint: AccountHint,
  record: AccountRecord,
  now: number,
): boolean {
  const key = domainEchoKey(hint);
  if (key === undefined) {
    // The first notification has set `deletedAt` and published the event. For a project this rule
    // would be unsafe, because a forged notification may have set `deletedAt`.
    return (
      hint.operation === 'deleted' &&
      isGone(record) &&
      now - (record.deletedAt ?? 0) < DOMAIN_ECHO_MILLIS
    );
  }
  if (update.wasSeen(key)) return true;
  update.see(key);
  return false;
}

/**
 * Applies Keystone's answer to the record. An `updated` notification does not name the change, so
 * it follows from the difference between the answer and the announced state.
 */
function applyShownState(
  update: InventoryUpdate,
  hint: AccountHint,
  record: AccountRecord,
  account: Present,
  about: AboutAccount,
  askedAt: number,
): void {
  const before = record.account.enabled;
  const shown = shownRecord(record, account, askedAt, about.members);
  // If the notification about the creation is lost, the next sweep announces the creation.
  const isFirst = record.seenAt === 0 && hint.operation !== 'created';
  update.put(isFirst ? { ...shown, unannounced: true } : shown);
  if (about.tree)
    for (const inside of mergeListed(about.tree, update.records, askedAt)) update.put(inside);
  const flipped: Change | undefined = account.enabled
    ? before === false
      ? 'enabled'
      : undefined
    : before === false
      ? undefined
      : 'disabled';
  if (hint.operation === 'created') {
    update.announce(account, 'created', hint.cause);
    // The project was disabled at its creation or shortly after. The notification about that will
    // then find no difference.
    if (!account.enabled) update.announce(account, 'disabled', hint.cause);
  } else {
    if (record.unannounced) update.announce(account, 'created', hint.cause);
    update.announce(account, flipped ?? 'updated', hint.cause);
  }
}

/** Records the users with a new role. A duplicate has no effect, so no key is stored. */
function applyMembership(update: InventoryUpdate, hint: MembershipHint, batch: Batch): Taken {
  const { on, who, inherited } = hint;
  const group = who.type === 'group' ? batch.answers.groups.get(who.id) : undefined;
  if (group?.kind === 'uncertain') return group.error;
  const known = on.type === 'project' ? update.record('project', on.id) : undefined;
  if (known && !inherited && (known.seenAt === 0 || isGone(known))) {
    const answer = batch.answers.accounts.get(keyOf('project', on.id));
    if (answer?.kind === 'uncertain') return answer.error;
    const shown = answer?.value.shown;
    if (shown?.kind === 'present' && shown.account.type === 'project') {
      // `enabled` is not stored, because the notification about it may still wait in the broker.
      const { enabled: _notAnnounced, ...account } = shown.account;
      const before = known.seenAt === 0 ? undefined : known;
      const first = shownRecord(before, account, batch.askedAt, answer?.value.members);
      update.put(before ? first : { ...first, unannounced: true });
    } else if (known.seenAt === 0) return 'absent';
  }
  const users = who.type === 'user' ? [who.id] : (group?.value ?? []);
  const places = inherited ? update.below(on.type, on.id) : [update.record(on.type, on.id)];
  for (const record of places) {
    const members = unionOf(record.members, users);
    if (members !== record.members) update.put({ ...record, members });
  }
  return 'recorded';
}

/**
 * Returns the accounts in Keystone's answers, including those in the tree of a domain.
 * {@link decide} needs their records.
 */
export function accountsInAnswers({ accounts }: Answers): Account[] {
  return [...accounts.values()].flatMap((answer) => {
    if (answer.kind !== 'certain') return [];
    const shown = answer.value.shown.kind === 'present' ? [answer.value.shown.account] : [];
    return [...shown, ...(answer.value.tree?.projects ?? []), ...(answer.value.tree?.users ?? [])];
  });
}
