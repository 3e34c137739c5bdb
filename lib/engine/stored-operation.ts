import * as z from 'zod';
import { Cause } from '../../events/account.ts';
import { TaskDependency } from '../../events/dependency.ts';
import { DomainId, OperationId, ProjectId, ServiceName, TaskId, UserId } from '../../events/ids.ts';
import { ACTIONS, OPERATION_STATES, type Operation, type Waiver } from '../operation/model.ts';
import { engineError } from './engine-error.ts';
import {
  StoredCancellation,
  StoredDomainPlanEntry,
  StoredKeystoneAction,
  StoredPlan,
  StoredRecovery,
  undefinedIfMissing,
} from './record-parts.ts';
import { withNewNames } from './renamed-fields.ts';

export const StoredWaiver: z.ZodType<Waiver> = z.looseObject({
  type: z.string(),
  by: z.string(),
  reason: z.string(),
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
 * Parses a field that has one of these words as its value. Any other word comes from a newer
 * release, and this release must not act on an unknown state or action. For such a word the schema
 * throws `engine.record.newer`.
 */
const oneOf = <Word extends string>(field: string, words: readonly Word[]) =>
  z.string().transform((text): Word => {
    const word = words.find((one) => one === text);
    if (word !== undefined) return word;
    throw engineError(
      'record.newer',
      `A stored operation has the ${field} "${text}", which this release does not know.`,
      'A newer release wrote the operation. Update this process, then redrive. docs/upgrade.md ' +
        'describes the order of the steps.',
    );
  });

/**
 * The stored fields. A field that was added after the first release is optional or has a default,
 * so that this release can read the operations of an older release.
 */
const StoredFields = z.looseObject({
  id: OperationId,
  action: oneOf('action', ACTIONS),
  scope: StoredScope,
  generation: z.number(),
  mode: z.enum(['observe', 'enforce']),
  state: oneOf('state', OPERATION_STATES),
  cause: Cause,
  parentId: undefinedIfMissing(OperationId),
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
  hold: undefinedIfMissing(
    z.looseObject({
      reason: z.string(),
      since: z.number(),
      advice: z.string(),
      about: z
        .enum(['cap', 'keystoneAction', 'leftovers', 'listing', 'drift', 'enabled'])
        .exactOptional(),
    }),
  ),
  request: undefinedIfMissing(
    z.looseObject({ by: z.string(), reason: z.string(), at: z.number(), enabled: z.boolean() }),
  ),
  rerun: undefinedIfMissing(
    z.looseObject({ of: OperationId, by: z.string(), reason: z.string(), at: z.number() }),
  ),
  nextDeletion: undefinedIfMissing(Cause),
  keystoneAction: undefinedIfMissing(StoredKeystoneAction),
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
  released: undefinedIfMissing(
    z.looseObject({ by: z.string(), reason: z.string(), at: z.number() }),
  ),
  openedAt: z.number(),
  startedAt: undefinedIfMissing(z.number()),
  endedAt: undefinedIfMissing(z.number()),
  lifecycle: z
    .looseObject({
      hasSuperseded: undefinedIfMissing(z.boolean()),
      request: undefinedIfMissing(
        z.looseObject({
          by: z.string(),
          reason: z.string(),
          profile: undefinedIfMissing(z.string()),
          reconcile: undefinedIfMissing(z.boolean()),
        }),
      ),
      rule: undefinedIfMissing(z.number()),
      options: undefinedIfMissing(z.record(z.string(), z.array(z.string()))),
      settleAt: undefinedIfMissing(z.number()),
      undoes: undefinedIfMissing(OperationId),
      provision: undefinedIfMissing(
        z.looseObject({
          profile: z.string(),
          reconcile: z.boolean(),
          sections: z.record(z.string(), z.unknown()),
        }),
      ),
    })
    .optional(),
  plan: StoredPlan.optional(),
  projects: z.array(StoredDomainPlanEntry).optional(),
  isUnverified: z.boolean().optional(),
  waitsForChildProjects: z.boolean().optional(),
  recovery: StoredRecovery.optional(),
  canceled: undefinedIfMissing(StoredCancellation),
  keystoneCheck: z
    .looseObject({
      refusals: z.array(z.looseObject({ message: z.string(), advice: z.string() })),
      unknown: z.array(z.string()),
    })
    .optional(),
  version: z.number(),
});

const RENAMED_OPERATION_FIELDS = { next: 'nextDeletion', waitsBelow: 'waitsForChildProjects' };
const RENAMED_LIFECYCLE_FIELDS = { asked: 'request' };

/** Gives the fields of an operation of an older release their present names. */
function withPresentNames(stored: unknown): unknown {
  const operation = z.looseObject({ lifecycle: z.unknown() }).safeParse(stored);
  if (!operation.success) return stored;
  const { lifecycle } = operation.data;
  const renamedLifecycle = lifecycle
    ? { lifecycle: withNewNames(lifecycle, RENAMED_LIFECYCLE_FIELDS) }
    : {};
  return withNewNames({ ...operation.data, ...renamedLifecycle }, RENAMED_OPERATION_FIELDS);
}

/**
 * A stored operation. An older release stored a cancellation in `recovery`: this schema moves it to
 * `canceled`.
 */
export const StoredOperation: z.ZodType<Operation> = z.preprocess(
  withPresentNames,
  StoredFields.transform((operation): Operation => {
    if (!operation.recovery?.canceled) return operation;
    const { canceled, ...recovery } = operation.recovery;
    return { ...operation, recovery, canceled: operation.canceled ?? canceled };
  }),
);
