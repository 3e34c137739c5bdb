import * as z from 'zod';
import { Account, AccountEvent, Cause } from '../../events/account.ts';
import { TaskDependency } from '../../events/dependency.ts';
import { DomainId, OperationId, ProjectId, ServiceName, TaskId, UserId } from '../../events/ids.ts';
import type { Message, QueueName } from '../../events/index.ts';
import { NotificationReceived } from '../../events/notification.ts';
import { OperationEvent } from '../../events/operation.ts';
import {
  Condition,
  ErrorReport,
  Phase,
  ServiceEvent,
  VerificationStatus,
} from '../../events/service.ts';
import type { AccountRecord, QuarantineRecord } from '../account/inventory.ts';
import {
  ACTIONS,
  OPERATION_STATES,
  type Operation,
  TASK_STATES,
  type Task,
  type Waiver,
} from '../operation/model.ts';
import type { StopDecision } from '../operation/stop.ts';
import { engineError } from './engine-error.ts';
import type { Decision } from './port.ts';
import {
  StoredCancellation,
  StoredKeystoneAction,
  StoredMember,
  StoredPlan,
  StoredRecovery,
  unset,
} from './record-parts.ts';

/**
 * Schemas of the stored records. Every engine validates each stored record that it reads. The
 * objects are loose, so that a write of this release keeps the fields of a newer release.
 */

/**
 * A field that was added after the first release has a default, so that operations of an older
 * release continue.
 */
export const StoredWaiver: z.ZodType<Waiver> = z.looseObject({
  type: z.string(),
  by: z.string(),
  reason: z.string(),
  at: z.number(),
});

export const StoredStopDecision: z.ZodType<StopDecision> = z.looseObject({
  what: z.enum(['stopped', 'resumed']),
  by: z.string(),
  reason: z.string().exactOptional(),
  at: z.number(),
});

const StoredScope = z.discriminatedUnion('type', [
  z.looseObject({
    type: z.literal('project'),
    id: ProjectId,
    name: z.string().exactOptional(),
    domainId: DomainId.exactOptional(),
    members: z.array(UserId).exactOptional(),
  }),
  z.looseObject({ type: z.literal('domain'), id: DomainId, name: z.string().exactOptional() }),
  z.looseObject({
    type: z.literal('user'),
    id: UserId,
    name: z.string().exactOptional(),
    domainId: DomainId.exactOptional(),
    projects: z.array(ProjectId),
  }),
]);

/**
 * A word of a fixed list. Throws `engine.record.newer` for any other word: a newer release stored
 * it, and this release must not act on an unknown state or action.
 */
const known = <Word extends string>(field: string, words: readonly Word[]) =>
  z.string().transform((text): Word => {
    const word = words.find((one) => one === text);
    if (word !== undefined) return word;
    throw engineError(
      'record.newer',
      `A stored operation has the ${field} "${text}", which this release does not know.`,
      'A newer release wrote it. Update this process, then redrive. docs/upgrade.md has the order.',
    );
  });

const Fields = z.looseObject({
  id: OperationId,
  action: known('action', ACTIONS),
  scope: StoredScope,
  generation: z.number(),
  mode: z.enum(['observe', 'enforce']),
  state: known('state', OPERATION_STATES),
  cause: Cause,
  parentId: unset(OperationId),
  confirmedAt: z.array(z.number()),
  confirmation: z.number(),
  notBefore: z.number(),
  order: z.array(
    z.looseObject({
      id: TaskId,
      service: ServiceName,
      region: z.string(),
      dependsOn: z.array(TaskDependency),
      preDelete: z.boolean().default(false),
      types: z.array(z.string()).default([]),
    }),
  ),
  children: z.array(OperationId),
  hold: unset(
    z.looseObject({
      reason: z.string(),
      since: z.number(),
      advice: z.string(),
      about: z
        .enum(['cap', 'keystoneAction', 'leftovers', 'listing', 'drift', 'enabled'])
        .exactOptional(),
    }),
  ),
  request: unset(
    z.looseObject({ by: z.string(), reason: z.string(), at: z.number(), enabled: z.boolean() }),
  ),
  rerun: unset(
    z.looseObject({ of: OperationId, by: z.string(), reason: z.string(), at: z.number() }),
  ),
  next: unset(Cause),
  keystoneAction: unset(StoredKeystoneAction),
  roles: z.array(z.string()).default([]),
  uncovered: z
    .array(
      z.looseObject({
        type: z.string(),
        name: z.string(),
        region: z.string().exactOptional(),
        because: z.string().exactOptional(),
        advice: z.string().exactOptional(),
      }),
    )
    .default([]),
  leftOut: z
    .array(z.looseObject({ region: z.string(), types: z.array(z.string()), setting: z.string() }))
    .default([]),
  waived: z.array(StoredWaiver).default([]),
  released: unset(z.looseObject({ by: z.string(), reason: z.string(), at: z.number() })),
  openedAt: z.number(),
  startedAt: unset(z.number()),
  endedAt: unset(z.number()),
  lifecycle: z
    .looseObject({
      hasSuperseded: unset(z.boolean()),
      asked: unset(
        z.looseObject({
          by: z.string(),
          reason: z.string(),
          profile: unset(z.string()),
          reconcile: unset(z.boolean()),
        }),
      ),
      rule: unset(z.number()),
      options: unset(z.record(z.string(), z.array(z.string()))),
      settleAt: unset(z.number()),
      undoes: unset(OperationId),
      provision: unset(
        z.looseObject({
          profile: z.string(),
          reconcile: z.boolean(),
          sections: z.record(z.string(), z.unknown()),
        }),
      ),
    })
    .optional(),
  plan: StoredPlan.optional(),
  projects: z.array(StoredMember).optional(),
  isUnverified: z.boolean().optional(),
  waitsBelow: z.boolean().optional(),
  recovery: StoredRecovery.optional(),
  canceled: unset(StoredCancellation),
  keystoneCheck: z
    .looseObject({
      refusals: z.array(z.looseObject({ message: z.string(), advice: z.string() })),
      unknown: z.array(z.string()),
    })
    .optional(),
  version: z.number(),
});

/** The operation with its cancellation, even if an earlier release stored it with the window. */
export const StoredOperation: z.ZodType<Operation> = Fields.transform((operation): Operation => {
  if (!operation.recovery?.canceled) return operation;
  const { canceled, ...recovery } = operation.recovery;
  return { ...operation, recovery, canceled: operation.canceled ?? canceled };
});

const StoredCounts = z.record(
  z.string(),
  z.looseObject({ found: z.number(), removed: z.number(), left: z.number() }),
);

export const StoredTask: z.ZodType<Task> = z.looseObject({
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
  partial: z
    .looseObject({
      state: z.enum(['running', 'done']),
      awaiting: z.array(ServiceName),
      endedBefore: z.number().exactOptional(),
    })
    .optional(),
  run: z.number(),
  sequence: z.number(),
  counts: StoredCounts,
  baseline: StoredCounts,
  conditions: z.array(Condition),
  error: unset(ErrorReport),
  attempts: z.number(),
  progressAt: z.number(),
  reportedAt: unset(z.number()),
  runProgressed: z.boolean().default(false),
  askedWaitMillis: z.number().default(0),
  mostRemoved: z.record(z.string(), z.number()).default({}),
  distinct: z.record(z.string(), z.number()).default({}),
  seenIds: unset(z.string()),
  appeared: z
    .record(
      z.string(),
      z.looseObject({ count: z.number(), example: z.string(), isRefused: z.boolean() }),
    )
    .optional(),
  because: unset(z.string()),
  nextAt: unset(z.number()),
  startedAt: unset(z.number()),
  endedAt: unset(z.number()),
  version: z.number(),
});

export const StoredAccount: z.ZodType<AccountRecord> = z.looseObject({
  account: Account,
  seenAt: z.number(),
  deletedAt: unset(z.number()),
  members: unset(z.array(UserId)),
  suspicion: z
    .looseObject({
      cause: Cause,
      at: z.number(),
      keystone: z.enum(['absent', 'not asked']),
      dropped: unset(z.looseObject({ by: z.string(), reason: z.string(), at: z.number() })),
    })
    .exactOptional(),
  unannounced: unset(z.literal(true)),
});

export const StoredQuarantine: z.ZodType<QuarantineRecord> = z.looseObject({
  id: z.string(),
  reason: z.string(),
  body: z.string(),
  encoding: z.enum(['utf8', 'base64']),
  bytes: z.number(),
  source: z.string(),
  receivedAt: z.number(),
});

const StoredQueue = z.custom<QueueName>(
  (name) => typeof name === 'string' && /^(ingest|coordinate|service-.+)$/.test(name),
);

export const StoredDecision: z.ZodType<Decision> = z.looseObject({
  id: z.string(),
  what: z.enum(['redriven', 'discarded']),
  by: z.string(),
  reason: unset(z.string()),
  at: z.number(),
  queue: StoredQueue,
  operationId: unset(OperationId),
  cause: z.string(),
  count: z.number(),
});

/** Any message on a queue. */
export const StoredMessage: z.ZodType<Message> = z.union([
  z.discriminatedUnion('type', [NotificationReceived, OperationEvent, ServiceEvent]),
  AccountEvent,
]);
