import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Message, type Outgoing, type QueueName, queueOf } from '../../../events/index.ts';
import type { ErrorReport } from '../../errors.ts';
import type { DeadLetter, DeadLetterFilter } from '../port.ts';
import { parcelOf, readBody, readErrorAttribute } from './envelope.ts';
import { leaseKey } from './layout.ts';
import type { Names } from './names.ts';
import { RECEIVED_AT_ONCE, type Received } from './queues.ts';
import type { Sender } from './sender.ts';
import type { Store } from './store.ts';

const LISTED_AT_MOST = 10_000;
/** A queue can't be read without taking: what was looked at is hidden from others until it is given back, or the looker has died. */
const HIDDEN_SECONDS = 60;
/** Long polling asks every server of the queue, so that an empty answer is one. */
const LAST_LOOK_SECONDS = 1;
const HANDS = 8;
/** Two who look at a queue at the same time would each see a part of it. */
const ALONE_MILLIS = 60_000;
const PATIENCE_MILLIS = 30_000;

export interface DeadLetterPorts {
  readonly store: Store;
  readonly sender: Sender;
  readonly names: Names;
  /** The services that have a queue. */
  readonly services: readonly string[];
  readonly warn: (message: string, cause?: unknown) => void;
}
interface Found {
  readonly letter: DeadLetter;
  readonly received: Received;
}

/** Oldest first, at most 10,000 of a queue. See `Engine.deadLetters`. */
export async function listDeadLetters(filter: DeadLetterFilter, ports: DeadLetterPorts): Promise<DeadLetter[]> {
  const found = new Map<string, DeadLetter>();
  await everywhere(filter, ports, async (_, page) => {
    for (const { letter } of page) found.set(letter.id, letter);
    return [];
  });
  return [...found.values()].toSorted((one, other) => one.at - other.at || (one.id < other.id ? -1 : 1));
}

/**
 * Sends letters back and tells the coordinator of each, then takes them away: who dies in between leaves the letter where it was, and it is
 * sent twice. StartMessageMoveTask moves whole queues faster, but tells nobody. See `Engine.redrive`.
 */
export async function redriveDeadLetters(filter: DeadLetterFilter, by: string, ports: DeadLetterPorts): Promise<number> {
  const { sender } = ports;
  let redriven = 0;
  await everywhere(filter, ports, async (place, page) => {
    const mine = page.filter(({ letter }) => hasQueue(letter, ports));
    const now = Date.now();
    const messages = mine.flatMap(({ letter: { message } }): Outgoing[] => {
      if (message.type !== 'service.requested') return [message];
      const { operationId, taskId } = message.data;
      return [message, { type: 'task.redriven', data: { operationId, taskId, by } }];
    });
    await sender.send(
      messages.map((message) => parcelOf(message, now)),
      randomUUID(),
      now,
    );
    await sender.queues.delete(
      place,
      mine.map(({ received }) => received),
    );
    redriven += mine.length;
    return mine;
  });
  return redriven;
}

function hasQueue({ queue, id }: DeadLetter, { services, warn }: DeadLetterPorts): boolean {
  const has = !queue.startsWith('service-') || services.includes(queue.slice('service-'.length));
  if (!has) warn(`Dead letter ${id} stays where it is: there is no queue ${queue} here`);
  return has;
}

/** What was laid aside anywhere and passes the filter, page by page; the visitor returns what it has taken away. */
async function everywhere(
  filter: DeadLetterFilter,
  ports: DeadLetterPorts,
  visit: (place: string, page: readonly Found[]) => Promise<readonly Found[]>,
): Promise<void> {
  const { names, services } = ports;
  const wanted = filter.service === undefined ? services : services.filter((service) => service === filter.service);
  // A report about the service lies with the coordinator's.
  const queues: QueueName[] = [...(filter.service === undefined ? ['ingest' as const] : []), 'coordinate', ...wanted.map(queueOfService)];
  const places = [...queues.map((queue) => names.dead(queue)), names.undelivered];
  await Promise.all(
    places.map((place) =>
      walk(place, ports, async (page) => {
        const found = page.flatMap((received): Found[] => {
          const letter = letterIn(received);
          return letter && passes(letter, filter) ? [{ letter, received }] : [];
        });
        return (await visit(place, found)).map(({ received }) => received);
      }),
    ),
  );
}

const queueOfService = (service: string): QueueName => `service-${service}`;

async function walk(place: string, ports: DeadLetterPorts, visit: (page: Received[]) => Promise<readonly Received[]>): Promise<void> {
  const { queues } = ports.sender;
  const release = await alone(place, ports.store);
  const held = new Map<string, Received>();
  try {
    for (let hands = 1; held.size < LISTED_AT_MOST; ) {
      const looks = Array.from({ length: hands }, () => queues.receive(place, RECEIVED_AT_ONCE, LAST_LOOK_SECONDS, HIDDEN_SECONDS));
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

/** Waits for another one who looks; not for ever, for he may have died. */
async function alone(place: string, store: Store): Promise<() => Promise<void>> {
  const key = leaseKey(place);
  for (const end = Date.now() + PATIENCE_MILLIS; Date.now() < end; await delay(100))
    if (await store.lease(key, Date.now(), ALONE_MILLIS, false)) return () => store.delete([key]);
  return () => Promise.resolve();
}

/** A message of another release that this one can't read stays where it is. */
function letterIn({ id, body, sentAt, attributes }: Received): DeadLetter | undefined {
  const message: Message | undefined = readBody(body);
  return (
    message && {
      id,
      queue: queueOf(message),
      message,
      error: readErrorAttribute(attributes.error) ?? undeliverable(attributes),
      at: sentAt,
    }
  );
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

function passes({ id, message, error }: DeadLetter, filter: DeadLetterFilter): boolean {
  const { data } = message;
  return (
    (filter.id === undefined || filter.id === id) &&
    (filter.service === undefined || ('service' in data && data.service === filter.service)) &&
    (filter.operationId === undefined || ('operationId' in data && data.operationId === filter.operationId)) &&
    (filter.cause === undefined || error?.code === filter.cause)
  );
}
