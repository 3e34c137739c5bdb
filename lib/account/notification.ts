import { createHash } from 'node:crypto';
import type * as z from 'zod';
import type { NotificationReceived } from '../../events/notification.ts';
import { parseJson } from './json.ts';
import { Envelope, NotificationBody, Payload } from './notification-schema.ts';
import { bodyBytes } from './received.ts';
import { utcMillis } from './time.ts';
import { describeWrapping } from './wrapping.ts';

/** A parsed notification of Keystone, in any of its formats. Its content may be forged. */
export interface Notification {
  /**
   * If Keystone sends the notification to several topics, all copies have the same id. The sender
   * chooses the id, so the id alone does not prove a duplicate.
   */
  readonly messageId: string;
  /**
   * The first 32 hexadecimal digits of the SHA-256 of the content. Id and digest together identify
   * a duplicate.
   */
  readonly digest: string;
  readonly eventType: string;
  /** Epoch milliseconds, by the clock of the Keystone host. */
  readonly at: number | undefined;
  /** CADF only; `success` for every completed change. */
  readonly outcome: string | undefined;
  /** The id of the changed account. `role_assignment` and `authenticate` have none. */
  readonly accountId: string | undefined;
  /**
   * True if the payload has CADF's field `reason`. In `identity.user.updated`, this field means
   * that a password change was rejected.
   */
  readonly hasReason: boolean;
  readonly requestId: string | undefined;
  /** `projectId` is the scope of the caller's token, never the target. */
  readonly initiator:
    | {
        readonly userId: string;
        readonly name: string | undefined;
        readonly projectId: string | undefined;
      }
    | undefined;
  /** The fields are set for `role_assignment` only. */
  readonly assignment: RoleAssignment;
}
/** A role of a user or a group on a project or a domain. */
export interface RoleAssignment {
  readonly projectId: string | undefined;
  readonly domainId: string | undefined;
  readonly userId: string | undefined;
  readonly groupId: string | undefined;
  readonly inherited: boolean;
}
/** The notification in a stored body, or the reason why the body cannot be read. */
export type NotificationReading =
  | { readonly kind: 'notification'; readonly notification: Notification }
  | UnreadableReading;
type UnreadableReading = { readonly kind: 'unreadable'; readonly reason: string };
type ParsedPayload = z.infer<typeof Payload>;

/**
 * Reads a stored body: a notification in an envelope 2.0 or without an envelope, with a basic or
 * CADF payload. The driver `messaging` (version 1), the driver `log` and the Kafka transport send
 * no envelope. For an unreadable body the result is `unreadable`, and no error is thrown.
 */
export function readNotification(data: NotificationReceived['data']): NotificationReading {
  try {
    return readBody(data);
  } catch (thrown) {
    // JSON.stringify is recursive, and some thousand nested arrays overflow its stack.
    if (thrown instanceof RangeError) return unreadableReading('its payload is nested too deeply');
    throw thrown;
  }
}

function readBody(data: NotificationReceived['data']): NotificationReading {
  if (data.cutFrom !== undefined)
    return unreadableReading(`too big: ${data.cutFrom} bytes; a notification has a few thousand`);
  if (data.encoding === 'base64')
    return unreadableReading(
      `not text: invalid UTF-8, or a NUL character${compressionHint(bodyBytes(data))}`,
    );
  const outer = parseJson(data.body);
  if (outer === undefined) return unreadableReading(data.body.trim() === '' ? 'empty' : 'not JSON');
  const content = openEnvelope(outer);
  if (content.kind === 'unreadable') return content;
  const inner = NotificationBody.safeParse(content.json);
  if (!inner.success)
    return unreadableReading(
      describeWrapping(content.json, content.hadEnvelope) ??
        'not a notification: event_type is missing or invalid',
    );
  return parsePayload(inner.data, data.body);
}

/** Returns the JSON in the envelope; without an envelope, the JSON itself. */
function openEnvelope(
  outer: unknown,
): { kind: 'content'; json: unknown; hadEnvelope: boolean } | UnreadableReading {
  const envelope = Envelope.safeParse(outer);
  if (!envelope.success) return { kind: 'content', json: outer, hadEnvelope: false };
  if (!/^2(\.|$)/.test(envelope.data['oslo.version']))
    return unreadableReading('an envelope of oslo.messaging whose version is not 2');
  const json = parseJson(envelope.data['oslo.message']);
  if (json === undefined) return unreadableReading('the text in oslo.message is not JSON');
  return { kind: 'content', json, hadEnvelope: true };
}

/** `receivedBody`: the body with its envelope. */
function parsePayload(
  notificationBody: z.infer<typeof NotificationBody>,
  receivedBody: string,
): NotificationReading {
  const parsed = Payload.safeParse(notificationBody.payload);
  if (!parsed.success) return unreadableReading('its payload is not an object');
  const payload = parsed.data;
  const isCadf = payload.typeURI !== undefined;
  if (isCadf && namesTwoAccounts(payload))
    return unreadableReading('resource_info and target.id differ, which Keystone never sends');
  return {
    kind: 'notification',
    notification: {
      // Without a `message_id` the hash of the bytes identifies duplicates, because the broker
      // repeats the bytes unchanged.
      messageId:
        notificationBody.message_id ??
        `sha256:${createHash('sha256').update(receivedBody).digest('hex')}`,
      digest: digestOf(notificationBody),
      eventType: notificationBody.event_type,
      at: utcMillis(notificationBody.timestamp) ?? utcMillis(payload.eventTime),
      outcome: isCadf ? payload.outcome : undefined,
      accountId: payload.resource_info ?? payload.target?.id,
      hasReason: payload.reason !== undefined && payload.reason !== null,
      requestId: payload.initiator?.request_id ?? payload.request_id,
      initiator: initiatorOf(payload),
      assignment: {
        projectId: payload.project,
        domainId: payload.domain,
        userId: payload.user,
        groupId: payload.group,
        inherited: payload.inherited_to_projects ?? false,
      },
    },
  };
}

const namesTwoAccounts = ({ resource_info, target }: ParsedPayload): boolean =>
  resource_info !== undefined && target?.id !== undefined && target.id !== resource_info;

/**
 * `initiator.id` is not used. For users of LDAP and of a federation it is only derived from the
 * user's id.
 */
function initiatorOf({ initiator }: ParsedPayload): Notification['initiator'] {
  if (!initiator?.user_id) return undefined;
  return {
    userId: initiator.user_id,
    name: initiator.username ?? initiator.name,
    projectId: initiator.project_id,
  };
}

/**
 * Returns the digest of the content. The envelope is excluded, because its `_unique_id` differs
 * between topics.
 */
function digestOf({
  event_type,
  timestamp,
  publisher_id,
  payload,
}: z.infer<typeof NotificationBody>): string {
  const content = JSON.stringify([event_type, timestamp, publisher_id, payload], sortKeys);
  return createHash('sha256').update(content).digest('hex').slice(0, 32);
}

/**
 * A replacer for `JSON.stringify` that sorts the keys, because equal objects may have their keys in
 * a different order.
 */
function sortKeys(_name: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1)),
  );
}

/**
 * Returns a hint for a body that looks compressed. The relay decompresses each body whose message
 * has the header `compression` of kombu, except bzip2. If a body is still compressed, it did not
 * come through the relay, or its compression is bzip2.
 */
function compressionHint(bytes: Uint8Array): string {
  const startsWith = (...magic: number[]): boolean =>
    magic.every((byte, index) => bytes[index] === byte);
  if (startsWith(0x42, 0x5a, 0x68))
    return ': bzip2 (set kombu_compression of Keystone to gzip, or unset it)';
  if (
    startsWith(0x1f, 0x8b) ||
    startsWith(0x78, 0x9c) ||
    startsWith(0x78, 0x01) ||
    startsWith(0x78, 0xda)
  )
    return ': compressed';
  return '';
}

const unreadableReading = (reason: string): UnreadableReading => ({ kind: 'unreadable', reason });
