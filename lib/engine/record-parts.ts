import * as z from 'zod';
import { OperationId, ProjectId } from '../../events/ids.ts';
import { KeystoneActionName } from '../../events/operation.ts';

/** Schemas of the parts of a stored operation. */

/** A field that the model always has and that JSON omits when it is undefined. */
export const unset = <Schema extends z.ZodType>(schema: Schema) =>
  schema.optional().transform((value) => value);

export const StoredPlan = z.looseObject({
  of: OperationId,
  digest: z.string(),
  allowedDrift: z.number(),
  approvals: z.array(z.looseObject({ by: z.string(), at: z.number() })),
  driftAccepted: unset(z.looseObject({ by: z.string(), reason: z.string(), at: z.number() })),
});

/** A project of a domain in a plan or a request. */
export const StoredMember = z.looseObject({
  id: ProjectId,
  name: unset(z.string()),
  parentId: unset(ProjectId),
  planId: unset(OperationId),
  protectedBecause: unset(z.string()),
  enabled: unset(z.boolean()),
  plan: unset(StoredPlan),
});

export const StoredKeystoneAction = z.looseObject({
  what: KeystoneActionName,
  number: z.number(),
  since: z.number(),
  done: z.boolean(),
  absentSince: unset(z.number()),
  failure: unset(
    z.looseObject({
      message: z.string(),
      advice: z.string(),
      requestId: unset(z.string()),
      attempts: z.number(),
      gaveUp: z.boolean(),
    }),
  ),
});

/** A cancellation that the API has accepted. */
export const StoredCancellation = z.looseObject({
  by: z.string(),
  reason: z.string(),
  at: z.number(),
});

export const StoredRecovery = z.looseObject({
  wasEnabled: z.boolean(),
  hasDisabled: z.boolean().optional(),
  lengthMillis: z.number(),
  remainingMillis: z.number(),
  seenAt: z.number(),
  checkAfterMillis: z.number(),
  number: z.number(),
  reminders: z.array(z.looseObject({ beforeMillis: z.number(), sentAt: unset(z.number()) })),
  suspension: unset(OperationId),
  // Releases before 0.1.0 stored a cancellation here until the call that disables had ended.
  canceled: unset(StoredCancellation),
});
