import { randomUUID } from 'node:crypto';
import type { Message } from '../../../../events/index.ts';
import { countText } from '../../../shared/count-text.ts';
import { engineError } from '../../engine-error.ts';
import { storableText } from '../../json.ts';
import type { Change } from '../../port.ts';
import { toAuditEventMessage, toDeadLetter, toOutboundMessage } from '../messaging/envelope.ts';
import type { Sender } from '../messaging/sender.ts';
import { pause } from '../pause.ts';
import type { ChangePart } from './change-part.ts';
import { checkCounters } from './counters.ts';
import { deliverOutbox, type Outbox, outboxOf } from './outbox.ts';
import { type PartRows, partRowsOf } from './part-rows.ts';
import type { Write } from './rows.ts';
import { type OutboundWithSubject, splitChange } from './split-change.ts';
import type { Store } from './table.ts';

/**
 * The maximum number of attempts to write one part of a change. After the last attempt, the commit
 * returns `conflict` or throws `engine.busy`.
 */
const MAX_TRIES = 15;

export interface CommitDeps {
  readonly store: Store;
  readonly sender: Sender;
  readonly warn: (message: string, cause?: unknown) => void;
}

/**
 * Writes the records of a change, and an outbox with its messages, in one transaction. Afterwards
 * this function sends the messages and deletes the outbox. If the process dies before the deletion,
 * another process sends the outbox (`flushOutbox`): a message may be sent twice, but no message is
 * lost. {@link splitChange} divides a change that is too big for one transaction. A change that
 * contains only messages needs no outbox: if they cannot be sent, this function throws. See
 * `Engine.commit`.
 */
export async function commit(change: Change, deps: CommitDeps): Promise<'committed' | 'conflict'> {
  const now = Date.now();
  const messages = outboundMessagesOf(change, now);
  const outboundMessages = messages.map(({ outbound }) => outbound);
  // These checks throw before any row is written.
  deps.sender.checkSendable(outboundMessages, now);
  checkCounters(change.counters ?? {});
  if (hasDuplicateIds(change)) return 'conflict';
  if (hasOnlyMessages(change)) {
    await deps.sender.send(outboundMessages, randomUUID(), now);
    return 'committed';
  }
  for (const part of splitChange({ ...change, seen: [...new Set(change.seen)] }, messages)) {
    const writtenPart = await writePart(part, now, deps.store);
    if (writtenPart === 'conflict') return 'conflict';
    if (writtenPart.outbox) await sendOutbox(writtenPart.outbox, deps);
  }
  return 'committed';
}

/** Sends an outbox. A failure is only logged, because a later `flushOutbox` sends the outbox. */
async function sendOutbox(outbox: Outbox, { store, sender, warn }: CommitDeps): Promise<void> {
  try {
    await deliverOutbox(outbox, outbox.items.length - 1, store, sender);
  } catch (error) {
    warn(
      `${countText(outbox.outboundMessages.length, 'message')} of a change could not be sent. ` +
        'The coordinator, the API or the sweep sends them later.',
      error,
    );
  }
}

function outboundMessagesOf(
  { messages = [], deadLetters = [] }: Change,
  now: number,
): OutboundWithSubject[] {
  return [
    ...messages.map((message) => ({
      outbound: toOutboundMessage(message, now),
      subject: subjectOf(message),
    })),
    ...deadLetters.map(({ message, error }) => ({
      outbound: toDeadLetter(message, error),
      subject: subjectOf(message),
    })),
  ];
}

function subjectOf({ data }: Message): string | undefined {
  if ('account' in data) return `${data.account.type} ${data.account.id}`;
  return 'operationId' in data ? `operation ${data.operationId}` : undefined;
}

/**
 * True if the change writes the same operation, task or document twice. The first write raises the
 * stored version, so the second would fail its version check.
 */
function hasDuplicateIds({ operations = [], tasks = [], documents = [] }: Change): boolean {
  const ids = [
    ...operations.map(({ id }) => id),
    ...tasks.map(({ id }) => id),
    ...documents.map(({ collection, partition, id }) =>
      JSON.stringify([collection, storableText(partition), storableText(id)]),
    ),
  ];
  return new Set(ids).size < ids.length;
}

function hasOnlyMessages({ messages: _, deadLetters: __, ...records }: Change): boolean {
  return Object.values(records).every(
    (value: object | undefined) => value === undefined || Object.keys(value).length === 0,
  );
}

/**
 * Writes one part of a change in a transaction. If another process has locked or changed rows of
 * accounts, tasks, counters or the audit log, the transaction fails. This function then reads the
 * stored rows again, merges the part into them, and tries again.
 */
async function writePart(
  part: ChangePart,
  now: number,
  store: Store,
): Promise<{ readonly outbox: Outbox | undefined } | 'conflict'> {
  for (let tries = 1; ; tries += 1) {
    const rows = await partRowsOf(part, now, store);
    if (rows === 'conflict') return 'conflict';
    await store.put(rows.pointersWrittenFirst);
    const outbox = outboxOfAttempt(part, rows, now);
    const outcome = await writeRows(rows, outbox, store);
    if (outcome === 'written') return { outbox };
    if (outcome === 'conflict') return 'conflict';
    if (tries === MAX_TRIES) return outcomeAfterLastTry(rows);
    await pause(Math.min(tries, 5));
  }
}

/**
 * Builds the outbox of one attempt: the messages of the part, and an event for each entry of the
 * audit log. Each attempt needs a new outbox, because it computes new sequence numbers for these
 * entries.
 */
function outboxOfAttempt(
  { outboundMessages }: ChangePart,
  { auditEntries }: PartRows,
  now: number,
): Outbox | undefined {
  const allMessages = [...outboundMessages, ...auditEntries.map(toAuditEventMessage)];
  return allMessages.length > 0 ? outboxOf(allMessages, now) : undefined;
}

/**
 * Writes the rows of one attempt and the outbox in one transaction. `retry`: another process has
 * locked or changed a row that the commit can merge.
 */
async function writeRows(
  { guardWrites, otherWrites }: PartRows,
  outbox: Outbox | undefined,
  store: Store,
): Promise<'written' | 'conflict' | 'retry'> {
  const outboxWrites = (outbox?.items ?? []).map((Item): Write => ({ Put: { Item } }));
  const writes = [...guardWrites, ...otherWrites, ...outboxWrites];
  if (writes.length === 0) return 'written';
  const transactionResult = await store.transact(writes);
  if (transactionResult.kind === 'done') return 'written';
  if (transactionResult.kind === 'busy') return 'retry';
  const isGuardRefused = transactionResult.refusedIndexes.some(
    (index) => index < guardWrites.length,
  );
  return isGuardRefused ? 'conflict' : 'retry';
}

/**
 * Returns `conflict` for a part with guard rows: the caller of the commit then decides again.
 * Throws `engine.busy` for any other part.
 */
function outcomeAfterLastTry({ guardWrites }: PartRows): 'conflict' {
  if (guardWrites.length > 0) return 'conflict';
  throw engineError(
    'busy',
    `Other processes changed the same rows during ${MAX_TRIES} attempts.`,
    'The message is delivered again; no action is needed.',
  );
}
