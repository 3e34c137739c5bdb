import type { OperationId, TaskId } from '../../../../events/ids.ts';
import type { AccountRecord } from '../../../account/inventory.ts';
import type { Action, Operation, Scope } from '../../../operation/model.ts';
import type { DeadLetterDecision } from '../../port.ts';
import type { Key } from './rows.ts';

/**
 * All data of one stage is in one table with the keys `pk` and `sk`. A row with a record has the
 * record as JSON in `body`, plain or compressed. A pointer is a row without `body`: its keys name
 * another row.
 *
 * Rows, as `pk` / `sk`:
 *
 * - `operation#<id>` / `operation`: the operation; `state` and `openedAt` are the keys of
 *   the index `operations-by-state`
 * - `operation#<id>` / `tasks#<region>`: its tasks in one region; each write increases `revision`
 * - `about#<type>#<id>` / `<opened>#<operation>`: pointer to the operations about an account
 * - `domain#<id>` / `<opened>#<operation>`: pointer to the operations in a domain
 * - `below#<operation>` / `<opened>#<operation>`: pointer from the operation of a domain to the
 *   operations of its projects
 * - `started#<type>` / `<started>#<operation>`: pointer to the cleanups that have begun to remove
 *   resources; expires after a day. `started#<type>#<action>`: the same for another action
 * - `account#<type>` / `<id>`: the inventory's record; each write increases `revision`
 * - `projects#<domain>` / `<id>`: pointer to the projects of a domain
 * - `member#<user>` / `<project>`: pointer to the projects on which a user has, or had, a role
 * - `alike#<type>#<folded id>` / `<id>`: pointer to the accounts with an id that differs from its
 *   folded form (see `foldId`)
 * - `suspicion` / `<type>#<id>`: pointer to the accounts with a suspicious deletion
 * - `seen#<message>` / `seen`: a notification that was ingested; expires after 14 days
 * - `quarantine` / `<received>#<id>`: pointer to a quarantine record, in the order of arrival
 * - `quarantine#<id>` / `record`: a quarantine record
 * - `waiver` / `<catalog type>`: the waiver of a catalog type
 * - `stop` / `newest`: the newest decision to stop or resume all destructive work
 * - `stops` / `<time>#<uuid>`: every decision to stop or resume
 * - `document#<collection>#<partition>` / `<id>`: a document of another module; each write
 *   increases `version`
 * - `decisions` and `decisions#<operation>` / `<time>#<id>`: a person's decision about dead-letter
 *   messages
 * - `counters` / `0` to `7`: the value of a counter is the sum of its attributes in these rows
 * - `audit` / `<sequence>`: an entry of the audit log
 * - `audit-head` / `head`: the sequence number and the hash of the newest entry
 * - `outbox#<0 to 3>` / `<written>#<uuid>`: the unsent messages of a change; `parts` is the number
 *   of further rows, and `leasedUntil` the end of the lease of the process that sends them
 * - `outbox#<uuid>` / `1`, `2`, …: further rows of an outbox that is too big for one row
 * - `lease#<name>` / `lease`: an exclusive lease until `leasedUntil`
 *
 * A pointer may be outdated. A reader therefore reads the row to which a pointer leads, with a
 * consistent read, and uses only the content of that row.
 */

/** The number of rows over which each counter is divided. */
export const COUNTER_SHARES = 8;
/** The number of partitions over which the outboxes are divided. */
export const OUTBOX_SHARES = 4;

const DAY_SECONDS = 24 * 60 * 60;
/** The time for which the id of a notification is kept to recognize duplicates. */
export const SEEN_ID_RETENTION_SECONDS = 14 * DAY_SECONDS;
/**
 * The time for which the pointer to a started operation is kept. The hourly cap needs the pointers
 * of the last hour.
 */
export const STARTED_POINTER_RETENTION_SECONDS = DAY_SECONDS;
/**
 * The further rows of an outbox expire after this time. It is much longer than the delivery of an
 * outbox takes, even after an outage.
 */
export const OUTBOX_PART_RETENTION_SECONDS = 365 * DAY_SECONDS;

/** Epoch milliseconds as text that sorts by time. */
export const sortableTime = (millis: number): string =>
  String(Math.max(0, Math.floor(millis))).padStart(15, '0');

/** The key of the newest decision to stop or resume all destructive work. */
export const NEWEST_STOP_DECISION_KEY: Key = { pk: 'stop', sk: 'newest' };
/** The partition of all decisions to stop or resume. */
export const STOP_DECISIONS_PK = 'stops';

/** The partition of the audit log. */
export const AUDIT_PK = 'audit';
export const AUDIT_HEAD_KEY: Key = { pk: 'audit-head', sk: 'head' };
/** The sort key of an entry of the audit log. */
export const auditSk = (sequence: number): string => String(sequence).padStart(15, '0');

export const operationKey = (id: string): Key => ({ pk: `operation#${id}`, sk: 'operation' });
/** The key of the row with all tasks of one operation and region. */
export const tasksKey = (id: TaskId): Key => {
  const [operation = '', , ...region] = id.split('/');
  return { pk: `operation#${operation}`, sk: `tasks#${region.join('/')}` };
};
export const operationsAboutPk = (type: Scope['type'], id: string): string => `about#${type}#${id}`;
export const operationsInDomainPk = (id: string): string => `domain#${id}`;
export const childOperationsPk = (parent: OperationId): string => `below#${parent}`;
export const startedOperationsPk = (type: Scope['type'], action: Action = 'cleanup'): string =>
  action === 'cleanup' ? `started#${type}` : `started#${type}#${action}`;
export const accountPk = (type: AccountRecord['account']['type']): string => `account#${type}`;
export const accountKey = (type: AccountRecord['account']['type'], id: string): Key => ({
  pk: accountPk(type),
  sk: id,
});
export const foldedIdPk = (type: AccountRecord['account']['type'], foldedId: string): string =>
  `alike#${type}#${foldedId}`;
export const documentPk = (collection: string, partition: string): string =>
  `document#${collection}#${partition}`;
export const SUSPICION_PK = 'suspicion';
export const projectsOfDomainPk = (domain: string): string => `projects#${domain}`;
export const projectsOfMemberPk = (user: string): string => `member#${user}`;
export const seenKey = (id: string): Key => ({ pk: `seen#${id}`, sk: 'seen' });
export const quarantineKey = (id: string): Key => ({ pk: `quarantine#${id}`, sk: 'record' });
export const decisionsPk = (operation: string | undefined): string =>
  operation === undefined ? 'decisions' : `decisions#${operation}`;
/** The keys of a decision: in the list of all decisions, and in the list of its operation. */
export const decisionKeys = ({
  id,
  at,
  operationId,
}: Pick<DeadLetterDecision, 'id' | 'at' | 'operationId'>): Key[] =>
  [...new Set([decisionsPk(undefined), decisionsPk(operationId)])].map((pk) => ({
    pk,
    sk: `${sortableTime(at)}#${id}`,
  }));
export const outboxPk = (share: number): string => `outbox#${share}`;
export const outboxPartKey = (outbox: string, part: number): Key => ({
  pk: `outbox#${outbox}`,
  sk: String(part),
});
export const leaseKey = (name: string): Key => ({ pk: `lease#${name}`, sk: 'lease' });

/**
 * The sort key of a pointer to an operation in the partitions {@link operationsAboutPk}, {@link
 * operationsInDomainPk} and {@link childOperationsPk}.
 */
export const openedSk = ({ openedAt, id }: Pick<Operation, 'openedAt' | 'id'>): string =>
  `${sortableTime(openedAt)}#${id}`;
/** Returns the id after the first `#` of a key, for example after the time in a sort key. */
export const idIn = (key: string): string => key.slice(key.indexOf('#') + 1);
