import * as z from 'zod';
import { KeystoneActionName } from '../../../events/operation.ts';
import { LeftOutShape, UncoveredShape, WaiverShape } from './coverage.ts';
import { DecisionShape } from './dead-letters.ts';

const ResourceCounts = z.object({ found: z.number(), removed: z.number(), left: z.number() });
export const WaitingShape = z.looseObject({
  on: z.string(),
  since: z.number(),
  actor: z.string(),
  advice: z.string().optional(),
  requestId: z.string().optional(),
  deadLetter: z.boolean(),
});
export const TaskShape = z.looseObject({
  id: z.string(),
  service: z.string(),
  region: z.string(),
  state: z.string(),
  phase: z.string(),
  counts: z.record(z.string(), ResourceCounts),
  because: z.string().optional(),
  conditions: z.array(
    z.looseObject({
      class: z.string(),
      resourceType: z.string().optional(),
      message: z.string(),
      actor: z.string(),
      advice: z.string().optional(),
      count: z.number(),
      /** The id of one of the resources. */
      example: z.string().optional(),
    }),
  ),
  nextAt: z.number().optional(),
});
export type TaskShape = z.infer<typeof TaskShape>;
export const OperationShape = z.looseObject({
  operation: z.looseObject({
    id: z.string(),
    action: z.string().default('cleanup'),
    mode: z.string(),
    state: z.string(),
    scope: z.looseObject({
      type: z.string(),
      id: z.string(),
      name: z.string().optional(),
      domainId: z.string().optional(),
    }),
    cause: z.looseObject({
      eventType: z.string(),
      initiator: z.looseObject({ userId: z.string(), name: z.string().optional() }).optional(),
      note: z.string().optional(),
    }),
    confirmedAt: z.array(z.number()),
    notBefore: z.number(),
    hold: z.looseObject({ reason: z.string(), advice: z.string().optional() }).optional(),
    recovery: z
      .looseObject({
        lengthMillis: z.number(),
        remainingMillis: z.number(),
        seenAt: z.number(),
        reminders: z.array(
          z.looseObject({ beforeMillis: z.number(), sentAt: z.number().optional() }),
        ),
      })
      .optional(),
    request: z
      .looseObject({ by: z.string(), reason: z.string(), at: z.number(), enabled: z.boolean() })
      .optional(),
    rerun: z
      .looseObject({ of: z.string(), by: z.string(), reason: z.string(), at: z.number() })
      .optional(),
    nextDeletion: z.looseObject({ eventType: z.string(), at: z.number() }).optional(),
    plan: z
      .looseObject({
        of: z.string(),
        approvals: z.array(z.looseObject({ by: z.string(), at: z.number() })),
      })
      .optional(),
    generation: z.number().default(1),
    keystoneAction: z
      .looseObject({
        what: KeystoneActionName,
        since: z.number(),
        done: z.boolean(),
      })
      .optional(),
    released: z.looseObject({ by: z.string(), reason: z.string(), at: z.number() }).optional(),
    uncovered: z.array(UncoveredShape),
    leftOut: z.array(LeftOutShape).default([]),
    waived: z.array(WaiverShape),
    openedAt: z.number(),
    startedAt: z.number().optional(),
    endedAt: z.number().optional(),
  }),
  tasks: z.array(TaskShape),
  resources: ResourceCounts,
  waitsOn: z.array(WaitingShape),
  projects: z
    .array(
      z.looseObject({
        id: z.string(),
        name: z.string().optional(),
        parentId: z.string().optional(),
        operationId: z.string().optional(),
        state: z.string(),
        resources: ResourceCounts.optional(),
      }),
    )
    .optional(),
  foundAgain: z
    .array(
      z.looseObject({
        service: z.string(),
        region: z.string(),
        resourceType: z.string(),
        found: z.number(),
        leftBefore: z.number().optional(),
      }),
    )
    .optional(),
  /** Only for a single operation. */
  decisions: z.array(DecisionShape).default([]),
  notice: z.string().optional(),
});
export type OperationShape = z.infer<typeof OperationShape>;
export const OperationsShape = z.object({
  operations: z.array(OperationShape),
  notice: z.string().optional(),
});
