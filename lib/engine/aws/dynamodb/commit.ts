import { randomUUID } from 'node:crypto';
import type { Message } from '../../../../events/index.ts';
import type { AuditEntry } from '../../../audit/entry.ts';
import { engineError } from '../../engine-error.ts';
import type { Change } from '../../port.ts';
import { toAuditOutbound, toDeadLetter, toOutbound } from '../messaging/envelope.ts';
import type { Sender } from '../messaging/sender.ts';
import { pause } from '../pause.ts';
import { accountRows } from './accounts.ts';
import { auditWrites } from './audit.ts';
import { deliver, type Outbox, outboxOf } from './outbox.ts';
import type { Item, Write } from './rows.ts';
import { type Addressed, type Part, split } from './split-change.ts';
import type { Store } from './table.ts';
import {
  counterWrites,
  documentWrite,
  operationWrites,
  quarantineWrites,
  seenWrite,
  stopWrites,
  taskWrites,
  waiverWrites,
} from './writes.ts';

/**
 * The maximum attempts of one commit. After a conflict with another process on accounts, counters
 * or tasks, the commit merges and tries again. More conflicts in a row indicate a fault.
 */
const MAX_TRIES = 15;

export interface CommitDeps {
  readonly store: Store;
  readonly sender: Sender;
  readonly warn: (message: string, cause?: unknown) => void;
}

/**
 * Writes the state and an outbox with the messages in one transaction. Then sends the messages and
 * deletes the outbox. If the process dies before the deletion, another process sends the outbox
 * (`flushOutbox`): a message may repeat, but no message is lost. {@link split} divides a change
 * that is too big for one transaction. A change that contains only messages needs no outbox,
 * because its caller receives the error of a failed send. See `Engine.commit`.
 */
export async function commit(change: Change, deps: CommitDeps): Promise<'committed' | 'conflict'> {
  const now = Date.now();
  const messages = addressed(change, now);
  const outbounds = messages.map(({ outbound }) => outbound);
  deps.sender.check(outbounds, now);
  // Invalid counters throw here, before anything is written.
  counterWrites(change.counters ?? {}, 0);
  if (hasDuplicateIds(change)) return 'conflict';
  if (isMessagesAlone(change)) {
    await deps.sender.send(outbounds, randomUUID(), now);
    return 'committed';
  }
  for (const part of split({ ...change, seen: [...new Set(change.seen)] }, messages)) {
    const written = await write(part, now, deps.store);
    if (written === 'conflict') return 'conflict';
    if (written.outbox) await sendOutbox(written.outbox, deps);
  }
  return 'committed';
}

/** Sends an outbox. A failure is only a warning, because a later call sends the outbox. */
async function sendOutbox(outbox: Outbox, { store, sender, warn }: CommitDeps): Promise<void> {
  try {
    await deliver(outbox, outbox.items.length - 1, store, sender);
  } catch (error) {
    warn(
      `${outbox.outbounds.length} messages of a change could not be sent; the next run of a ` +
        'function sends them',
      error,
    );
  }
}

function addressed({ messages = [], deadLetters = [] }: Change, now: number): Addressed[] {
  return [
    ...messages.map((message) => ({
      outbound: toOutbound(message, now),
      about: subjectOf(message),
    })),
    ...deadLetters.map(({ message, error }) => ({
      outbound: toDeadLetter(message, error),
      about: subjectOf(message),
    })),
  ];
}

function subjectOf({ data }: Message): string | undefined {
  if ('account' in data) return `${data.account.type} ${data.account.id}`;
  return 'operationId' in data ? `operation ${data.operationId}` : undefined;
}

/** True if an operation or a task occurs twice. The second row would have an outdated version. */
function hasDuplicateIds({ operations = [], tasks = [] }: Change): boolean {
  return (
    new Set(operations.map(({ id }) => id)).size < operations.length ||
    new Set(tasks.map(({ id }) => id)).size < tasks.length
  );
}

function isMessagesAlone({ messages: _, deadLetters: __, ...rows }: Change): boolean {
  return Object.values(rows).every(
    (part: object | undefined) => part === undefined || Object.keys(part).length === 0,
  );
}

/**
 * Runs one transaction. Retries it after a conflict on rows that the commit can merge: accounts,
 * counters, the audit log.
 */
async function write(
  part: Part,
  now: number,
  store: Store,
): Promise<{ readonly outbox: Outbox | undefined } | 'conflict'> {
  let outbox = part.outbounds.length > 0 ? outboxOf(part.outbounds, now) : undefined;
  for (let tries = 1; ; tries += 1) {
    const rows = await rowsOf(part, now, store);
    if (rows === 'conflict') return 'conflict';
    await store.put(rows.pointersFirst);
    // An event of the audit log contains the sequence number of its entry, and each attempt
    // computes new numbers.
    if (rows.entries.length > 0)
      outbox = outboxOf([...part.outbounds, ...rows.entries.map(toAuditOutbound)], now);
    const writes = [
      ...rows.guards,
      ...rows.others,
      ...(outbox?.items ?? []).map((Item): Write => ({ Put: { Item } })),
    ];
    if (writes.length === 0) return { outbox };
    const written = await store.transact(writes);
    if (written.kind === 'done') return { outbox };
    if (written.kind === 'refused' && written.which.some((index) => index < rows.guards.length))
      return 'conflict';
    if (tries >= MAX_TRIES) {
      if (rows.guards.length > 0) return 'conflict';
      throw engineError(
        'busy',
        `Other processes changed the same rows during ${tries} attempts.`,
        'The message is delivered again; no action is needed.',
      );
    }
    await pause(Math.min(tries, 5));
  }
}

/**
 * Returns the rows of a part. A failed condition of a `guards` row is a conflict, because another
 * process has made this decision.
 */
async function rowsOf(
  part: Part,
  now: number,
  store: Store,
): Promise<
  | {
      guards: Write[];
      others: Write[];
      pointersFirst: readonly Item[];
      entries: readonly AuditEntry[];
    }
  | 'conflict'
> {
  const [accounts, tasks, audit] = await Promise.all([
    accountRows(part.accounts ?? [], store),
    taskWrites(part.tasks ?? [], store),
    auditWrites(part.audit ?? [], store),
  ]);
  if (tasks === 'conflict') return 'conflict';
  const operations = (part.operations ?? []).map((operation) => operationWrites(operation, now));
  return {
    guards: [
      ...operations.flatMap(([row]) => (row ? [row] : [])),
      ...(part.seen ?? []).map((id) => seenWrite(id, now)),
      ...(part.documents ?? []).map(documentWrite),
    ],
    others: [
      ...operations.flatMap(([, ...pointers]) => pointers),
      ...tasks,
      ...accounts.writes,
      ...(part.quarantine ?? []).flatMap(quarantineWrites),
      ...waiverWrites(part.waivers ?? [], part.removedWaivers ?? []),
      ...(part.stopDecision ? stopWrites(part.stopDecision) : []),
      ...audit.writes,
      ...counterWrites(part.counters ?? {}, accounts.added),
    ],
    entries: audit.entries,
    pointersFirst: accounts.pointersFirst,
  };
}
