import type { Account, Change } from '../../events/account.ts';
import type { NotificationReceived } from '../../events/notification.ts';
import type { ErrorReport } from '../shared/errors.ts';
import type { AccountHint, Interpretation, MembershipHint } from './interpret.ts';
import { type AccountRecord, isGone } from './inventory.ts';
import { type Decision, InventoryUpdate } from './inventory-update.ts';
import type { KeystoneState } from './keystone.ts';
import { type AboutAccount, type Answers, knownDomains, subjectOf } from './keystone-answers.ts';
import { keyOf, mergeListed, shownRecord, unionOf } from './merge.ts';
import { delayed, quarantined } from './quarantine.ts';

/** One stored notification and what it was understood to mean. */
export interface Item {
  readonly received: NotificationReceived;
  readonly interpretation: Interpretation;
}
/** All that a decision rests on. Times are epoch milliseconds. */
export interface Batch {
  readonly items: readonly Item[];
  /**
   * What the inventory has of every account that the items and the answers name, by `project/<id>`.
   */
  readonly known: ReadonlyMap<string, AccountRecord>;
  /** Those of {@link keysAgainstDuplicates} that were taken in before. */
  readonly seen: ReadonlySet<string>;
  readonly answers: Answers;
  /** When Keystone was asked. */
  readonly askedAt: number;
  readonly now: number;
  /** Longest wait that Keystone may ask for (`Retry-After`). */
  readonly maxWaitMillis?: number | undefined;
}
type Present = Extract<KeystoneState, { is: 'present' }>['account'];

/**
 * Two notifications about one deletion of a domain, sent without a request id, follow each other
 * within this.
 */
const TWIN_MILLIS = 60_000;

/**
 * Keystone announces every change of a domain twice, as its project's and as its own, with one
 * request id: the second one is old news. `undefined` where the notification has no request id.
 */
function twinKey({ id, operation, cause }: AccountHint): string | undefined {
  return cause.requestId === undefined
    ? undefined
    : JSON.stringify(['twin', operation, id, cause.requestId]);
}

/** The same message once more has the same id and the same content; one of them alone is no proof. */
const messageKey = ({ cause }: AccountHint): string =>
  JSON.stringify([cause.messageId, cause.digest]);

/**
 * Keys under which a batch may have been taken in before, to be looked up before {@link decide}.
 */
export function keysAgainstDuplicates(items: readonly Item[]): string[] {
  return items.flatMap(({ interpretation }) => {
    if (interpretation.is !== 'account') return [];
    const twin = interpretation.type === 'user' ? undefined : twinKey(interpretation);
    return twin === undefined ? [messageKey(interpretation)] : [messageKey(interpretation), twin];
  });
}

/**
 * What a batch of notifications means for the world: account events, records, what goes back, what
 * is laid aside. Pure. Items are taken in the order of their own timestamps, so that the order of
 * delivery matters little.
 */
export function decide(batch: Batch): Decision {
  const update = new InventoryUpdate(batch.known, batch.seen);
  const hints = batch.items.flatMap(({ interpretation }) =>
    interpretation.is === 'account' || interpretation.is === 'membership' ? [interpretation] : [],
  );
  const domains = knownDomains(hints, batch.known);
  const at = ({ received, interpretation }: Item): number =>
    interpretation.is === 'account'
      ? interpretation.cause.at
      : interpretation.is === 'membership'
        ? interpretation.at
        : received.data.receivedAt;
  for (const { received, interpretation } of batch.items.toSorted(
    (one, other) => at(one) - at(other),
  )) {
    update.count('notification.received');
    if (interpretation.is === 'dropped')
      update.count(`notification.dropped.${interpretation.because}`);
    else if (interpretation.is === 'unreadable') {
      update.count('notification.unreadable');
      update.quarantine.push(quarantined(received, interpretation.reason));
    } else {
      const taken =
        interpretation.is === 'membership'
          ? applyMembership(update, interpretation, batch)
          : applyAccount(update, interpretation, subjectOf(interpretation, domains), batch);
      if (typeof taken === 'object')
        update.messages.push(delayed(received, taken, batch.now, batch.maxWaitMillis));
      update.count(`notification.${typeof taken === 'object' ? 'delayed' : taken}`);
    }
  }
  return update.decision();
}

/**
 * What became of a hint, as the end of a counter's name; or the error because of which it has to
 * wait.
 */
type Taken =
  | 'announced'
  | 'recorded'
  | 'duplicate'
  | 'twin'
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
  if (answer?.is === 'uncertain' && !isDeletion) return answer.error;
  const shown = answer?.is === 'certain' ? answer.value.shown : undefined;
  const type =
    shown?.is === 'present'
      ? shown.account.type
      : subject.startsWith('domain/')
        ? 'domain'
        : hint.type;
  const record = update.record(type, hint.id);
  update.see(messageKey(hint));
  if (type === 'domain' && isTwin(update, hint, record, batch.now)) return 'twin';
  if (isDeletion && record.seenAt === 0 && shown?.is !== 'present')
    return holdApart(update, hint, record, shown, batch.now);
  if (isDeletion) {
    // Shown by Keystone right now: a forged notification, or an old read. The coordinator asks.
    const living =
      record.seenAt === 0 && answer?.is === 'certain' && shown?.is === 'present'
        ? shownRecord(undefined, shown.account, batch.askedAt, answer.value.members)
        : record;
    update.put({ ...living, deletedAt: isGone(living) ? living.deletedAt : batch.now });
    update.announce(living.account, 'deleted', hint.cause);
    return 'announced';
  }
  // Deleted meanwhile: its own notification says so, or the sweep finds it. What is known stays.
  if (answer?.is !== 'certain' || shown?.is !== 'present') return 'absent';
  takeShown(update, hint, record, shown.account, answer.value, batch.askedAt);
  return 'announced';
}

/** Nobody has ever seen it alive: a person decides. See {@link Suspicion}. */
function holdApart(
  update: InventoryUpdate,
  { cause }: AccountHint,
  record: AccountRecord,
  shown: KeystoneState | undefined,
  now: number,
): Taken {
  const keystone = shown?.is === 'absent' ? 'absent' : 'not asked';
  update.put({ ...record, deletedAt: now, suspicion: { cause, at: now, keystone } });
  return 'suspicious';
}

function isTwin(
  update: InventoryUpdate,
  hint: AccountHint,
  record: AccountRecord,
  now: number,
): boolean {
  const key = twinKey(hint);
  if (key === undefined) {
    // The first of the two has made the tombstone, and its event with it. A tombstone of a project
    // stops nothing: it may be forged.
    return (
      hint.operation === 'deleted' && isGone(record) && now - (record.deletedAt ?? 0) < TWIN_MILLIS
    );
  }
  if (update.wasSeen(key)) return true;
  update.see(key);
  return false;
}

/**
 * `updated` never says what changed: Keystone's answer, against what was announced before, does.
 */
function takeShown(
  update: InventoryUpdate,
  hint: AccountHint,
  record: AccountRecord,
  account: Present,
  about: AboutAccount,
  askedAt: number,
): void {
  const before = record.account.enabled;
  update.put(shownRecord(record, account, askedAt, about.members));
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
    // Disabled since, or from the start: the notification that follows, if any, will find nothing
    // changed.
    if (!account.enabled) update.announce(account, 'disabled', hint.cause);
  } else update.announce(account, flipped ?? 'updated', hint.cause);
}

/** Records who got a role. A duplicate adds nobody, so it needs no key against it. */
function applyMembership(update: InventoryUpdate, hint: MembershipHint, batch: Batch): Taken {
  const { on, who, inherited } = hint;
  const group = who.type === 'group' ? batch.answers.groups.get(who.id) : undefined;
  if (group?.is === 'uncertain') return group.error;
  const known = on.type === 'project' ? update.record('project', on.id) : undefined;
  if (known && !inherited && (known.seenAt === 0 || isGone(known))) {
    const answer = batch.answers.accounts.get(keyOf('project', on.id));
    if (answer?.is === 'uncertain') return answer.error;
    const shown = answer?.value.shown;
    if (shown?.is === 'present' && shown.account.type === 'project') {
      // Whether it is enabled was not announced yet, so it is not remembered: the notification that
      // does may be on its way.
      const { enabled: _notAnnounced, ...account } = shown.account;
      const before = known.seenAt === 0 ? undefined : known;
      update.put(shownRecord(before, account, batch.askedAt, answer?.value.members));
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
 * The accounts that Keystone's answers name, those in a domain's tree too: {@link decide} needs
 * their records.
 */
export function accountsInAnswers({ accounts }: Answers): Account[] {
  return [...accounts.values()].flatMap((answer) => {
    if (answer.is !== 'certain') return [];
    const shown = answer.value.shown.is === 'present' ? [answer.value.shown.account] : [];
    return [...shown, ...(answer.value.tree?.projects ?? []), ...(answer.value.tree?.users ?? [])];
  });
}
