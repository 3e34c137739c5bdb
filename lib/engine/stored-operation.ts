import * as z from 'zod';
import { Cause } from '../../events/account.ts';
import { TaskDependency } from '../../events/dependency.ts';
import { DomainId, OperationId, ProjectId, ServiceName, TaskId, UserId } from '../../events/ids.ts';
import { ACTIONS, OPERATION_STATES, type Operation, type Waiver } from '../operation/model.ts';
import { engineError } from './engine-error.ts';
import {
  StoredCancellation,
  StoredKeystoneAction,
  StoredMember,
  StoredPlan,
  StoredRecovery,
  unset,
} from './record-parts.ts';

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
 * Parses a word of a fixed list. Throws `engine.record.newer` for any other word: a newer release
 * stored that word, and this release must not act on an unknown state or action.
 */
const oneOf = <Word extends string>(field: string, words: readonly Word[]) =>
  z.string().transform((text): Word => {
    const word = words.find((one) => one === text);
    if (word !== undefined) return word;
    throw engineError(
      'record.newer',
      `A stored operation has the ${field} "${text}", which this release does not know.`,
      'A newer release wrote the operation. Update this process, then redrive. docs/upgrade.md ' +
        'has the order.',
    );
  });

/**
 * The stored fields. A field that was added after the first release has a default, so that
 * operations of an older release continue.
 */
const Fields = z.looseObject({
  id: OperationId,
  action: oneOf('action', ACTIONS),
  scope: StoredScope,
  generation: z.number(),
  mode: z.enum(['observe', 'enforce']),
  state: oneOf('state', OPERATION_STATES),
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

/**
 * A stored operation. An earlier release stored a cancellation in `recovery`; here the cancellation
 * is in `canceled`.
 */
export const StoredOperation: z.ZodType<Operation> = Fields.transform((operation): Operation => {
  if (!operation.recovery?.canceled) return operation;
  const { canceled, ...recovery } = operation.recovery;
  return { ...operation, recovery, canceled: operation.canceled ?? canceled };
});
