import * as z from 'zod';

const AuditEntryShape = z.looseObject({
  sequence: z.number(),
  /** Set for an entry that was changed and cannot be read. Such an entry has no other field. */
  unreadable: z.boolean().optional(),
  at: z.number().optional(),
  by: z.looseObject({ kind: z.string(), name: z.string(), id: z.string().optional() }).optional(),
  from: z.string().optional(),
  what: z.string().optional(),
  target: z
    .looseObject({
      type: z.string(),
      id: z.string(),
      name: z.string().optional(),
      operations: z.array(z.string()).optional(),
    })
    .optional(),
  reason: z.string().optional(),
  hash: z.string().optional(),
});
export type AuditEntryShape = z.infer<typeof AuditEntryShape>;
export const AuditShape = z.object({ entries: z.array(AuditEntryShape) });
export const AuditVerificationShape = z.object({
  ok: z.boolean(),
  head: z.object({ sequence: z.number(), hash: z.string() }),
  broken: z.object({ sequence: z.number(), because: z.string() }).optional(),
});
export type AuditVerificationShape = z.infer<typeof AuditVerificationShape>;
