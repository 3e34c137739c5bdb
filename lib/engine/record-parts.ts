import * as z from 'zod';
import { OperationId, ProjectId } from '../../events/ids.ts';
import { KeystoneActionName } from '../../events/operation.ts';

/** Schemas of the parts of a stored operation. */

/**
 * Returns a schema that sets a missing field to `undefined`. JSON omits a field whose value is
 * `undefined`, but the type of the record requires the field.
 */
export const undefinedIfMissing = <Schema extends z.ZodType>(schema: Schema) =>
  schema.optional().transform((value) => value);

export const StoredPlan = z.looseObject({
  of: OperationId,
  digest: z.string(),
  allowedDrift: z.number(),
  approvals: z.array(z.looseObject({ by: z.string(), at: z.number() })),
  driftAccepted: undefinedIfMissing(
    z.looseObject({ by: z.string(), reason: z.string(), at: z.number() }),
  ),
});

/** One project in the plan of a domain, or in the request to delete a domain. */
export const StoredDomainPlanEntry = z.looseObject({
  id: ProjectId,
  name: undefinedIfMissing(z.string()),
  parentId: undefinedIfMissing(ProjectId),
  planId: undefinedIfMissing(OperationId),
  protectedBecause: undefinedIfMissing(z.string()),
  enabled: undefinedIfMissing(z.boolean()),
  plan: undefinedIfMissing(StoredPlan),
});

export const StoredKeystoneAction = z.looseObject({
  what: KeystoneActionName,
  number: z.number(),
  since: z.number(),
  done: z.boolean(),
  absentSince: undefinedIfMissing(z.number()),
  failure: undefinedIfMissing(
    z.looseObject({
      message: z.string(),
      advice: z.string(),
      requestId: undefinedIfMissing(z.string()),
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
  reminders: z.array(
    z.looseObject({ beforeMillis: z.number(), sentAt: undefinedIfMissing(z.number()) }),
  ),
  suspension: undefinedIfMissing(OperationId),
  // Releases before 0.1.0 stored a cancellation here while the call that disables the account in
  // Keystone was in progress. `StoredOperation` moves it to `canceled` of the operation.
  canceled: undefinedIfMissing(StoredCancellation),
});
