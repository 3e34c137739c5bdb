import type { Change } from '../../port.ts';
import type { OutboundMessage } from '../messaging/envelope.ts';
import { tasksKey } from './keys.ts';

/** The part of a change that fits in one transaction: rows, and the messages about them. */
export interface Part extends Omit<Change, 'messages' | 'deadLetters'> {
  readonly outbounds: readonly OutboundMessage[];
}
/** A message, and the account or operation that it is about. */
export interface Addressed {
  readonly outbound: OutboundMessage;
  /** `operation <id>` or `project <id>`. */
  readonly about: string | undefined;
}

/**
 * DynamoDB accepts 100 rows and 4 MB in one transaction. The outbox and the counters need a
 * reserve.
 */
const MAX_ROWS = 90;
const MAX_BYTES = 3 * 1024 * 1024;
/** Entries of the audit log that always fit in one transaction. */
const MAX_AUDITED = 40;

/**
 * Divides a change into parts that each fit in one transaction. Their order keeps the stored state
 * consistent after each part:
 *
 * - first: the decisions for the audit log
 * - then: accounts, quarantine and waivers, which may be written twice. An account and its messages
 *   are in one part, so that no deleted account is stored without its event
 * - then: messages about no row of this change, which may be sent twice
 * - then: all operations except the first, each with its tasks and messages. The operation of a
 *   project is valid without the operation of its domain. If the coordinator repeats the decision,
 *   it finds this operation and keeps it
 * - last: the guard rows: the ids of ingested notifications, the first operation with its tasks and
 *   messages, and the counters
 *
 * If the process dies between parts, the guard rows are unchanged. The same holds after a conflict
 * in the last part. The message of the process is then delivered again, and the repeated decision
 * has the same result. Some messages of the change are sent twice.
 */
export function split(change: Change, messages: readonly Addressed[]): Part[] {
  const groups = groupsOf(change, messages);
  const parts: Part[] = [];
  let [part, rows, bytes]: [Part | undefined, number, number] = [undefined, 0, 0];
  for (const group of groups) {
    const [moreRows, moreBytes] = [rowsOf(group), bytesOf(group)];
    if (part && (rows + moreRows > MAX_ROWS || bytes + moreBytes > MAX_BYTES)) {
      parts.push(part);
      [part, rows, bytes] = [undefined, 0, 0];
    }
    part = part ? mergeParts(part, group) : group;
    rows += moreRows;
    bytes += moreBytes;
  }
  return part ? [...parts, part] : parts;
}

function groupsOf(change: Change, messages: readonly Addressed[]): Part[] {
  const [first, ...others] = change.operations ?? [];
  const accounts = change.accounts ?? [];
  const owners = new Set([
    ...accounts.map(({ account }) => `${account.type} ${account.id}`),
    ...(change.operations ?? []).map(({ id }) => `operation ${id}`),
    ...(change.tasks ?? []).map(({ operationId }) => `operation ${operationId}`),
  ]);
  const byOwner = Map.groupBy(messages, ({ about }) =>
    about !== undefined && owners.has(about) ? about : '',
  );
  const outbounds = (about: string): OutboundMessage[] =>
    (byOwner.get(about) ?? []).map(({ outbound }) => outbound);
  const tasks = Map.groupBy(change.tasks ?? [], ({ operationId }) => operationId);
  const withoutOperation = [...tasks.keys()].filter(
    (id) => !change.operations?.some((operation) => operation.id === id),
  );
  const guard: Part = {
    operations: first ? [first] : [],
    tasks: first ? (tasks.get(first.id) ?? []) : [],
    counters: change.counters ?? {},
    outbounds: first ? outbounds(`operation ${first.id}`) : [],
  };
  return [
    // The audit records come first, so that no row is stored before the decision about it.
    ...Array.from(
      { length: Math.ceil((change.audit?.length ?? 0) / MAX_AUDITED) },
      (_, part): Part => ({
        audit: change.audit?.slice(part * MAX_AUDITED, (part + 1) * MAX_AUDITED) ?? [],
        outbounds: [],
      }),
    ),
    ...accounts.map(
      (record): Part => ({
        accounts: [record],
        outbounds: outbounds(`${record.account.type} ${record.account.id}`),
      }),
    ),
    ...(change.quarantine ?? []).map((record): Part => ({ quarantine: [record], outbounds: [] })),
    { waivers: change.waivers ?? [], removedWaivers: change.removedWaivers ?? [], outbounds: [] },
    ...(change.stopDecision
      ? [{ stopDecision: change.stopDecision, outbounds: [] } satisfies Part]
      : []),
    ...outbounds('').map((outbound): Part => ({ outbounds: [outbound] })),
    ...others.map((operation): Part => {
      const own = { operations: [operation], tasks: tasks.get(operation.id) ?? [] };
      return { ...own, outbounds: outbounds(`operation ${operation.id}`) };
    }),
    ...withoutOperation.map(
      (id): Part => ({ tasks: tasks.get(id) ?? [], outbounds: outbounds(`operation ${id}`) }),
    ),
    ...(change.documents ?? []).map((one): Part => ({ documents: [one], outbounds: [] })),
    ...(change.seen ?? []).map((id): Part => ({ seen: [id], outbounds: [] })),
    guard,
  ];
}

const mergeParts = (one: Part, other: Part): Part => ({
  seen: [...(one.seen ?? []), ...(other.seen ?? [])],
  accounts: [...(one.accounts ?? []), ...(other.accounts ?? [])],
  quarantine: [...(one.quarantine ?? []), ...(other.quarantine ?? [])],
  operations: [...(one.operations ?? []), ...(other.operations ?? [])],
  tasks: [...(one.tasks ?? []), ...(other.tasks ?? [])],
  waivers: [...(one.waivers ?? []), ...(other.waivers ?? [])],
  removedWaivers: [...(one.removedWaivers ?? []), ...(other.removedWaivers ?? [])],
  ...(one.stopDecision ? { stopDecision: one.stopDecision } : {}),
  ...(other.stopDecision ? { stopDecision: other.stopDecision } : {}),
  audit: [...(one.audit ?? []), ...(other.audit ?? [])],
  documents: [...(one.documents ?? []), ...(other.documents ?? [])],
  counters: { ...one.counters, ...other.counters },
  outbounds: [...one.outbounds, ...other.outbounds],
});

/** The maximum number of rows, including pointers. */
function rowsOf({
  seen = [],
  accounts = [],
  quarantine = [],
  operations = [],
  tasks = [],
  waivers = [],
  removedWaivers = [],
  stopDecision,
  audit = [],
  documents = [],
}: Part): number {
  const regions = new Set(tasks.map(({ id }) => Object.values(tasksKey(id)).join()));
  return (
    seen.length +
    2 * (accounts.length + quarantine.length) +
    5 * operations.length +
    regions.size +
    waivers.length +
    removedWaivers.length +
    (stopDecision ? 2 : 0) +
    (audit.length > 0 ? audit.length + 1 : 0) +
    documents.length
  );
}

/** The size before compression, as an upper bound. */
function bytesOf({ outbounds, ...rows }: Part): number {
  return (
    JSON.stringify(rows).length + outbounds.reduce((sum, { detail }) => sum + detail.length, 0)
  );
}
