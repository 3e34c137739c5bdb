import * as z from 'zod';
import { type Message, type OutgoingMessage, queueOf } from '../../../../events/index.ts';
import { ErrorReport } from '../../../../events/service.ts';
import { bodyBytes, cutBytes, encodeBody, MAX_STORED_BYTES } from '../../../account/received.ts';
import { auditEvent } from '../../../audit/cadf.ts';
import type { AuditEntry } from '../../../audit/entry.ts';
import { engineError } from '../../engine-error.ts';
import { storableMessage, toJson } from '../../json.ts';
import { StoredMessage } from '../../records.ts';
import { EVENT_SOURCE } from '../names.ts';

/**
 * The maximum size of a message. EventBridge and SQS accept 1 MiB, including the fields that
 * EventBridge adds to an event.
 */
const MAX_MESSAGE_BYTES = 1024 * 1024 - 2048;
/**
 * SQS accepts only the characters of XML 1.0. JSON escapes the characters that SQS refuses, except
 * these two.
 */
const REFUSED_BY_SQS = /[\uFFFE\uFFFF]/g;

/** A message to send: directly to `queue` if it is set, otherwise to the bus. */
export const OutboundMessage = z.object({
  type: z.string(),
  /** The message's `data`, as JSON. */
  detail: z.string(),
  /** Set for a message to a service. */
  service: z.string().exactOptional(),
  /** The queue of a delayed message or a dead-letter message: the bus cannot carry these. */
  queue: z
    .union([z.literal(['ingest', 'coordinate']), z.templateLiteral(['service-', z.string()])])
    .exactOptional(),
  /** Earliest delivery, in epoch milliseconds. */
  dueAt: z.number().exactOptional(),
  /** Set for a message to the dead-letter queue of `queue`. */
  error: ErrorReport.exactOptional(),
});
export type OutboundMessage = z.infer<typeof OutboundMessage>;

/**
 * The body of an SQS message: an event as EventBridge delivers it. A message that the propagator
 * sends directly to a queue has the same form.
 */
const Envelope = z.object({ 'detail-type': z.string(), detail: z.unknown() });

/** Writes the body of an SQS message in the form of an EventBridge event. */
export const toEventBody = ({ type, detail }: Pick<OutboundMessage, 'type' | 'detail'>): string =>
  `{"detail-type":${JSON.stringify(type)},"source":"${EVENT_SOURCE}","detail":${detail}}`;

/**
 * Returns the `type` and the `data` of the message in a body, not yet validated. A body that is not
 * an event is returned as text.
 */
export function messageIn(body: string): unknown {
  const outbound = outboundMessageIn(body);
  return outbound ? { type: outbound.type, data: JSON.parse(outbound.detail) } : body;
}

/** Converts a body to a message for the bus; `undefined` if the body is not an event. */
export function outboundMessageIn(body: string): OutboundMessage | undefined {
  try {
    const { 'detail-type': type, detail } = Envelope.parse(JSON.parse(body));
    return { type, detail: JSON.stringify(detail ?? null) };
  } catch {
    return undefined;
  }
}

/** Parses the message in a body; `undefined` for a message that this release cannot read. */
export const readBody = (body: string): Message | undefined =>
  StoredMessage.safeParse(messageIn(body)).data;

/**
 * Prepares a message for sending. A delayed message goes directly to its queue, because the bus
 * cannot delay messages. A notification that is too big is cut, and `cutFrom` is its original size.
 * Throws `engine.message.too-big` for any other message that is too big.
 */
export function toOutboundMessage(message: OutgoingMessage, now: number): OutboundMessage {
  const { delaySeconds = 0 } = message;
  const outbound = outboundWithinLimit(message);
  return delaySeconds > 0
    ? { ...outbound, queue: queueOf(message), dueAt: now + delaySeconds * 1000 }
    : outbound;
}

/**
 * Prepares the event for an entry of the audit log. Only subscribers of the bus receive this event.
 */
export const toAuditEventMessage = (entry: AuditEntry): OutboundMessage => {
  const { type, data } = auditEvent(entry);
  return { type, detail: toJson(data).replace(REFUSED_BY_SQS, '\uFFFD') };
};

/** Prepares a message for the dead-letter queue. */
export const toDeadLetter = (message: Message, error: DeadLetterError): OutboundMessage => ({
  ...outboundWithinLimit(message),
  queue: queueOf(message),
  error,
});
type DeadLetterError = z.infer<typeof ErrorReport>;

function outboundWithinLimit(message: Message): OutboundMessage {
  const detail = JSON.stringify(Reflect.get(storableMessage(message), 'data')).replace(
    REFUSED_BY_SQS,
    '\uFFFD',
  );
  const service = message.type === 'service.requested' ? { service: message.data.service } : {};
  const outbound = { type: message.type, detail, ...service };
  const bytes = Buffer.byteLength(toEventBody(outbound));
  if (bytes <= MAX_MESSAGE_BYTES) return outbound;
  if (message.type !== 'notification.received')
    throw engineError(
      'message.too-big',
      `A message ${message.type} has ${bytes} bytes; EventBridge and SQS accept ` +
        `${MAX_MESSAGE_BYTES}.`,
      'Report this defect of the propagator: a message must contain ids, not whole records.',
    );
  const body = bodyBytes(message.data);
  const { cutFrom = body.byteLength } = message.data;
  return outboundWithinLimit({
    type: message.type,
    data: { ...message.data, ...encodeBody(cutBytes(body, MAX_STORED_BYTES)), cutFrom },
  });
}

/**
 * Converts an error report to a message attribute. Long texts are cut, because the size limit of a
 * message includes its attributes.
 */
export const errorAttribute = (error: DeadLetterError): string =>
  toJson({
    ...error,
    message: error.message.slice(0, 4000),
    advice: error.advice.slice(0, 1000),
  }).replace(REFUSED_BY_SQS, '\uFFFD');

/** Reads the error report in a message attribute; `undefined` if it is absent or unreadable. */
export function readErrorAttribute(text: string | undefined): DeadLetterError | undefined {
  if (text === undefined) return undefined;
  try {
    return ErrorReport.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
