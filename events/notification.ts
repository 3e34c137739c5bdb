import * as z from 'zod';

/**
 * A notification as the relay or the API received it. The receiver stores this message before it
 * acknowledges the notification.
 */
export const NotificationReceived = z.object({
  type: z.literal('notification.received'),
  data: z.object({
    /**
     * Set by the receiver (relay or API). The id shows whether two equal bodies are two
     * notifications, or one notification that was delivered twice.
     */
    id: z.string().min(1).max(100).optional(),
    /** The body: the original UTF-8 text, or base64 if the bytes are not valid UTF-8. */
    body: z.string(),
    encoding: z.enum(['utf8', 'base64']),
    /**
     * Set if the body was too large and was cut: the full size in bytes. A cut body cannot be
     * interpreted, and is only kept so that a person can read it.
     */
    cutFrom: z.number().int().positive().optional(),
    /** The source, for example `rabbitmq:notifications.info` or `http`. */
    source: z.string(),
    /** Epoch milliseconds. */
    receivedAt: z.number(),
  }),
});
export type NotificationReceived = z.infer<typeof NotificationReceived>;
