import { setTimeout as delay } from 'node:timers/promises';
import type { QueueName } from '../../../../events/index.ts';
import type { ErrorReport } from '../../../shared/errors.ts';
import { matches, parseDeadLetter } from '../../dead-letters.ts';
import { DEAD_LETTERS_BUSY, engineError } from '../../engine-error.ts';
import type { DeadLetter, DeadLetterFilter } from '../../port.ts';
import { leaseKey } from '../dynamodb/keys.ts';
import type { Store } from '../dynamodb/table.ts';
import { messageIn, readErrorAttribute } from '../messaging/envelope.ts';
import { MAX_RECEIVED_PER_CALL, type Received } from '../messaging/queues.ts';
import type { Sender } from '../messaging/sender.ts';
import type { Names } from '../names.ts';
import { DEAD_RETENTION_SECONDS } from '../topology.ts';

/** A scan ends after about this many messages. */
const MAX_LISTED = 10_000;
/** With long polling, SQS asks all its servers, so an empty answer means an empty queue. */
const LONG_POLL_SECONDS = 1;
const RECEIVES_AT_ONCE = 8;

export interface DeadLetterDeps {
  readonly store: Store;
  readonly sender: Sender;
  readonly names: Names;
  /** Services that have a queue. */
  readonly services: readonly string[];
  /**
   * The visibility timeout in seconds. A listing must receive each message. Other readers do not
   * see a received message until the scan releases it or this timeout ends.
   */
  readonly hiddenSeconds: number;
  /** The maximum wait in milliseconds for another scan of the same queue. */
  readonly stallTimeoutMillis: number;
  readonly warn: (message: string, cause?: unknown) => void;
}
export interface Found {
  readonly deadLetter: DeadLetter;
  readonly received: Received;
}

/**
 * Passes every matching dead-letter message to the visitor, page by page. The visitor returns the
 * messages that it has deleted.
 *
 * @throws `engine.dead-letters.busy` if another scan does not end in time.
 */
export async function scanDeadLetterQueues(
  filter: DeadLetterFilter,
  deps: DeadLetterDeps,
  visit: (place: string, page: readonly Found[]) => Promise<readonly Found[]>,
): Promise<void> {
  const { names, services } = deps;
  const allQueues: QueueName[] = [
    'ingest',
    'coordinate',
    ...services.map((service) => `service-${service}` as const),
  ];
  const requiredQueues = [
    filter.queue,
    filter.service === undefined ? undefined : `service-${filter.service}`,
  ];
  const queues = allQueues.filter((queue) =>
    requiredQueues.every((one) => one === undefined || one === queue),
  );
  const scan = (place: string, queue: QueueName | undefined) =>
    scanQueue(place, deps, async (page) => {
      const found = page.map(
        (received): Found => ({
          deadLetter: deadLetterIn(received, queue, allQueues, names),
          received,
        }),
      );
      const matching = found.filter(({ deadLetter }) => matches(deadLetter, filter));
      return matching.length === 0
        ? []
        : (await visit(place, matching)).map(({ received }) => received);
    });
  const outcomes = await Promise.allSettled([
    ...queues.map((queue) => scan(names.dead(queue), queue)),
    scan(names.undelivered, undefined),
  ]);
  // The error is thrown after all scans have released their messages, because Lambda freezes the
  // process after the answer of the function.
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

async function scanQueue(
  place: string,
  deps: DeadLetterDeps,
  visit: (page: Received[]) => Promise<readonly Received[]>,
): Promise<void> {
  const { queues } = deps.sender;
  const { until, release } = await withLease(place, deps);
  const heldMessages = new Map<string, Received>();
  try {
    for (let receives = 1; heldMessages.size < MAX_LISTED; ) {
      // If this process is killed, its messages must be visible again before the lease ends.
      const hidden = Math.floor((until - Date.now()) / 1000);
      if (hidden < 1)
        throw busy(`Listing the dead-letter messages in ${place} took too long.`, deps);
      const answers = Array.from({ length: receives }, () =>
        queues.receive(place, MAX_RECEIVED_PER_CALL, LONG_POLL_SECONDS, hidden),
      );
      const page = (await Promise.all(answers)).flat();
      // The scan receives a message twice only after the visibility timeout.
      if (page.every(({ id }) => heldMessages.has(id))) break;
      for (const received of page) heldMessages.set(received.id, received);
      for (const { id } of await visit(page)) heldMessages.delete(id);
      receives = page.length < MAX_RECEIVED_PER_CALL ? 1 : RECEIVES_AT_ONCE;
    }
  } finally {
    await queues.changeVisibility(place, [...heldMessages.values()], 0).finally(release);
  }
}

/**
 * Takes the lease of a queue, because each of two concurrent scans would see only a part of the
 * messages. Waits for the lease of another scan, and throws `engine.dead-letters.busy` after the
 * maximum wait. The messages of a dead process stay hidden until their visibility timeout ends.
 */
async function withLease(
  place: string,
  deps: DeadLetterDeps,
): Promise<{ readonly until: number; release(): Promise<void> }> {
  const { store, hiddenSeconds, stallTimeoutMillis } = deps;
  const key = leaseKey(place);
  for (const end = Date.now() + stallTimeoutMillis; Date.now() < end; await delay(100)) {
    const now = Date.now();
    const until = now + hiddenSeconds * 1000;
    if (await store.lease(key, now, hiddenSeconds * 1000, false))
      return { until, release: () => store.release(key, until) };
  }
  throw busy(
    `Another process lists the dead-letter messages in ${place}, or died during a listing.`,
    deps,
  );
}

const busy = (message: string, { hiddenSeconds }: DeadLetterDeps) =>
  engineError(
    DEAD_LETTERS_BUSY,
    message,
    `No message is lost. Try again: all messages are visible within ${hiddenSeconds} seconds.`,
  );

function deadLetterIn(
  received: Received,
  queue: QueueName | undefined,
  all: readonly QueueName[],
  names: Names,
): DeadLetter {
  const { id, body, sentAt, attributes } = received;
  const { TARGET_ARN: target = '', receives } = attributes;
  return parseDeadLetter({
    id,
    queue: queue ?? all.find((one) => target.endsWith(`:${names.queue(one)}`)) ?? 'coordinate',
    body: messageIn(body),
    error: readErrorAttribute(attributes.error) ?? undeliverable(attributes),
    receiveCount: receives === undefined ? undefined : Number(receives),
    at: sentAt,
    expiresAt: sentAt + DEAD_RETENTION_SECONDS * 1000,
  });
}

/** Reads the error attributes that EventBridge adds to an event that it could not deliver. */
function undeliverable({
  ERROR_CODE: code,
  ERROR_MESSAGE: message = '',
  RULE_ARN: rule = '',
}: Received['attributes']): ErrorReport | undefined {
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
