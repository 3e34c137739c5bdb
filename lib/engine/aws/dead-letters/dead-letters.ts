import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import { decisionsOf, wordOf } from '../../dead-letters.ts';
import type { DeadLetter, DeadLetterFilter, Decided, Decision } from '../../port.ts';
import { pack } from '../dynamodb/codec.ts';
import { decisionKeys } from '../dynamodb/keys.ts';
import { keyOf } from '../dynamodb/table.ts';
import { type OutboundMessage, outboundIn, toOutbound } from '../messaging/envelope.ts';
import type { Sender } from '../messaging/sender.ts';
import { MESSAGE_TYPES } from '../topology.ts';
import { type DeadLetterDeps, type Found, scanDeadLetterQueues } from './scan.ts';

/** See `Engine.deadLetters`. */
export async function listDeadLetters(
  filter: DeadLetterFilter,
  deps: DeadLetterDeps,
): Promise<DeadLetter[]> {
  const found = new Map<string, DeadLetter>();
  await scanDeadLetterQueues(filter, deps, async (_, page) => {
    for (const { letter } of page) found.set(letter.id, letter);
    return [];
  });
  return [...found.values()].toSorted(
    (one, other) => one.at - other.at || (one.id < other.id ? -1 : 1),
  );
}

/**
 * Sends letters back and tells the coordinator of each, then takes them away: who dies in between
 * leaves the letter where it was, and it is sent twice. StartMessageMoveTask moves whole queues
 * faster, but tells nobody. See `Engine.redrive`.
 */
export async function redriveDeadLetters(
  filter: DeadLetterFilter,
  decided: Decided,
  deps: DeadLetterDeps,
): Promise<number> {
  const { sender, names } = deps;
  return take('redriven', filter, decided, deps, async (place, page) => {
    // What EventBridge could not deliver goes its way again; the rest back to its queue as it is,
    // readable or not.
    const through =
      place === names.undelivered
        ? page.flatMap(({ received }) => outboundIn(received.body) ?? [])
        : [];
    const straight = place === names.undelivered ? [] : page;
    for (const [queue, some] of Map.groupBy(straight, ({ letter }) => letter.queue))
      await sender.queues.send(
        names.queue(queue),
        some.map(({ received: { body } }) => ({ body })),
      );
    await tell(through, wordOf('redriven', lettersOf(page), decided), sender);
  });
}

/** See `Engine.discard`. */
export async function discardDeadLetters(
  filter: DeadLetterFilter,
  decided: Decided & { readonly reason: string },
  deps: DeadLetterDeps,
): Promise<number> {
  return take('discarded', filter, decided, deps, async (_, page) => {
    await tell([], wordOf('discarded', lettersOf(page), decided), deps.sender);
  });
}

const lettersOf = (found: readonly Found[]): DeadLetter[] => found.map(({ letter }) => letter);

async function tell(
  outbounds: readonly OutboundMessage[],
  word: ReturnType<typeof wordOf>,
  sender: Sender,
): Promise<void> {
  const now = Date.now();
  await sender.send(
    [...outbounds, ...word.map((message) => toOutbound(message, now))],
    randomUUID(),
    now,
  );
}

/**
 * Page by page: the decision is recorded, the deed done, and only then the letters are taken away.
 */
async function take(
  what: Decision['what'],
  filter: DeadLetterFilter,
  decided: Decided,
  deps: DeadLetterDeps,
  deed: (place: string, page: readonly Found[]) => Promise<void>,
): Promise<number> {
  const at = Date.now();
  const decisions = new Map<string, Decision>();
  const sent = new Set<string>();
  let taken = 0;
  await scanDeadLetterQueues(filter, deps, async (place, found) => {
    // What failed again at once lies there again: without an end to it, a redrive would go on for
    // as long as nothing is mended.
    const page =
      what === 'discarded'
        ? found
        : found.filter(
            (one) => hasWay(place, one, deps) && !(sent.has(aboutOf(one)) && one.letter.at > at),
          );
    for (const one of page) sent.add(aboutOf(one));
    const made = decisionsOf(what, lettersOf(page), decided, at).map((decision) => {
      const { queue, operationId, cause, letters } = decision;
      const known = decisions.get([queue, operationId, cause].join('\n'));
      const now = known ? { ...known, letters: known.letters + letters } : decision;
      decisions.set([queue, operationId, cause].join('\n'), now);
      return now;
    });
    await deps.store.put(
      made.flatMap((decision) =>
        decisionKeys(decision).map((key) => ({ ...keyOf(key), body: pack(decision) })),
      ),
    );
    await deed(place, page);
    await deps.sender.queues.delete(
      place,
      page.map(({ received }) => received),
    );
    taken += page.length;
    return page;
  });
  return taken;
}

/** The same of a letter and of what becomes of it when it fails once more. */
const aboutOf = ({ letter, received }: Found): string => letter.task?.taskId ?? received.body;

/** Whether there is where it could go back to. */
function hasWay(
  place: string,
  { letter, received }: Found,
  { names, services, warn }: DeadLetterDeps,
): boolean {
  const isFromBus = place === names.undelivered;
  const why = isFromBus ? whyNotByBus(received.body, services) : whyNotTo(letter.queue, services);
  if (why !== undefined) warn(`Dead letter ${letter.id} stays where it is: ${why}`);
  return why === undefined;
}

function whyNotTo(queue: string, services: readonly string[]): string | undefined {
  const service = queue.startsWith('service-') ? queue.slice('service-'.length) : undefined;
  return service === undefined || services.includes(service)
    ? undefined
    : `there is no queue ${queue} here`;
}

/** The bus takes everything and drops without a word what no rule asks for. */
function whyNotByBus(body: string, services: readonly string[]): string | undefined {
  const outbound = outboundIn(body);
  if (!outbound) return 'it is no event of the bus';
  if (!MESSAGE_TYPES.some((type) => type === outbound.type))
    return `no rule of this release carries ${outbound.type}`;
  if (outbound.type !== 'service.requested') return undefined;
  const asked = Asked.safeParse(JSON.parse(outbound.detail));
  return asked.success
    ? whyNotTo(`service-${asked.data.service}`, services)
    : 'it does not say for which service it is';
}
const Asked = z.object({ service: z.string() });
