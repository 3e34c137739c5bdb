import * as z from 'zod';
import { OperationId, ServiceName, TaskId } from '../../events/ids.ts';
import { Condition, ErrorReport, Phase, VerificationStatus } from '../../events/service.ts';
import { TASK_STATES, type Task } from '../operation/model.ts';
import { undefinedIfMissing } from './record-parts.ts';
import { withNewNames } from './renamed-fields.ts';

const StoredCounts = z.record(
  z.string(),
  z.looseObject({ found: z.number(), removed: z.number(), left: z.number() }),
);

const StoredFields = z.looseObject({
  id: TaskId,
  operationId: OperationId,
  service: ServiceName,
  region: z.string(),
  state: z.enum(TASK_STATES),
  phase: Phase,
  preDelete: z.enum(['no', 'due', 'done']).default('no'),
  verifications: z
    .record(
      z.string(),
      z.looseObject({
        status: VerificationStatus,
        verifiedAt: z.number(),
        phase: Phase,
        stale: z.boolean(),
      }),
    )
    .default({}),
  validFromRun: z.number().default(0),
  overtook: z.array(TaskId).default([]),
  partialRun: z
    .looseObject({
      state: z.enum(['running', 'done']),
      awaitedServices: z.array(ServiceName),
      nextRun: z.number().exactOptional(),
      nextPartialRunAt: undefinedIfMissing(z.number()),
    })
    .optional(),
  run: z.number(),
  sequence: z.number(),
  counts: StoredCounts,
  baseline: StoredCounts,
  conditions: z.array(Condition),
  error: undefinedIfMissing(ErrorReport),
  attempts: z.number(),
  progressAt: z.number(),
  reportedAt: undefinedIfMissing(z.number()),
  runProgressed: z.boolean().default(false),
  totalRetryAfterMillis: z.number().default(0),
  mostRemoved: z.record(z.string(), z.number()).default({}),
  distinctIdCounts: z.record(z.string(), z.number()).default({}),
  seenIds: undefinedIfMissing(z.string()),
  appeared: z
    .record(
      z.string(),
      z.looseObject({ count: z.number(), example: z.string(), isRefused: z.boolean() }),
    )
    .optional(),
  because: undefinedIfMissing(z.string()),
  nextAt: undefinedIfMissing(z.number()),
  startedAt: undefinedIfMissing(z.number()),
  endedAt: undefinedIfMissing(z.number()),
  version: z.number(),
});

const RENAMED_TASK_FIELDS = {
  partial: 'partialRun',
  distinct: 'distinctIdCounts',
  askedWaitMillis: 'totalRetryAfterMillis',
};
const RENAMED_PARTIAL_RUN_FIELDS = { awaiting: 'awaitedServices', endedBefore: 'nextRun' };

/** Gives the fields of a task of an older release their present names. */
function withPresentNames(stored: unknown): unknown {
  const task = z
    .looseObject({ partialRun: z.unknown() })
    .safeParse(withNewNames(stored, RENAMED_TASK_FIELDS));
  if (!task.success) return stored;
  const { partialRun, ...others } = task.data;
  return partialRun
    ? { ...others, partialRun: withNewNames(partialRun, RENAMED_PARTIAL_RUN_FIELDS) }
    : others;
}

/** A stored task. */
export const StoredTask: z.ZodType<Task> = z.preprocess(withPresentNames, StoredFields);
