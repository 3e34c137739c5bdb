import * as z from 'zod';
import { OperationId, TaskId } from './ids.ts';

/**
 * A reminder to the coordinator: time to ask Keystone whether the account is really gone
 * (`confirmation` counts the answers wanted so far).
 */
export const OperationConfirm = z.object({
  type: z.literal('operation.confirm'),
  data: z.object({ operationId: OperationId, confirmation: z.number().int().min(1) }),
});
/**
 * An operation has ended; told to whoever listens, and to the operation of the domain that it
 * belongs to.
 */
export const OperationFinished = z.object({
  type: z.literal('operation.finished'),
  data: z.object({ operationId: OperationId, state: z.string(), parentId: OperationId.optional() }),
});
/** A person released an operation that a cap or a hold had stopped. */
export const OperationReleased = z.object({
  type: z.literal('operation.released'),
  data: z.object({
    operationId: OperationId,
    by: z.string(),
    reason: z.string(),
    /**
     * The fence: since when the hold stands that this person saw. A word that comes once more
     * releases no later hold.
     */
    since: z.number().optional(),
  }),
});
/**
 * A reminder to the coordinator: something is to be done in Keystone for an operation that an
 * administrator asked for.
 */
export const OperationKeystoneAction = z.object({
  type: z.literal('operation.keystone-action'),
  data: z.object({
    operationId: OperationId,
    /**
     * `assign-role`: take a role on the project · `revoke-role`: give it back · `disable`: the
     * project, and leave it · `delete`: the project.
     */
    what: z.enum(['assign-role', 'revoke-role', 'disable', 'delete']),
    /** The fence: only the act that the operation stands at is carried out. */
    number: z.number().int().min(1),
  }),
});
/** A person sent a dead letter back to its queue. */
export const TaskRedriven = z.object({
  type: z.literal('task.redriven'),
  data: z.object({ operationId: OperationId, taskId: TaskId, by: z.string() }),
});
/**
 * A person threw the dead letter of a task away: it will not be done, and what is left of it is not
 * known.
 */
export const TaskDiscarded = z.object({
  type: z.literal('task.discarded'),
  data: z.object({
    operationId: OperationId,
    taskId: TaskId,
    /**
     * The fence: the pass that the letter asked for. A task that went on by another letter is not
     * ended by this one.
     */
    run: z.number().int().min(1),
    by: z.string(),
    reason: z.string(),
  }),
});
export const OperationEvent = z.discriminatedUnion('type', [
  OperationConfirm,
  OperationFinished,
  OperationReleased,
  OperationKeystoneAction,
  TaskRedriven,
  TaskDiscarded,
]);
export type OperationEvent = z.infer<typeof OperationEvent>;
