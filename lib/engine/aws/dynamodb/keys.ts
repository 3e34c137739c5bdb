import type { OperationId, TaskId } from '../../../../events/ids.ts';
import type { AccountRecord } from '../../../account/inventory.ts';
import type { Action, Operation, Scope } from '../../../operation/model.ts';
import type { Decision } from '../../port.ts';
import type { Key } from './rows.ts';

/**
 * All data of one stage is in one table with the keys `pk` and `sk`. A row with a record holds it
 * as JSON in `body`, plain or compressed. A pointer holds only its keys.
 *
 * Rows, as `pk` / `sk`:
 *
 * - `operation#<id>` / `operation`: the operation; `state` and `openedAt` are the index
 *   `operations-by-state`
 * - `operation#<id>` / `tasks#<region>`: its tasks in one region; `revision` increases per write
 * - `about#<type>#<id>` / `<opened>#<operation>`: pointer to the operations about an account
 * - `domain#<id>` / `<opened>#<operation>`: pointer to the operations in a domain
 * - `below#<operation>` / `<opened>#<operation>`: pointer from the operation of a domain to the
 *   operations of its projects
 * - `started#<type>` / `<started>#<operation>`: pointer to the cleanups that began to remove;
 *   expires after a day. `started#<type>#<action>`: the same for another action
 * - `account#<type>` / `<id>`: the inventory's record; `revision`
 * - `projects#<domain>` / `<id>`: pointer to the projects of a domain
 * - `member#<user>` / `<project>`: pointer to the projects on which a user has, or had, a role
 * - `alike#<type>#<folded id>` / `<id>`: pointer to the accounts with an id that differs from its
 *   folded form
 * - `suspicion` / `<type>#<id>`: pointer to the accounts with a suspicious deletion
 * - `seen#<message>` / `seen`: a notification that was ingested; expires after 14 days
 * - `quarantine` / `<received>#<id>`: pointer, in order of arrival
 * - `quarantine#<id>` / `record`: the record
 * - `waiver` / `<catalog type>`: a person's decision
 * - `stop` / `newest`: the newest decision to stop or resume all destructive work
 * - `stops` / `<time>#<uuid>`: every decision to stop or resume
 * - `document#<collection>#<partition>` / `<id>`: a document of another module; `version`
 * - `decisions` and `decisions#<operation>` / `<time>#<id>`: a person's decision about dead-letter
 *   messages
 * - `counters` / `0` to `7`: shares of every counter, summed on read
 * - `audit` / `<sequence>`: an entry of the audit log; `audit-head` / `head`: its newest entry
 * - `outbox#<0 to 3>` / `<written>#<uuid>`: messages of a change that are not sent yet: `body`,
 *   `parts`, `leasedUntil`
 * - `outbox#<uuid>` / `1`, `2`, …: further parts of an outbox that exceeds one row
 * - `lease#<name>` / `lease`: an exclusive lease until `leasedUntil`
 *
 * A pointer may be outdated. A reader follows a pointer with a consistent read of the row, and
 * trusts only the row.
 */
export const COUNTER_SHARES = 8;
export const OUTBOX_SHARES = 4;

const DAY_SECONDS = 24 * 60 * 60;
/** Time for which a notification id is kept to recognize duplicates. */
export const SEEN_SECONDS = 14 * DAY_SECONDS;
export const STARTED_SECONDS = DAY_SECONDS;
/** The parts of an outbox expire after this time, which is much longer than any delivery takes. */
export const PART_SECONDS = 365 * DAY_SECONDS;

/** Epoch milliseconds as text that sorts by time. */
export const sortable = (millis: number): string =>
  String(Math.max(0, Math.floor(millis))).padStart(15, '0');

/** The key of the newest decision to stop or resume all destructive work. */
export const STOP_KEY: Key = { pk: 'stop', sk: 'newest' };
/** The partition of all decisions to stop or resume. */
export const STOPS_PK = 'stops';

/** The partition of the audit log. */
export const AUDIT_PK = 'audit';
export const AUDIT_HEAD_KEY: Key = { pk: 'audit-head', sk: 'head' };
/** The sort key of an entry of the audit log. */
export const auditSk = (sequence: number): string => String(sequence).padStart(15, '0');

/** The key of an operation. */
export const operationKey = (id: string): Key => ({ pk: `operation#${id}`, sk: 'operation' });
/** The key of the row with all tasks of one operation and region. */
export const tasksKey = (id: TaskId): Key => {
  const [operation = '', , ...region] = id.split('/');
  return { pk: `operation#${operation}`, sk: `tasks#${region.join('/')}` };
};
export const aboutPk = (type: Scope['type'], id: string): string => `about#${type}#${id}`;
export const domainPk = (id: string): string => `domain#${id}`;
export const childrenPk = (parent: OperationId): string => `below#${parent}`;
export const startedPk = (type: Scope['type'], action: Action = 'cleanup'): string =>
  action === 'cleanup' ? `started#${type}` : `started#${type}#${action}`;
export const accountPk = (type: AccountRecord['account']['type']): string => `account#${type}`;
export const accountKey = (type: AccountRecord['account']['type'], id: string): Key => ({
  pk: accountPk(type),
  sk: id,
});
export const foldedIdPk = (type: AccountRecord['account']['type'], folded: string): string =>
  `alike#${type}#${folded}`;
export const documentPk = (collection: string, partition: string): string =>
  `document#${collection}#${partition}`;
export const SUSPICION_PK = 'suspicion';
export const projectsPk = (domain: string): string => `projects#${domain}`;
export const memberPk = (user: string): string => `member#${user}`;
export const seenKey = (id: string): Key => ({ pk: `seen#${id}`, sk: 'seen' });
export const quarantineKey = (id: string): Key => ({ pk: `quarantine#${id}`, sk: 'record' });
export const decisionsPk = (operation: string | undefined): string =>
  operation === undefined ? 'decisions' : `decisions#${operation}`;
/** The keys of a decision: in the list of all decisions, and in the list of its operation. */
export const decisionKeys = ({
  id,
  at,
  operationId,
}: Pick<Decision, 'id' | 'at' | 'operationId'>): Key[] =>
  [...new Set([decisionsPk(undefined), decisionsPk(operationId)])].map((pk) => ({
    pk,
    sk: `${sortable(at)}#${id}`,
  }));
export const outboxPk = (share: number): string => `outbox#${share}`;
export const partKey = (outbox: string, part: number): Key => ({
  pk: `outbox#${outbox}`,
  sk: String(part),
});
export const leaseKey = (name: string): Key => ({ pk: `lease#${name}`, sk: 'lease' });

/** Sort key of the pointers under {@link aboutPk}, {@link domainPk} and {@link childrenPk}. */
export const openedSk = ({ openedAt, id }: Pick<Operation, 'openedAt' | 'id'>): string =>
  `${sortable(openedAt)}#${id}`;
/** The id at the end of a sort key that begins with a time. */
export const idIn = (sk: string): string => sk.slice(sk.indexOf('#') + 1);
