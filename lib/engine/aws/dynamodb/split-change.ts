import type { Change } from '../../port.ts';
import type { OutboundMessage } from '../messaging/envelope.ts';
import { tasksKey } from './keys.ts';

/** The part of a change that one transaction takes: rows, and the messages that belong to them. */
export interface Part extends Omit<Change, 'messages' | 'deadLetters'> {
  readonly outbounds: readonly OutboundMessage[];
}
/** A message and its subject, if it names one. */
export interface Addressed {
  readonly outbound: OutboundMessage;
  /** `operation <id>` or `project <id>`. */
  readonly about: string | undefined;
}

/**
 * DynamoDB takes 100 rows and 4 MB in one transaction. The outbox and the counters need a reserve.
 */
const MAX_ROWS = 90;
const MAX_BYTES = 3 * 1024 * 1024;
/** Entries of the audit log that one transaction takes at least. */
const MAX_AUDITED = 40;

/**
 * Returns a change as one transaction, or as several where it is too big. The order allows a stop
 * after any part:
 *
 * - first the decisions for the audit log
 * - then what may be written twice: accounts (their records only grow), quarantine, waivers; each
 *   account goes with its messages, so that a tombstone never exists without its event
 * - then messages about no row of this change, which may repeat anyway
 * - then all operations but the first, each with its tasks and messages: a project's operation is
 *   complete without that of its domain, and a repeated decision finds it and keeps it
 * - last the guard rows: ids of ingested notifications, and the first operation with its tasks,
 *   messages and the counters
 *
 * If the process dies on the way or meets a conflict at the end, the guard rows are unchanged. Its
 * message is delivered again, and the repeated decision has the same result. Only some messages
 * repeat.
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
    part = part ? joined(part, group) : group;
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
    // A decision is recorded in the same part as the first change that it makes.
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
    { waivers: change.waivers ?? [], unwaived: change.unwaived ?? [], outbounds: [] },
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

const joined = (one: Part, other: Part): Part => ({
  seen: [...(one.seen ?? []), ...(other.seen ?? [])],
  accounts: [...(one.accounts ?? []), ...(other.accounts ?? [])],
  quarantine: [...(one.quarantine ?? []), ...(other.quarantine ?? [])],
  operations: [...(one.operations ?? []), ...(other.operations ?? [])],
  tasks: [...(one.tasks ?? []), ...(other.tasks ?? [])],
  waivers: [...(one.waivers ?? []), ...(other.waivers ?? [])],
  unwaived: [...(one.unwaived ?? []), ...(other.unwaived ?? [])],
  ...(one.stopDecision ? { stopDecision: one.stopDecision } : {}),
  ...(other.stopDecision ? { stopDecision: other.stopDecision } : {}),
  audit: [...(one.audit ?? []), ...(other.audit ?? [])],
  documents: [...(one.documents ?? []), ...(other.documents ?? [])],
  counters: { ...one.counters, ...other.counters },
  outbounds: [...one.outbounds, ...other.outbounds],
});

/** Upper bound of the rows, including pointers. */
function rowsOf({
  seen = [],
  accounts = [],
  quarantine = [],
  operations = [],
  tasks = [],
  waivers = [],
  unwaived = [],
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
    unwaived.length +
    (stopDecision ? 2 : 0) +
    (audit.length > 0 ? audit.length + 1 : 0) +
    documents.length
  );
}

/** Upper bound: the size before compression. */
function bytesOf({ outbounds, ...rows }: Part): number {
  return (
    JSON.stringify(rows).length + outbounds.reduce((sum, { detail }) => sum + detail.length, 0)
  );
}
