import type { Change } from '../../port.ts';
import type { OutboundMessage } from '../messaging/envelope.ts';
import { tasksKey } from './keys.ts';

/** Records of a change that one transaction must write, and the messages about these records. */
export interface ChangeGroup extends Omit<Change, 'messages' | 'deadLetters'> {
  readonly outboundMessages: readonly OutboundMessage[];
}
/** A part of a change that fits in one transaction: one or more groups. */
export interface ChangePart extends Required<Omit<ChangeGroup, 'stopDecision'>> {
  readonly stopDecision: Change['stopDecision'];
}

/**
 * The maximum number of row writes for one record, including its pointers. An account needs at most
 * three: its row, the pointer from its domain, and the deletion of a suspicion pointer.
 */
const MAX_ROWS_PER_RECORD = { account: 3, quarantine: 2, operation: 5, stopDecision: 2 };

export const EMPTY_PART: ChangePart = {
  seen: [],
  accounts: [],
  quarantine: [],
  operations: [],
  tasks: [],
  waivers: [],
  removedWaiverTypes: [],
  stopDecision: undefined,
  audit: [],
  documents: [],
  counters: {},
  outboundMessages: [],
};

/** Returns a copy of the part with one more group. */
export function withGroup(part: ChangePart, group: ChangeGroup): ChangePart {
  const { stopDecision = part.stopDecision, ...records } = group;
  const completeGroup = { ...EMPTY_PART, ...records };
  return {
    seen: [...part.seen, ...completeGroup.seen],
    accounts: [...part.accounts, ...completeGroup.accounts],
    quarantine: [...part.quarantine, ...completeGroup.quarantine],
    operations: [...part.operations, ...completeGroup.operations],
    tasks: [...part.tasks, ...completeGroup.tasks],
    waivers: [...part.waivers, ...completeGroup.waivers],
    removedWaiverTypes: [...part.removedWaiverTypes, ...completeGroup.removedWaiverTypes],
    stopDecision,
    audit: [...part.audit, ...completeGroup.audit],
    documents: [...part.documents, ...completeGroup.documents],
    counters: { ...part.counters, ...completeGroup.counters },
    outboundMessages: [...part.outboundMessages, ...completeGroup.outboundMessages],
  };
}

/** Returns the maximum number of rows of a group, including its pointers. */
export function maxRowsOf({
  seen = [],
  accounts = [],
  quarantine = [],
  operations = [],
  tasks = [],
  waivers = [],
  removedWaiverTypes = [],
  stopDecision,
  audit = [],
  documents = [],
}: ChangeGroup): number {
  // All tasks of an operation in one region are in one row.
  const taskRows = new Set(tasks.map(({ id }) => Object.values(tasksKey(id)).join()));
  return (
    seen.length +
    accounts.length * MAX_ROWS_PER_RECORD.account +
    quarantine.length * MAX_ROWS_PER_RECORD.quarantine +
    operations.length * MAX_ROWS_PER_RECORD.operation +
    taskRows.size +
    waivers.length +
    removedWaiverTypes.length +
    (stopDecision ? MAX_ROWS_PER_RECORD.stopDecision : 0) +
    (audit.length > 0 ? audit.length + 1 : 0) +
    documents.length
  );
}

/**
 * Returns the size of a group in bytes before its compression, which is the maximum size of its
 * rows.
 */
export function maxBytesOf({ outboundMessages, ...rows }: ChangeGroup): number {
  return (
    Buffer.byteLength(JSON.stringify(rows)) +
    outboundMessages.reduce((sum, { detail }) => sum + Buffer.byteLength(detail), 0)
  );
}
