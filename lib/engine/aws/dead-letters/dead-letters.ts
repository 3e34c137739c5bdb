import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import { deadLetterAuditRecordsOf } from '../../audit.ts';
import { decisionMessages, decisionsOf } from '../../dead-letters.ts';
import type {
  DeadLetter,
  DeadLetterDecision,
  DeadLetterFilter,
  DecisionAuthor,
} from '../../port.ts';
import { pack } from '../dynamodb/codec.ts';
import { commit } from '../dynamodb/commit.ts';
import { decisionKeys } from '../dynamodb/keys.ts';
import { keyOf } from '../dynamodb/rows.ts';
import {
  type OutboundMessage,
  outboundMessageIn,
  toOutboundMessage,
} from '../messaging/envelope.ts';
import type { Sender } from '../messaging/sender.ts';
import { MESSAGE_TYPES } from '../topology.ts';
import { type DeadLetterDeps, type FoundDeadLetter, scanDeadLetterQueues } from './scan.ts';

/** Lists dead-letter messages, oldest first. See `Engine.deadLetters`. */
export async function listDeadLetters(
  filter: DeadLetterFilter,
  deps: DeadLetterDeps,
): Promise<DeadLetter[]> {
  const deadLetters = new Map<string, DeadLetter>();
  await scanDeadLetterQueues(filter, deps, async (_, page) => {
    for (const { deadLetter } of page) deadLetters.set(deadLetter.id, deadLetter);
    // A listing deletes no message, so all of them stay in the queue.
    return [];
  });
  return [...deadLetters.values()].toSorted(
    (one, other) => one.at - other.at || (one.id < other.id ? -1 : 1),
  );
}

/**
 * Sends messages back to their queues, informs the coordinator of each message, and then deletes
 * them from the dead-letter queue. If the process dies before the deletion, the next redrive sends
 * the messages a second time. StartMessageMoveTask of SQS is no alternative, because it does not
 * inform the coordinator. See `Engine.redrive`.
 */
export async function redriveDeadLetters(
  filter: DeadLetterFilter,
  author: DecisionAuthor,
  deps: DeadLetterDeps,
): Promise<number> {
  const { sender, names } = deps;
  return carryOutDecision('redriven', filter, author, deps, async (sqsQueue, page) => {
    // An event that EventBridge could not deliver goes to the bus again. Any other message, also an
    // unreadable one, returns to its queue unchanged.
    const isUndeliveredQueue = sqsQueue === names.undeliveredQueue;
    const undeliveredEvents = isUndeliveredQueue
      ? page.flatMap(({ receivedMessage }) => outboundMessageIn(receivedMessage.body) ?? [])
      : [];
    const queueMessages = isUndeliveredQueue ? [] : page;
    for (const [queue, group] of Map.groupBy(queueMessages, ({ deadLetter }) => deadLetter.queue))
      await sender.queues.send(
        names.queue(queue),
        group.map(({ receivedMessage: { body } }) => ({ body })),
      );
    const coordinatorMessages = decisionMessages('redriven', deadLettersOf(page), author);
    await sendImmediately(
      [
        ...undeliveredEvents,
        ...coordinatorMessages.map((message) => toOutboundMessage(message, Date.now())),
      ],
      sender,
    );
  });
}

/** Deletes dead-letter messages, and informs the coordinator of each. See `Engine.discard`. */
export async function discardDeadLetters(
  filter: DeadLetterFilter,
  author: DecisionAuthor & { readonly reason: string },
  deps: DeadLetterDeps,
): Promise<number> {
  return carryOutDecision('discarded', filter, author, deps, async (_, page) => {
    const coordinatorMessages = decisionMessages('discarded', deadLettersOf(page), author);
    await sendImmediately(
      coordinatorMessages.map((message) => toOutboundMessage(message, Date.now())),
      deps.sender,
    );
  });
}

const deadLettersOf = (found: readonly FoundDeadLetter[]): DeadLetter[] =>
  found.map(({ deadLetter }) => deadLetter);

const sendImmediately = (
  outboundMessages: readonly OutboundMessage[],
  sender: Sender,
): Promise<void> => sender.send(outboundMessages, randomUUID(), Date.now());

/**
 * Carries out a decision about all matching messages, page by page: records the decision, sends the
 * messages, and then deletes the dead-letter messages. In this order a crash loses no message.
 * Returns the number of messages.
 */
async function carryOutDecision(
  what: DeadLetterDecision['what'],
  filter: DeadLetterFilter,
  author: DecisionAuthor,
  deps: DeadLetterDeps,
  send: (sqsQueue: string, page: readonly FoundDeadLetter[]) => Promise<void>,
): Promise<number> {
  const decidedAt = Date.now();
  const storedDecisions = new Map<string, DeadLetterDecision>();
  const handledIdentities = new Set<string>();
  let handledCount = 0;
  // A redriven message may fail and return to this queue during the scan. The redrive skips such a
  // message, because it would otherwise redrive the same message again and again.
  const hasReturned = (found: FoundDeadLetter): boolean =>
    handledIdentities.has(identityOf(found)) && found.deadLetter.at > decidedAt;
  await scanDeadLetterQueues(filter, deps, async (sqsQueue, page) => {
    const selectedMessages =
      what === 'discarded'
        ? page
        : page.filter((found) => canBeRedriven(sqsQueue, found, deps) && !hasReturned(found));
    for (const found of selectedMessages) handledIdentities.add(identityOf(found));
    const decisionsOfPage = decisionsOf(what, deadLettersOf(selectedMessages), author, decidedAt);
    await storeDecisions(decisionsOfPage, storedDecisions, deps);
    await commit({ audit: deadLetterAuditRecordsOf(decisionsOfPage, author) }, deps);
    await send(sqsQueue, selectedMessages);
    await deps.sender.queues.delete(
      sqsQueue,
      selectedMessages.map(({ receivedMessage }) => receivedMessage),
    );
    handledCount += selectedMessages.length;
    return selectedMessages;
  });
  return handledCount;
}

/**
 * Stores the decisions of one page. If an earlier page has a decision about the same operation,
 * queue and cause, this function replaces the earlier decision by one with the sum of both counts.
 * `storedDecisions` holds the decisions of all pages, by operation, queue and cause.
 */
async function storeDecisions(
  decisionsOfPage: readonly DeadLetterDecision[],
  storedDecisions: Map<string, DeadLetterDecision>,
  { store }: DeadLetterDeps,
): Promise<void> {
  const mergedDecisions = decisionsOfPage.map((decision) => {
    const { queue, operationId, cause, count } = decision;
    const key = [queue, operationId, cause].join('\n');
    const earlierDecision = storedDecisions.get(key);
    const mergedDecision = earlierDecision
      ? { ...earlierDecision, count: earlierDecision.count + count }
      : decision;
    storedDecisions.set(key, mergedDecision);
    return mergedDecision;
  });
  await store.put(
    mergedDecisions.flatMap((decision) =>
      decisionKeys(decision).map((key) => ({ ...keyOf(key), body: pack(decision) })),
    ),
  );
}

/**
 * Returns the id of the message's task, or else the body of the message. Both stay the same when a
 * redriven message fails again, but its id in SQS changes.
 */
const identityOf = ({ deadLetter, receivedMessage }: FoundDeadLetter): string =>
  deadLetter.task?.taskId ?? receivedMessage.body;

/** True if a redrive can send the message. Otherwise logs the reason against the redrive. */
function canBeRedriven(
  sqsQueue: string,
  { deadLetter, receivedMessage }: FoundDeadLetter,
  { names, services, warn }: DeadLetterDeps,
): boolean {
  const refusalReason =
    sqsQueue === names.undeliveredQueue
      ? busRefusalReason(receivedMessage.body, services)
      : queueRefusalReason(deadLetter.queue, services);
  if (refusalReason !== undefined)
    warn(`Dead-letter message ${deadLetter.id} was not redriven: ${refusalReason}`);
  return refusalReason === undefined;
}

function queueRefusalReason(queue: string, services: readonly string[]): string | undefined {
  const service = queue.startsWith('service-') ? queue.slice('service-'.length) : undefined;
  return service === undefined || services.includes(service)
    ? undefined
    : `this deployment has no queue ${queue}`;
}

/**
 * Returns the reason why an event cannot go to the bus again. The bus silently drops an event that
 * matches no rule, so the redrive checks each event first.
 */
function busRefusalReason(body: string, services: readonly string[]): string | undefined {
  const outbound = outboundMessageIn(body);
  if (!outbound) return 'it is not an event of the bus';
  if (!MESSAGE_TYPES.some((type) => type === outbound.type))
    return `no rule of this release routes events of type ${outbound.type}`;
  if (outbound.type !== 'service.requested') return undefined;
  const request = ServiceMessage.safeParse(JSON.parse(outbound.detail));
  return request.success
    ? queueRefusalReason(`service-${request.data.service}`, services)
    : 'it does not name its service';
}
const ServiceMessage = z.object({ service: z.string() });
