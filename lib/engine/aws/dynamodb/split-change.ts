import type { Change } from '../../port.ts';
import type { OutboundMessage } from '../messaging/envelope.ts';
import {
  type ChangeGroup,
  type ChangePart,
  EMPTY_PART,
  maxBytesOf,
  maxRowsOf,
  withGroup,
} from './change-part.ts';

/** A message, and the account or operation that it is about. */
export interface OutboundWithSubject {
  readonly outbound: OutboundMessage;
  /** For example `operation <id>` or `project <id>`. */
  readonly subject: string | undefined;
}

/**
 * DynamoDB accepts 100 rows and 4 MB in one transaction. These limits leave space for the outbox
 * and the counters.
 */
const MAX_ROWS = 90;
const MAX_BYTES = 3 * 1024 * 1024;
/** The number of entries of the audit log that always fit in one transaction. */
const MAX_AUDIT_RECORDS = 40;

/**
 * Divides a change into parts that each fit in one transaction. The stored records are consistent
 * after each part, because the parts have this order:
 *
 * - first: the audit records of persons' decisions
 * - then: accounts, quarantine, waivers and the stop decision. A second write of these records does
 *   no harm. An account and its messages are in one part, so that no deleted account is stored
 *   without its event
 * - then: messages about no record of this change. A second copy of a message does no harm
 * - then: all operations except the first, each with its tasks and messages. The first operation is
 *   the subject of the coordinator's step, for example the operation of a domain. The other
 *   operations, for example of its projects, are valid without it. If the coordinator repeats the
 *   step, it finds these operations and keeps them
 * - last: documents, the ids of ingested notifications, the first operation with its tasks and
 *   messages, and the counters. These records normally fit in one part
 *
 * If the process dies before the last part, or if the last part is in conflict, the records of the
 * last part are unchanged. After a crash, the message that led to this change is delivered again.
 * After a conflict, the caller repeats its decision. In both cases, messages of earlier parts may
 * be sent twice.
 */
export function splitChange(
  change: Change,
  messages: readonly OutboundWithSubject[],
): ChangePart[] {
  const parts: ChangePart[] = [];
  let [part, rows, bytes]: [ChangePart | undefined, number, number] = [undefined, 0, 0];
  for (const group of groupsOf(change, messages)) {
    const [groupRows, groupBytes] = [maxRowsOf(group), maxBytesOf(group)];
    if (part && (rows + groupRows > MAX_ROWS || bytes + groupBytes > MAX_BYTES)) {
      parts.push(part);
      [part, rows, bytes] = [undefined, 0, 0];
    }
    part = withGroup(part ?? EMPTY_PART, group);
    rows += groupRows;
    bytes += groupBytes;
  }
  return part ? [...parts, part] : parts;
}

/** Divides a change into groups, in the order of the parts. One transaction writes each group. */
function groupsOf(change: Change, messages: readonly OutboundWithSubject[]): ChangeGroup[] {
  const { accounts = [], quarantine = [], documents = [], seen = [], stopDecision } = change;
  const messagesBySubject = groupBySubject(change, messages);
  const messagesAbout = (subject: string): OutboundMessage[] =>
    messagesBySubject.get(subject) ?? [];
  return [
    ...auditGroups(change),
    ...accounts.map((record): ChangeGroup => {
      const { type, id } = record.account;
      return { accounts: [record], outboundMessages: messagesAbout(`${type} ${id}`) };
    }),
    ...quarantine.map((record): ChangeGroup => ({ quarantine: [record], outboundMessages: [] })),
    {
      waivers: change.waivers ?? [],
      removedWaiverTypes: change.removedWaiverTypes ?? [],
      outboundMessages: [],
    },
    ...(stopDecision ? [{ stopDecision, outboundMessages: [] } satisfies ChangeGroup] : []),
    ...messagesAbout(NO_RECORD).map((outbound): ChangeGroup => ({ outboundMessages: [outbound] })),
    ...operationGroups(change, messagesAbout),
    ...documents.map((document): ChangeGroup => ({ documents: [document], outboundMessages: [] })),
    ...seen.map((id): ChangeGroup => ({ seen: [id], outboundMessages: [] })),
    lastGroup(change, messagesAbout),
  ];
}

/** The subject of a message that is about no record of the change. */
const NO_RECORD = '';

/** Groups the messages by the account or the operation of the change that they are about. */
function groupBySubject(
  { accounts = [], operations = [], tasks = [] }: Change,
  messages: readonly OutboundWithSubject[],
): Map<string, OutboundMessage[]> {
  const subjectsOfChange = new Set([
    ...accounts.map(({ account }) => `${account.type} ${account.id}`),
    ...operations.map(({ id }) => `operation ${id}`),
    ...tasks.map(({ operationId }) => `operation ${operationId}`),
  ]);
  const groups = Map.groupBy(messages, ({ subject }) =>
    subject !== undefined && subjectsOfChange.has(subject) ? subject : NO_RECORD,
  );
  return new Map(
    [...groups].map(([subject, group]) => [subject, group.map(({ outbound }) => outbound)]),
  );
}

/**
 * Returns the groups with audit records. They are written first, so that no decision takes effect
 * before the audit log contains it.
 */
const auditGroups = ({ audit = [] }: Change): ChangeGroup[] =>
  Array.from({ length: Math.ceil(audit.length / MAX_AUDIT_RECORDS) }, (_, index) => ({
    audit: audit.slice(index * MAX_AUDIT_RECORDS, (index + 1) * MAX_AUDIT_RECORDS),
    outboundMessages: [],
  }));

/**
 * Returns the groups of all operations except the first, and the groups of tasks whose operation
 * the change does not write.
 */
function operationGroups(
  { operations = [], tasks = [] }: Change,
  messagesAbout: (subject: string) => OutboundMessage[],
): ChangeGroup[] {
  const tasksByOperation = Map.groupBy(tasks, ({ operationId }) => operationId);
  const unwrittenOperationIds = [...tasksByOperation.keys()].filter(
    (id) => !operations.some((operation) => operation.id === id),
  );
  return [
    ...operations.slice(1).map((operation): ChangeGroup => {
      const operationGroup = {
        operations: [operation],
        tasks: tasksByOperation.get(operation.id) ?? [],
      };
      return { ...operationGroup, outboundMessages: messagesAbout(`operation ${operation.id}`) };
    }),
    ...unwrittenOperationIds.map((id): ChangeGroup => {
      const outboundMessages = messagesAbout(`operation ${id}`);
      return { tasks: tasksByOperation.get(id) ?? [], outboundMessages };
    }),
  ];
}

/** Returns the group that must be written last. */
function lastGroup(
  { operations: [firstOperation] = [], tasks = [], counters = {} }: Change,
  messagesAbout: (subject: string) => OutboundMessage[],
): ChangeGroup {
  if (!firstOperation) return { counters, outboundMessages: [] };
  return {
    operations: [firstOperation],
    tasks: tasks.filter(({ operationId }) => operationId === firstOperation.id),
    counters,
    outboundMessages: messagesAbout(`operation ${firstOperation.id}`),
  };
}
