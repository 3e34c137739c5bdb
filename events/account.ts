import * as z from 'zod';
import { DomainId, ProjectId, UserId } from './ids.ts';

/**
 * The notification that led to an account event. A cause only explains the event and proves
 * nothing, because anyone with access to the broker can send a notification.
 */
export const Cause = z.object({
  /**
   * The `message_id` of oslo.messaging. The id is the same on each topic to which Keystone sends
   * the notification.
   */
  messageId: z.string().min(1).max(200),
  /**
   * SHA-256 of the notification's content, in hexadecimal. The sender chooses the message id, so
   * only id and content together identify a repeated message.
   */
  digest: z.string().max(64).optional(),
  /** The event type of Keystone, for example `identity.project.deleted`. */
  eventType: z.string().max(200),
  /** Epoch milliseconds, by the clock of the Keystone host. */
  at: z.number(),
  requestId: z.string().max(200).optional(),
  /** Absent when Keystone acted by itself, for example on the projects of a deleted domain. */
  initiator: z
    .object({ userId: z.string().max(200), name: z.string().max(255).optional() })
    .optional(),
  /**
   * Set for a suspicious deletion that a person released (see `Suspicion`): neither Keystone nor an
   * earlier event has ever shown the account. The operation does not count towards the hourly cap.
   */
  suspicious: z.literal(true).optional(),
  /** The decision of a person that led to the event: `released by ann: looked at it`. */
  note: z.string().max(1500).optional(),
});
export type Cause = z.infer<typeof Cause>;

/** Fields that are absent if the inventory does not know them. */
const optionalFields = { name: z.string().optional(), enabled: z.boolean().optional() };
/** A project as an account event shows it. */
export const ProjectAccount = z.object({
  type: z.literal('project'),
  id: ProjectId,
  domainId: DomainId.optional(),
  parentId: z.string().optional(),
  /** Absent if the project has no tags, or if its tags are not known. */
  tags: z.array(z.string()).optional(),
  ...optionalFields,
});
/** A domain as an account event shows it. */
export const DomainAccount = z.object({
  type: z.literal('domain'),
  id: DomainId,
  ...optionalFields,
});
/** A user as an account event shows it. */
export const UserAccount = z.object({
  type: z.literal('user'),
  id: UserId,
  domainId: DomainId.optional(),
  ...optionalFields,
});
/** The account that an event is about. */
export const Account = z.discriminatedUnion('type', [ProjectAccount, DomainAccount, UserAccount]);
export type Account = z.infer<typeof Account>;

/** The changes that an account event can report. */
export const CHANGES = ['created', 'disabled', 'enabled', 'updated', 'deleted'] as const;
export type Change = (typeof CHANGES)[number];

const accountEventType = z.templateLiteral([
  'account.',
  z.enum(['project', 'domain', 'user']),
  '.',
  z.enum(CHANGES),
]);

/**
 * `account.project.deleted` and the 14 similar events. An account event announces the change that a
 * notification reported. Before that, ingest has compared the notification with Keystone and with
 * the inventory.
 */
export const AccountEvent = z.object({
  type: accountEventType,
  data: z.object({ account: Account, cause: Cause }),
});
export type AccountEvent = z.infer<typeof AccountEvent>;
