import * as z from 'zod';

const CadfResource = z.object({
  id: z.string(),
  typeURI: z.string(),
  name: z.string().optional(),
  host: z.object({ address: z.string() }).optional(),
});

/**
 * A decision of a person as a CADF event (DMTF DSP0262), the format of Keystone's own audit events.
 * `attachments` contain the state before, the state after, and the place in the audit log:
 * `sequence`, `previous`, `hash`.
 */
export const CadfEvent = z.object({
  typeURI: z.literal('http://schemas.dmtf.org/cloud/audit/1.0/event'),
  id: z.string(),
  eventType: z.literal('activity'),
  /** ISO 8601 with milliseconds. */
  eventTime: z.string(),
  /** For example `update/operation.released`. */
  action: z.string(),
  outcome: z.literal('success'),
  initiator: CadfResource,
  target: CadfResource,
  observer: CadfResource,
  reason: z.object({ reasonType: z.string(), reasonCode: z.string() }).optional(),
  tags: z.array(z.string()).optional(),
  attachments: z.array(
    z.object({
      name: z.enum(['before', 'after', 'audit-log']),
      typeURI: z.string(),
      content: z.unknown(),
    }),
  ),
});
export type CadfEvent = z.infer<typeof CadfEvent>;

/**
 * An entry was added to the audit log. The event is for subscribers on the bus, and no queue of the
 * propagator receives it.
 */
export const AuditRecorded = z.object({ type: z.literal('audit.recorded'), data: CadfEvent });
export type AuditRecorded = z.infer<typeof AuditRecorded>;
