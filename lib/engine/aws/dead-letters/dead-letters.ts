import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import { recordsOf } from '../../audit.ts';
import { decisionMessages, decisionsOf } from '../../dead-letters.ts';
import type { DeadLetter, DeadLetterFilter, Decided, Decision } from '../../port.ts';
import { pack } from '../dynamodb/codec.ts';
import { commit } from '../dynamodb/commit.ts';
import { decisionKeys } from '../dynamodb/keys.ts';
import { keyOf } from '../dynamodb/rows.ts';
import { type OutboundMessage, outboundIn, toOutbound } from '../messaging/envelope.ts';
import type { Sender } from '../messaging/sender.ts';
import { MESSAGE_TYPES } from '../topology.ts';
import { type DeadLetterDeps, type Found, scanDeadLetterQueues } from './scan.ts';

/** Lists dead-letter messages, oldest first. See `Engine.deadLetters`. */
export async function listDeadLetters(
  filter: DeadLetterFilter,
  deps: DeadLetterDeps,
): Promise<DeadLetter[]> {
  const found = new Map<string, DeadLetter>();
  await scanDeadLetterQueues(filter, deps, async (_, page) => {
    for (const { deadLetter } of page) found.set(deadLetter.id, deadLetter);
    return [];
  });
  return [...found.values()].toSorted(
    (one, other) => one.at - other.at || (one.id < other.id ? -1 : 1),
  );
}

/**
 * Sends messages back, informs the coordinator of each message, then deletes them from the
 * dead-letter queue. If the process dies before the deletion, the next redrive sends the messages a
 * second time. StartMessageMoveTask of SQS is no alternative, because it does not inform the
 * coordinator. See `Engine.redrive`.
 */
export async function redriveDeadLetters(
  filter: DeadLetterFilter,
  decided: Decided,
  deps: DeadLetterDeps,
): Promise<number> {
  const { sender, names } = deps;
  return handleEachPage('redriven', filter, decided, deps, async (place, page) => {
    // An event that EventBridge could not deliver goes to the bus again. Any other message, also an
    // unreadable one, returns to its queue unchanged.
    const busMessages =
      place === names.undelivered
        ? page.flatMap(({ received }) => outboundIn(received.body) ?? [])
        : [];
    const queueMessages = place === names.undelivered ? [] : page;
    for (const [queue, some] of Map.groupBy(queueMessages, ({ deadLetter }) => deadLetter.queue))
      await sender.queues.send(
        names.queue(queue),
        some.map(({ received: { body } }) => ({ body })),
      );
    await inform(busMessages, decisionMessages('redriven', deadLettersOf(page), decided), sender);
  });
}

/** Deletes dead-letter messages for good. See `Engine.discard`. */
export async function discardDeadLetters(
  filter: DeadLetterFilter,
  decided: Decided & { readonly reason: string },
  deps: DeadLetterDeps,
): Promise<number> {
  return handleEachPage('discarded', filter, decided, deps, async (_, page) => {
    await inform([], decisionMessages('discarded', deadLettersOf(page), decided), deps.sender);
  });
}

const deadLettersOf = (found: readonly Found[]): DeadLetter[] =>
  found.map(({ deadLetter }) => deadLetter);

async function inform(
  outbounds: readonly OutboundMessage[],
  messages: ReturnType<typeof decisionMessages>,
  sender: Sender,
): Promise<void> {
  const now = Date.now();
  await sender.send(
    [...outbounds, ...messages.map((message) => toOutbound(message, now))],
    randomUUID(),
    now,
  );
}

/**
 * Handles the messages page by page: records the decision, sends the messages, then deletes the
 * dead-letter messages. In this order a crash loses no message.
 */
async function handleEachPage(
  what: Decision['what'],
  filter: DeadLetterFilter,
  decided: Decided,
  deps: DeadLetterDeps,
  steps: (place: string, page: readonly Found[]) => Promise<void>,
): Promise<number> {
  const decidedAt = Date.now();
  const decisions = new Map<string, Decision>();
  const handledKeys = new Set<string>();
  let handledCount = 0;
  await scanDeadLetterQueues(filter, deps, async (place, found) => {
    // A redriven message may fail and return to this queue during the scan. The redrive skips such
    // a message, because the redrive would otherwise never end.
    const page =
      what === 'discarded'
        ? found
        : found.filter(
            (one) =>
              hasTargetQueue(place, one, deps) &&
              !(handledKeys.has(workKeyOf(one)) && one.deadLetter.at > decidedAt),
          );
    for (const one of page) handledKeys.add(workKeyOf(one));
    const ofPage = decisionsOf(what, deadLettersOf(page), decided, decidedAt);
    const pageDecisions = ofPage.map((decision) => {
      const { queue, operationId, cause, count } = decision;
      const known = decisions.get([queue, operationId, cause].join('\n'));
      const now = known ? { ...known, count: known.count + count } : decision;
      decisions.set([queue, operationId, cause].join('\n'), now);
      return now;
    });
    await deps.store.put(
      pageDecisions.flatMap((decision) =>
        decisionKeys(decision).map((key) => ({ ...keyOf(key), body: pack(decision) })),
      ),
    );
    await commit({ audit: recordsOf(ofPage, decided) }, deps);
    await steps(place, page);
    await deps.sender.queues.delete(
      place,
      page.map(({ received }) => received),
    );
    handledCount += page.length;
    return page;
  });
  return handledCount;
}

/** Returns a key that is the same for a redriven message that has failed again. */
const workKeyOf = ({ deadLetter, received }: Found): string =>
  deadLetter.task?.taskId ?? received.body;

/** True if the target queue of the message exists. */
function hasTargetQueue(
  place: string,
  { deadLetter, received }: Found,
  { names, services, warn }: DeadLetterDeps,
): boolean {
  const isFromBus = place === names.undelivered;
  const why = isFromBus
    ? whyNotByBus(received.body, services)
    : whyNotTo(deadLetter.queue, services);
  if (why !== undefined) warn(`Dead-letter message ${deadLetter.id} was not redriven: ${why}`);
  return why === undefined;
}

function whyNotTo(queue: string, services: readonly string[]): string | undefined {
  const service = queue.startsWith('service-') ? queue.slice('service-'.length) : undefined;
  return service === undefined || services.includes(service)
    ? undefined
    : `this deployment has no queue ${queue}`;
}

/**
 * Returns the reason why an event cannot go to the bus again. The bus drops an event that matches
 * no rule, without an error, so the redrive checks each event first.
 */
function whyNotByBus(body: string, services: readonly string[]): string | undefined {
  const outbound = outboundIn(body);
  if (!outbound) return 'it is not an event of the bus';
  if (!MESSAGE_TYPES.some((type) => type === outbound.type))
    return `no rule of this release routes events of type ${outbound.type}`;
  if (outbound.type !== 'service.requested') return undefined;
  const request = ServiceMessage.safeParse(JSON.parse(outbound.detail));
  return request.success
    ? whyNotTo(`service-${request.data.service}`, services)
    : 'it does not name its service';
}
const ServiceMessage = z.object({ service: z.string() });
