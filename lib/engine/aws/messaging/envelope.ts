import * as z from 'zod';
import { type Message, type Outgoing, queueOf } from '../../../../events/index.ts';
import { ErrorReport } from '../../../../events/service.ts';
import { bodyBytes, cutBytes, encodeBody, KEPT_BODY } from '../../../account/received.ts';
import { engineError } from '../../engine-error.ts';
import { storableMessage, toJson } from '../../json.ts';
import { StoredMessage } from '../../records.ts';
import { SOURCE } from '../names.ts';

/**
 * What EventBridge and SQS carry at most is 1 MiB; a rule delivers an event with some fields of
 * EventBridge's own around it, and that must fit, too.
 */
const LARGEST_BYTES = 1024 * 1024 - 2048;
/**
 * SQS takes every character of XML 1.0 and no other; JSON shows all of them as escapes but these
 * two.
 */
const NEVER_IN_A_QUEUE = /[\uFFFE\uFFFF]/g;

/** A message on its way, with where it goes unless that is the bus. */
export const OutboundMessage = z.object({
  type: z.string(),
  /** The message's `data`, as JSON. */
  detail: z.string(),
  /** The service whose queue it is for, if it is for one. */
  service: z.string().exactOptional(),
  /** Straight to this queue. */
  queue: z
    .union([z.literal(['ingest', 'coordinate']), z.templateLiteral(['service-', z.string()])])
    .exactOptional(),
  /** Epoch milliseconds before which nobody sees it. */
  dueAt: z.number().exactOptional(),
  /** To the dead letters of the queue, for this reason. */
  error: ErrorReport.exactOptional(),
});
export type OutboundMessage = z.infer<typeof OutboundMessage>;

/**
 * What lies on a queue: an event as EventBridge delivers it. What is sent to a queue directly has
 * the same form.
 */
const Envelope = z.object({ 'detail-type': z.string(), detail: z.unknown() });

export const toEventBody = ({ type, detail }: Pick<OutboundMessage, 'type' | 'detail'>): string =>
  `{"detail-type":${JSON.stringify(type)},"source":"${SOURCE}","detail":${detail}}`;

/**
 * What lies in the body of a queue's record, as `type` and `data`; the text itself where it is
 * nothing of ours.
 */
export function messageIn(body: string): unknown {
  const outbound = outboundIn(body);
  return outbound ? { type: outbound.type, data: JSON.parse(outbound.detail) } : body;
}

/** The same as it would be sent again. */
export function outboundIn(body: string): OutboundMessage | undefined {
  try {
    const { 'detail-type': type, detail } = Envelope.parse(JSON.parse(body));
    return { type, detail: JSON.stringify(detail ?? null) };
  } catch {
    return undefined;
  }
}

/**
 * The message in the body of a queue's record; `undefined` when it is none that this release knows.
 */
export const readBody = (body: string): Message | undefined =>
  StoredMessage.safeParse(messageIn(body)).data;

/**
 * The message, ready to be sent. With a delay it goes straight to its queue, for no rule of the bus
 * can wait. Throws `engine.message.too-big`; a notification that is too big is cut, as everywhere,
 * and says so.
 */
export function toOutbound(message: Outgoing, now: number): OutboundMessage {
  const { delaySeconds = 0 } = message;
  const outbound = fitting(message);
  return delaySeconds > 0
    ? { ...outbound, queue: queueOf(message), dueAt: now + delaySeconds * 1000 }
    : outbound;
}

/** To the dead letters of its queue. */
export const toDeadLetter = (message: Message, error: Report): OutboundMessage => ({
  ...fitting(message),
  queue: queueOf(message),
  error,
});
type Report = z.infer<typeof ErrorReport>;

function fitting(message: Message): OutboundMessage {
  const detail = JSON.stringify(Reflect.get(storableMessage(message), 'data')).replace(
    NEVER_IN_A_QUEUE,
    '\uFFFD',
  );
  const service = message.type === 'service.requested' ? { service: message.data.service } : {};
  const outbound = { type: message.type, detail, ...service };
  const bytes = Buffer.byteLength(toEventBody(outbound));
  if (bytes <= LARGEST_BYTES) return outbound;
  if (message.type !== 'notification.received')
    throw engineError(
      'message.too-big',
      `A message ${message.type} has ${bytes} bytes; EventBridge and SQS carry ${LARGEST_BYTES} at most.`,
      'This is a defect: a message names what it is about and does not carry it.',
    );
  const body = bodyBytes(message.data);
  const { cutFrom = body.byteLength } = message.data;
  return fitting({
    type: message.type,
    data: { ...message.data, ...encodeBody(cutBytes(body, KEPT_BODY)), cutFrom },
  });
}

/**
 * An error's report as an attribute of a message; long words are cut, for they count as part of it.
 */
export const errorAttribute = (error: Report): string =>
  toJson({
    ...error,
    message: error.message.slice(0, 4000),
    advice: error.advice.slice(0, 1000),
  }).replace(NEVER_IN_A_QUEUE, '\uFFFD');

/** The report again. */
export function readErrorAttribute(text: string | undefined): Report | undefined {
  if (text === undefined) return undefined;
  try {
    return ErrorReport.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
