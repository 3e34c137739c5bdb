import * as z from 'zod';

/**
 * A notification as it came in, unread: what the relay or the HTTP door stored before it
 * acknowledged.
 */
export const NotificationReceived = z.object({
  type: z.literal('notification.received'),
  data: z.object({
    /**
     * Given by whoever took it in: tells two equal bodies apart from one body handed over twice.
     */
    id: z.string().min(1).max(100).optional(),
    /** The body: UTF-8 text as it was, or base64 where it is not valid UTF-8. */
    body: z.string(),
    encoding: z.enum(['utf8', 'base64']),
    /**
     * Only where the body was too big and was cut: its full size in bytes. It can't be read any
     * more, but a person can see what it was.
     */
    cutFrom: z.number().int().positive().optional(),
    /** Where it came in: `rabbitmq:notifications.info`, `http`. */
    source: z.string(),
    /** Epoch milliseconds. */
    receivedAt: z.number(),
  }),
});
export type NotificationReceived = z.infer<typeof NotificationReceived>;
