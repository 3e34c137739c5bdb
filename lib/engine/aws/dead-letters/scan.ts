import { setTimeout as delay } from 'node:timers/promises';
import type { QueueName } from '../../../../events/index.ts';
import type { ErrorReport } from '../../../shared/errors.ts';
import { matches, readLetter } from '../../dead-letters.ts';
import { engineError, LETTERS_BUSY } from '../../engine-error.ts';
import type { DeadLetter, DeadLetterFilter } from '../../port.ts';
import { leaseKey } from '../dynamodb/keys.ts';
import type { Store } from '../dynamodb/table.ts';
import { messageIn, readErrorAttribute } from '../messaging/envelope.ts';
import { RECEIVED_AT_ONCE, type Received } from '../messaging/queues.ts';
import type { Sender } from '../messaging/sender.ts';
import type { Names } from '../names.ts';
import { DEAD_RETENTION_SECONDS } from '../topology.ts';

/** At least; a look that has found so many ends. */
const LISTED_AT_MOST = 10_000;
/** Long polling asks every server of the queue, so that an empty answer is one. */
const LAST_LOOK_SECONDS = 1;
const HANDS = 8;

export interface DeadLetterDeps {
  readonly store: Store;
  readonly sender: Sender;
  readonly names: Names;
  /** The services that have a queue. */
  readonly services: readonly string[];
  /**
   * A queue can't be read without taking: what was looked at is hidden from others until it is
   * given back, or the looker has died.
   */
  readonly hiddenSeconds: number;
  /** How long who wants to look waits for another who does. */
  readonly stallTimeoutMillis: number;
  readonly warn: (message: string, cause?: unknown) => void;
}
export interface Found {
  readonly letter: DeadLetter;
  readonly received: Received;
}

/**
 * What was laid aside anywhere and passes the filter, page by page; the visitor returns what it has
 * taken away.
 */
export async function scanDeadLetterQueues(
  filter: DeadLetterFilter,
  deps: DeadLetterDeps,
  visit: (place: string, page: readonly Found[]) => Promise<readonly Found[]>,
): Promise<void> {
  const { names, services } = deps;
  const all: QueueName[] = [
    'ingest',
    'coordinate',
    ...services.map((service) => `service-${service}` as const),
  ];
  const only = [
    filter.queue,
    filter.service === undefined ? undefined : `service-${filter.service}`,
  ];
  const queues = all.filter((queue) => only.every((one) => one === undefined || one === queue));
  const confirmation = (place: string, queue: QueueName | undefined) =>
    walk(place, deps, async (page) => {
      const found = page.map(
        (received): Found => ({ letter: letterIn(received, queue, all, names), received }),
      );
      const wanted = found.filter(({ letter }) => matches(letter, filter));
      return wanted.length === 0
        ? []
        : (await visit(place, wanted)).map(({ received }) => received);
    });
  const looks = await Promise.allSettled([
    ...queues.map((queue) => confirmation(names.dead(queue), queue)),
    confirmation(names.undelivered, undefined),
  ]);
  // Only now that all have given back what they held: a function of Lambda stands still once it has
  // answered.
  for (const outcome of looks) if (outcome.status === 'rejected') throw outcome.reason;
}

async function walk(
  place: string,
  deps: DeadLetterDeps,
  visit: (page: Received[]) => Promise<readonly Received[]>,
): Promise<void> {
  const { queues } = deps.sender;
  const { until, release } = await alone(place, deps);
  const held = new Map<string, Received>();
  try {
    for (let hands = 1; held.size < LISTED_AT_MOST; ) {
      // All of them are seen again by the time that the next may look, should this process be
      // killed.
      const hidden = Math.floor((until - Date.now()) / 1000);
      if (hidden < 1) throw busy(place, 'It took too long to look at', deps);
      const looks = Array.from({ length: hands }, () =>
        queues.receive(place, RECEIVED_AT_ONCE, LAST_LOOK_SECONDS, hidden),
      );
      const page = (await Promise.all(looks)).flat();
      // All were seen before: this look took longer than they stay hidden.
      if (page.every(({ id }) => held.has(id))) break;
      for (const received of page) held.set(received.id, received);
      for (const { id } of await visit(page)) held.delete(id);
      hands = page.length < RECEIVED_AT_ONCE ? 1 : HANDS;
    }
  } finally {
    await queues.hide(place, [...held.values()], 0).finally(release);
  }
}

/**
 * Two who look at a queue at the same time would each see a part of it. Waits for the other. Throws
 * `engine.dead-letters.busy` when that takes too long: he may have died, and what he held is not
 * seen until his time is over. A part must not pass for the whole.
 */
async function alone(
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
  throw busy(place, 'Somebody else looks at', deps);
}

const busy = (place: string, what: string, { hiddenSeconds }: DeadLetterDeps) =>
  engineError(
    LETTERS_BUSY,
    `${what} the dead letters in ${place}, or died on it a moment ago.`,
    `Nothing is lost. Try again; in ${hiddenSeconds} seconds at the latest all of them are seen again.`,
  );

function letterIn(
  received: Received,
  queue: QueueName | undefined,
  all: readonly QueueName[],
  names: Names,
): DeadLetter {
  const { id, body, sentAt, attributes } = received;
  const { TARGET_ARN: target = '', receives } = attributes;
  return readLetter({
    id,
    queue: queue ?? all.find((one) => target.endsWith(`:${names.queue(one)}`)) ?? 'coordinate',
    body: messageIn(body),
    error: readErrorAttribute(attributes.error) ?? undeliverable(attributes),
    receiveCount: receives === undefined ? undefined : Number(receives),
    at: sentAt,
    expiresAt: sentAt + DEAD_RETENTION_SECONDS * 1000,
  });
}

/** What EventBridge says beside an event that it could not deliver. */
function undeliverable({
  ERROR_CODE: code,
  ERROR_MESSAGE: message = '',
  RULE_ARN: rule = '',
}: Received['attributes']): ErrorReport | undefined {
  if (code === undefined) return undefined;
  return {
    code: `delivery.${code.toLowerCase()}`,
    class: 'Unexpected',
    message: `EventBridge could not deliver it: ${message || code} ${rule}`.trimEnd(),
    advice: 'Look whether the queue is there and lets EventBridge send to it, then redrive.',
  };
}
