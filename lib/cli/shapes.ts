import * as z from 'zod';
import { ServiceDependency } from '../../events/dependency.ts';
import { KeystoneActionName } from '../../events/operation.ts';
import { ErrorReport } from '../../events/service.ts';

/** Schemas of the API's responses. Fields that only `--json` prints pass unchecked. */
const count = z.object({ found: z.number(), removed: z.number(), left: z.number() });
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
  counts: z.record(z.string(), count),
  because: z.string().optional(),
  conditions: z.array(
    z.looseObject({
      class: z.string(),
      resourceType: z.string().optional(),
      message: z.string(),
      actor: z.string(),
      advice: z.string().optional(),
      count: z.number(),
    }),
  ),
  nextAt: z.number().optional(),
});
const DecisionShape = z.looseObject({
  what: z.enum(['redriven', 'discarded']),
  by: z.string(),
  reason: z.string().optional(),
  at: z.number(),
  queue: z.string(),
  operationId: z.string().optional(),
  cause: z.string(),
  count: z.number(),
});
export type DecisionShape = z.infer<typeof DecisionShape>;
const UncoveredShape = z.looseObject({
  type: z.string(),
  name: z.string(),
  region: z.string().optional(),
  because: z.string().optional(),
  advice: z.string().optional(),
});
export type UncoveredShape = z.infer<typeof UncoveredShape>;
const LeftOutShape = z.looseObject({
  region: z.string(),
  types: z.array(z.string()),
  setting: z.string(),
});
export type LeftOutShape = z.infer<typeof LeftOutShape>;
const WaiverShape = z.looseObject({
  type: z.string(),
  by: z.string(),
  reason: z.string(),
  at: z.number(),
});
export type WaiverShape = z.infer<typeof WaiverShape>;
export const WaiversShape = z.object({ waivers: z.array(WaiverShape) });
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
    next: z.looseObject({ eventType: z.string(), at: z.number() }).optional(),
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
  resources: count,
  waitsOn: z.array(WaitingShape),
  projects: z
    .array(
      z.looseObject({
        id: z.string(),
        name: z.string().optional(),
        parentId: z.string().optional(),
        operationId: z.string().optional(),
        state: z.string(),
        resources: count.optional(),
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
const PlanNoteShape = z.looseObject({
  service: z.string(),
  region: z.string(),
  resourceType: z.string().optional(),
  message: z.string(),
  advice: z.string().optional(),
  count: z.number(),
});
export const PlanShape = z.looseObject({
  id: z.string(),
  scope: z.looseObject({ type: z.string(), id: z.string(), name: z.string().optional() }),
  state: z.string(),
  requestedBy: z.string(),
  openedAt: z.number(),
  digest: z.string().optional(),
  resources: z.number(),
  services: z.array(
    z.looseObject({
      service: z.string(),
      region: z.string(),
      state: z.string(),
      because: z.string().optional(),
      types: z.array(z.looseObject({ resourceType: z.string(), count: z.number() })),
      unlisted: z.array(z.string()),
    }),
  ),
  unreachable: z.array(PlanNoteShape),
  leftToOthers: z.array(PlanNoteShape),
  uncovered: z.array(UncoveredShape),
  leftOut: z.array(LeftOutShape),
  keystoneCheck: z.looseObject({
    refusals: z.array(z.looseObject({ message: z.string(), advice: z.string() })),
    unknown: z.array(z.string()),
  }),
  /** Plans of a domain only: its projects, the deepest first. */
  projects: z
    .array(
      z.looseObject({
        id: z.string(),
        name: z.string().optional(),
        parentId: z.string().optional(),
        planId: z.string().optional(),
        protectedBecause: z.string().optional(),
        resources: z.number(),
      }),
    )
    .default([]),
  estimate: z
    .looseObject({
      calls: z.number(),
      millis: z.number().optional(),
      unmeasured: z.array(z.string()),
    })
    .optional(),
  allowedDrift: z.number(),
  approvals: z.array(z.looseObject({ by: z.string(), at: z.number() })),
  approvalsNeeded: z.number(),
  twoBecause: z.string().optional(),
  carriedOutBy: z.string().optional(),
  /** Only with `resources=true`. */
  pages: z
    .array(
      z.looseObject({
        region: z.string(),
        resourceType: z.string(),
        resources: z.array(
          z.looseObject({
            id: z.string(),
            name: z.string().optional(),
            createdAt: z.number().optional(),
          }),
        ),
        total: z.number().optional(),
      }),
    )
    .default([]),
});
export type PlanShape = z.infer<typeof PlanShape>;
const DeadLetterShape = z.looseObject({
  id: z.string(),
  queue: z.string(),
  at: z.number(),
  expiresAt: z.number().optional(),
  receiveCount: z.number().optional(),
  operationId: z.string().optional(),
  task: z.looseObject({ taskId: z.string(), run: z.number() }).optional(),
  cause: z.string(),
  error: ErrorReport.optional(),
  message: z.looseObject({ type: z.string(), data: z.looseObject({}) }).optional(),
  unreadable: z.string().optional(),
});
export type DeadLetterShape = z.infer<typeof DeadLetterShape>;
export const DeadLettersShape = z.object({ deadLetters: z.array(DeadLetterShape) });
const ServiceShape = z.looseObject({
  name: z.string(),
  catalogTypes: z.array(z.string()),
  classes: z.array(z.string()),
  resourceTypes: z.array(z.string()),
  userResourceTypes: z.array(z.string()),
  noProjectResources: z.string().optional(),
  dependsOn: z.array(ServiceDependency),
  preDelete: z.boolean(),
  offByDefault: z.string().optional(),
  on: z.boolean(),
  regions: z.array(z.string()),
  /** Why the propagator's roles do not permit calls to it. */
  problem: z.looseObject({ message: z.string(), advice: z.string() }).optional(),
});
export type ServiceShape = z.infer<typeof ServiceShape>;
export const ServicesShape = z.object({
  services: z.array(ServiceShape),
  httpPlugins: z.array(z.string()),
  uncovered: z.array(UncoveredShape),
  leftOut: z.array(LeftOutShape).default([]),
  waived: z.array(WaiverShape),
});
export const QuarantineShape = z.object({
  total: z.number(),
  records: z.array(
    z.looseObject({
      id: z.string(),
      reason: z.string(),
      bytes: z.number(),
      source: z.string(),
      receivedAt: z.number(),
    }),
  ),
});
/** A decision to stop or resume all destructive work. */
export const StopShape = z.object({
  what: z.enum(['stopped', 'resumed']),
  by: z.string(),
  reason: z.string().optional(),
  at: z.number(),
});
export const StopsShape = z.object({ stops: z.array(StopShape) });

export const StatusShape = z.looseObject({
  ok: z.boolean(),
  stopped: StopShape.optional(),
  accounts: z.number(),
  suspicious: z.number(),
  /** Default 0: an older API does not send it. */
  enabledDuringHold: z.number().default(0),
  counters: z.record(z.string(), z.number()),
  queues: z.record(
    z.string(),
    z.object({ ready: z.number(), delayed: z.number(), active: z.number(), dead: z.number() }),
  ),
});

const AuditEntryShape = z.looseObject({
  sequence: z.number(),
  /** Set for an entry that was changed and cannot be read. It has no other field then. */
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
