import { setTimeout as delay } from 'node:timers/promises';
import type { QueueName } from '../../../events/index.ts';
import type { ErrorReport } from '../../errors.ts';
import { matches, readLetter } from '../dead-letters.ts';
import type { DeadLetter, DeadLetterFilter } from '../port.ts';
import { messageIn, readErrorAttribute } from './envelope.ts';
import { leaseKey } from './layout.ts';
import type { Names } from './names.ts';
import { RECEIVED_AT_ONCE, type Received } from './queues.ts';
import type { Sender } from './sender.ts';
import type { Store } from './store.ts';
import { DEAD_RETENTION_SECONDS } from './topology.ts';

/** At least; a look that has found so many ends. */
const LISTED_AT_MOST = 10_000;
/** Long polling asks every server of the queue, so that an empty answer is one. */
const LAST_LOOK_SECONDS = 1;
const HANDS = 8;
const PATIENCE_MILLIS = 30_000;

export interface DeadLetterPorts {
  readonly store: Store;
  readonly sender: Sender;
  readonly names: Names;
  /** The services that have a queue. */
  readonly services: readonly string[];
  /** A queue can't be read without taking: what was looked at is hidden from others until it is given back, or the looker has died. */
  readonly hiddenSeconds: number;
  readonly warn: (message: string, cause?: unknown) => void;
}
export interface Found {
  readonly letter: DeadLetter;
  readonly received: Received;
}

/** What was laid aside anywhere and passes the filter, page by page; the visitor returns what it has taken away. */
export async function everywhere(
  filter: DeadLetterFilter,
  ports: DeadLetterPorts,
  visit: (place: string, page: readonly Found[]) => Promise<readonly Found[]>,
): Promise<void> {
  const { names, services } = ports;
  const all: QueueName[] = ['ingest', 'coordinate', ...services.map((service) => `service-${service}` as const)];
  const only = [filter.queue, filter.service === undefined ? undefined : `service-${filter.service}`];
  const queues = all.filter((queue) => only.every((one) => one === undefined || one === queue));
  const look = (place: string, queue: QueueName | undefined) =>
    walk(place, ports, async (page) => {
      const found = page.map((received): Found => ({ letter: letterIn(received, queue, all, names), received }));
      const wanted = found.filter(({ letter }) => matches(letter, filter));
      return wanted.length === 0 ? [] : (await visit(place, wanted)).map(({ received }) => received);
    });
  await Promise.all([...queues.map((queue) => look(names.dead(queue), queue)), look(names.undelivered, undefined)]);
}

async function walk(place: string, ports: DeadLetterPorts, visit: (page: Received[]) => Promise<readonly Received[]>): Promise<void> {
  const { queues } = ports.sender;
  const release = await alone(place, ports);
  const held = new Map<string, Received>();
  try {
    for (let hands = 1; held.size < LISTED_AT_MOST; ) {
      const looks = Array.from({ length: hands }, () => queues.receive(place, RECEIVED_AT_ONCE, LAST_LOOK_SECONDS, ports.hiddenSeconds));
      const page = (await Promise.all(looks)).flat();
      // All were seen before: this look took longer than they stay hidden.
      if (page.every(({ id }) => held.has(id))) break;
      for (const received of page) held.set(received.id, received);
      for (const { id } of await visit(page)) held.delete(id);
      hands = page.length < RECEIVED_AT_ONCE ? 1 : HANDS;
    }
  } finally {
    await queues.hide(place, [...held.values()], 0);
    await release();
  }
}

/** Two who look at a queue at the same time would each see a part of it. Waits for the other, but not for ever, for he may have died. */
async function alone(place: string, { store, hiddenSeconds }: DeadLetterPorts): Promise<() => Promise<void>> {
  const key = leaseKey(place);
  for (const end = Date.now() + PATIENCE_MILLIS; Date.now() < end; await delay(100))
    if (await store.lease(key, Date.now(), hiddenSeconds * 1000, false)) return () => store.delete([key]);
  return () => Promise.resolve();
}

function letterIn(received: Received, queue: QueueName | undefined, all: readonly QueueName[], names: Names): DeadLetter {
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
