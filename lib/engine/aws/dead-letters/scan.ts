import { setTimeout as delay } from 'node:timers/promises';
import type { QueueName } from '../../../../events/index.ts';
import type { ErrorReport } from '../../../shared/errors.ts';
import { matchesFilter, parseDeadLetter } from '../../dead-letters.ts';
import { DEAD_LETTERS_BUSY, engineError } from '../../engine-error.ts';
import type { DeadLetter, DeadLetterFilter } from '../../port.ts';
import { leaseKey } from '../dynamodb/keys.ts';
import type { Store } from '../dynamodb/table.ts';
import { messageIn, readErrorAttribute } from '../messaging/envelope.ts';
import { MAX_RECEIVED_PER_CALL, type ReceivedMessage } from '../messaging/queues.ts';
import type { Sender } from '../messaging/sender.ts';
import { type Names, queueNamesOf } from '../names.ts';
import { DEAD_LETTER_RETENTION_SECONDS } from '../topology.ts';

/** The scan of a queue ends after about this number of messages. */
const MAX_LISTED_MESSAGES = 10_000;
/** With long polling, SQS reads from all its servers, so an empty answer means an empty queue. */
const LONG_POLL_SECONDS = 1;
const MAX_CONCURRENT_RECEIVES = 8;
const LEASE_POLL_MILLIS = 100;

export interface DeadLetterDeps {
  readonly store: Store;
  readonly sender: Sender;
  readonly names: Names;
  /** The names of the services that have a queue. */
  readonly services: readonly string[];
  /**
   * The visibility timeout in seconds. A scan can read a message only by receiving it. SQS then
   * hides the message from other processes until the scan releases it, or until this timeout ends.
   */
  readonly visibilitySeconds: number;
  /** The maximum time in milliseconds for which a scan waits for the lease of its queue. */
  readonly maxLeaseWaitMillis: number;
  readonly warn: (message: string, cause?: unknown) => void;
}
/** A dead-letter message, and the SQS message in which it was found. */
export interface FoundDeadLetter {
  readonly deadLetter: DeadLetter;
  readonly receivedMessage: ReceivedMessage;
}

/**
 * Passes every matching dead-letter message to `visit`, page by page. `visit` returns the messages
 * that it has deleted. This function then makes all other messages visible again.
 *
 * @throws `engine.dead-letters.busy` if another scan of a queue does not end in time, or if this
 * scan takes longer than its lease.
 */
export async function scanDeadLetterQueues(
  filter: DeadLetterFilter,
  deps: DeadLetterDeps,
  visit: (
    sqsQueue: string,
    page: readonly FoundDeadLetter[],
  ) => Promise<readonly FoundDeadLetter[]>,
): Promise<void> {
  const { names, services } = deps;
  const allQueues = queueNamesOf(services);
  const queueOfService = filter.service === undefined ? undefined : `service-${filter.service}`;
  const queues = allQueues
    .filter((queue) => filter.queue === undefined || filter.queue === queue)
    .filter((queue) => queueOfService === undefined || queueOfService === queue);
  const scan = (sqsQueue: string, queue: QueueName | undefined) =>
    scanQueue(sqsQueue, deps, async (page) => {
      const deadLetters = page.map(
        (receivedMessage): FoundDeadLetter => ({
          deadLetter: deadLetterIn(receivedMessage, queue, allQueues, names),
          receivedMessage,
        }),
      );
      const matchingDeadLetters = deadLetters.filter(({ deadLetter }) =>
        matchesFilter(deadLetter, filter),
      );
      return matchingDeadLetters.length === 0
        ? []
        : (await visit(sqsQueue, matchingDeadLetters)).map(
            ({ receivedMessage }) => receivedMessage,
          );
    });
  const outcomes = await Promise.allSettled([
    ...queues.map((queue) => scan(names.deadLetterQueue(queue), queue)),
    scan(names.undeliveredQueue, undefined),
  ]);
  // An error of one scan is thrown after all scans have ended. If it were thrown earlier, Lambda
  // could freeze the process before the other scans have released their messages.
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

/** Receives all messages of one SQS queue, and passes each page to `visit`. */
async function scanQueue(
  sqsQueue: string,
  deps: DeadLetterDeps,
  visit: (page: ReceivedMessage[]) => Promise<readonly ReceivedMessage[]>,
): Promise<void> {
  const { queues } = deps.sender;
  const { leaseEnd, release } = await acquireLease(sqsQueue, deps);
  const unreleasedMessages = new Map<string, ReceivedMessage>();
  try {
    let concurrentReceives = 1;
    while (unreleasedMessages.size < MAX_LISTED_MESSAGES) {
      const page = await receivePage(sqsQueue, concurrentReceives, leaseEnd, deps);
      // An empty page ends the scan. A page with only messages from earlier pages also ends it: SQS
      // delivers these messages again only when their visibility timeout has ended.
      if (page.every(({ id }) => unreleasedMessages.has(id))) break;
      for (const receivedMessage of page)
        unreleasedMessages.set(receivedMessage.id, receivedMessage);
      for (const { id } of await visit(page)) unreleasedMessages.delete(id);
      // After a page of at least ten messages, the queue may have many more.
      concurrentReceives = page.length < MAX_RECEIVED_PER_CALL ? 1 : MAX_CONCURRENT_RECEIVES;
    }
  } finally {
    await queues.changeVisibility(sqsQueue, [...unreleasedMessages.values()], 0).finally(release);
  }
}

/**
 * Receives messages with concurrent calls. `leaseEnd`: the end of the lease of this scan, in epoch
 * milliseconds. The messages become visible again when the lease ends, even if this process is
 * killed. Throws `engine.dead-letters.busy` after the end of the lease.
 */
async function receivePage(
  sqsQueue: string,
  concurrentReceives: number,
  leaseEnd: number,
  deps: DeadLetterDeps,
): Promise<ReceivedMessage[]> {
  const secondsToLeaseEnd = Math.floor((leaseEnd - Date.now()) / 1000);
  if (secondsToLeaseEnd < 1)
    throw busyError(`Listing the dead-letter messages in ${sqsQueue} took too long.`, deps);
  const { queues } = deps.sender;
  const calls = Array.from({ length: concurrentReceives }, () =>
    queues.receive(sqsQueue, MAX_RECEIVED_PER_CALL, LONG_POLL_SECONDS, secondsToLeaseEnd),
  );
  return (await Promise.all(calls)).flat();
}

/**
 * Acquires the lease of a queue, because each of two concurrent scans would receive only a part of
 * the messages. If another scan has the lease, this function waits for it, and throws
 * `engine.dead-letters.busy` after the maximum wait. If a process dies, its lease ends at the time
 * at which SQS makes the messages of its scan visible again.
 */
async function acquireLease(
  sqsQueue: string,
  deps: DeadLetterDeps,
): Promise<{ readonly leaseEnd: number; release(): Promise<void> }> {
  const { store, visibilitySeconds, maxLeaseWaitMillis } = deps;
  const key = leaseKey(sqsQueue);
  const leaseMillis = visibilitySeconds * 1000;
  const waitEnd = Date.now() + maxLeaseWaitMillis;
  while (Date.now() < waitEnd) {
    const now = Date.now();
    const leaseEnd = now + leaseMillis;
    if (await store.acquireLease(key, now, leaseMillis, { mustExist: false }))
      return { leaseEnd, release: () => store.releaseLease(key, leaseEnd) };
    await delay(LEASE_POLL_MILLIS);
  }
  throw busyError(
    `Another process lists the dead-letter messages in ${sqsQueue}, or died during a listing.`,
    deps,
  );
}

const busyError = (message: string, { visibilitySeconds }: DeadLetterDeps) =>
  engineError(
    DEAD_LETTERS_BUSY,
    message,
    `No message is lost. Try again: all messages are visible within ${visibilitySeconds} seconds.`,
  );

/**
 * Reads the dead-letter message in an SQS message. `queue`: its source queue. An event that
 * EventBridge could not deliver has no source queue. It names the target queue of its rule instead.
 */
function deadLetterIn(
  receivedMessage: ReceivedMessage,
  queue: QueueName | undefined,
  allQueues: readonly QueueName[],
  names: Names,
): DeadLetter {
  const { id, body, sentAt, attributes } = receivedMessage;
  const { TARGET_ARN: targetArn = '', receives } = attributes;
  const targetQueue = allQueues.find((name) => targetArn.endsWith(`:${names.queue(name)}`));
  return parseDeadLetter({
    id,
    queue: queue ?? targetQueue ?? 'coordinate',
    body: messageIn(body),
    error: readErrorAttribute(attributes.error) ?? deliveryError(attributes),
    receiveCount: receives === undefined ? undefined : Number(receives),
    at: sentAt,
    expiresAt: sentAt + DEAD_LETTER_RETENTION_SECONDS * 1000,
  });
}

/** Reads the error attributes that EventBridge adds to an event that it could not deliver. */
function deliveryError({
  ERROR_CODE: code,
  ERROR_MESSAGE: message = '',
  RULE_ARN: rule = '',
}: ReceivedMessage['attributes']): ErrorReport | undefined {
  if (code === undefined) return undefined;
  return {
    code: `delivery.${code.toLowerCase()}`,
    class: 'Unexpected',
    message: `EventBridge could not deliver this message: ${message || code} ${rule}`.trimEnd(),
    advice:
      'Check that the queue exists and that its policy lets EventBridge send to it. Then ' +
      'redrive.',
  };
}
