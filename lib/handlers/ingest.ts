import type { Account } from '../../events/account.ts';
import { DomainId } from '../../events/ids.ts';
import { askKeystone } from '../account/ask-keystone.ts';
import { duplicateKeys, type InterpretedNotification } from '../account/batch.ts';
import { accountsInAnswers, decideBatch } from '../account/ingest.ts';
import { type ChangeNotification, interpretNotification } from '../account/interpret.ts';
import type { AccountRecord } from '../account/inventory.ts';
import type { BatchDecision } from '../account/inventory-update.ts';
import type { Keystone } from '../account/keystone.ts';
import { keyOfAccount } from '../account/merge.ts';
import { readNotification } from '../account/notification.ts';
import type { Delivery, Engine } from '../engine/port.ts';
import type { ErrorReport } from '../shared/errors.ts';
import type { Logger } from '../shared/log.ts';

/** The dependencies of {@link ingest}. */
export interface IngestDeps {
  readonly engine: Pick<Engine, 'reads' | 'commit'>;
  readonly keystone: Keystone;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** The longest `Retry-After` of Keystone that the retry waits for; default: one hour. */
  readonly maxWaitMillis?: number;
  /** Epoch milliseconds. */
  now(): number;
}

/**
 * Lock conflicts rarely repeat. After this number of conflicts `ingest` throws, and the engine
 * delivers the batch again later.
 */
const MAX_CONFLICTS = 20;

/**
 * Handles notifications: interprets them, asks Keystone, and reads the inventory. The changes of
 * the inventory and the account events (`lib/account/ingest.ts`) are committed in one transaction.
 * If Keystone gave no certain answer about a notification, the notification returns to the queue in
 * the same transaction. Throws when the commit fails. The store is then unchanged. In large
 * batches (100 or more), each notification needs fewer calls to Keystone and the store.
 */
export async function ingest(deliveries: readonly Delivery[], deps: IngestDeps): Promise<void> {
  const items = deliveries.flatMap(({ message }): InterpretedNotification[] => {
    if (message.type !== 'notification.received') return [];
    const reading = readNotification(message.data);
    return [
      {
        received: message,
        interpretation:
          reading.kind === 'notification'
            ? interpretNotification(reading.notification, message.data.receivedAt)
            : reading,
      },
    ];
  });
  if (items.length === 0) return;
  for (let attempts = 1; ; attempts += 1) {
    const { decision, keystoneError } = await askKeystoneAndDecide(items, deps);
    if ((await deps.engine.commit(decision)) === 'committed')
      return logDecision(decision, keystoneError, deps.log);
    if (attempts >= MAX_CONFLICTS)
      throw new Error(`other processes handled the same notifications during ${attempts} attempts`);
  }
}

/**
 * Asks Keystone about the accounts of the notifications, and returns the decision. `keystoneError`:
 * the error of the first uncertain answer.
 */
async function askKeystoneAndDecide(
  items: readonly InterpretedNotification[],
  { engine, keystone, now, maxWaitMillis }: IngestDeps,
) {
  const notifications = items.flatMap(({ interpretation }) =>
    interpretation.kind === 'account' || interpretation.kind === 'membership'
      ? [interpretation]
      : [],
  );
  const subjects = notifications.map((notification) =>
    notification.kind === 'account' ? notification : notification.target,
  );
  const recordsBefore = await recordsOf(subjects, notifications, engine);
  const askedAt = now();
  const answers = await askKeystone(notifications, recordsBefore, keystone);
  // The inventory may have changed while Keystone answered, so the decision uses a new read.
  const [records, storedDuplicateKeys] = await Promise.all([
    recordsOf([...subjects, ...accountsInAnswers(answers)], notifications, engine),
    engine.reads.seenMessageIds(duplicateKeys(items)),
  ]);
  const keystoneError = [...answers.accounts.values(), ...answers.groups.values()].find(
    (answer) => answer.kind === 'uncertain',
  )?.error;
  return {
    decision: decideBatch({
      items,
      records,
      storedDuplicateKeys,
      answers,
      askedAt,
      now: now(),
      maxWaitMillis,
    }),
    keystoneError,
  };
}

/**
 * Returns the records of the subjects in the inventory, by `keyOfAccount`. Two groups of records
 * are added:
 *
 * - For the id of a project, the record of a domain with this id. Keystone announces a change of a
 *   domain also as a change of a project with the same id.
 * - For an inherited role, the records of all projects in the domain. The role may apply to any of
 *   them.
 */
async function recordsOf(
  subjects: readonly Pick<Account, 'type' | 'id'>[],
  notifications: readonly ChangeNotification[],
  { reads }: IngestDeps['engine'],
): Promise<Map<string, AccountRecord>> {
  const idsOf = (...types: Account['type'][]): string[] => [
    ...new Set(subjects.filter(({ type }) => types.includes(type)).map(({ id }) => id)),
  ];
  const readRecords = async (type: Account['type'], ids: string[]): Promise<AccountRecord[]> =>
    ids.length > 0 ? reads.accounts(type, ids) : [];
  const records = (
    await Promise.all([
      readRecords('project', idsOf('project')),
      readRecords('domain', idsOf('project', 'domain')),
      readRecords('user', idsOf('user')),
    ])
  ).flat();
  const domains = domainsOfInheritedRoles(notifications, records);
  const recordsInDomains = await Promise.all(
    domains.map((id) => reads.projectsOf(DomainId.parse(id))),
  );
  return new Map(
    [...recordsInDomains.flat(), ...records].map((record) => [
      keyOfAccount(record.account),
      record,
    ]),
  );
}

/**
 * Returns the domains whose projects an inherited role may apply to. The target of the role is a
 * domain, or a project whose child projects inherit the role.
 */
function domainsOfInheritedRoles(
  notifications: readonly ChangeNotification[],
  records: readonly AccountRecord[],
): string[] {
  const targets = notifications.flatMap((notification) =>
    notification.kind === 'membership' && notification.inherited ? [notification.target] : [],
  );
  const domains = targets.map((target) => {
    if (target.type === 'domain') return target.id;
    const record = records.find(
      ({ account }) => account.type === target.type && account.id === target.id,
    );
    return record?.account.type === 'project' ? record.account.domainId : undefined;
  });
  return [...new Set(domains)].filter((id) => id !== undefined);
}

function logDecision(
  { messages, quarantine, counters }: BatchDecision,
  keystoneError: ErrorReport | undefined,
  log: IngestDeps['log'],
): void {
  for (const message of messages) {
    if (message.type !== 'notification.received')
      log.info({ account: message.data.account, cause: message.data.cause }, message.type);
  }
  if (keystoneError)
    log.warn(
      { error: keystoneError, waiting: counters['notification.delayed'] ?? 0 },
      'Keystone gave no certain answer, so the notifications are retried',
    );
  const suspiciousCount = counters['notification.suspicious'] ?? 0;
  if (suspiciousCount > 0)
    log.warn(
      { suspicious: suspiciousCount },
      'deletions of accounts that were never seen alive are held: propagator suspicious list',
    );
  if (quarantine.length > 0)
    log.warn(
      { quarantined: quarantine.length, reason: quarantine[0]?.reason },
      'unreadable notifications were put in quarantine',
    );
}
