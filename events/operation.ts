import * as z from 'zod';
import { DomainId, OperationId, ProjectId, TaskId } from './ids.ts';

/**
 * Tells the coordinator to ask Keystone for the state of the account. `confirmation` is the
 * consecutive number of this request within the operation.
 */
export const OperationConfirm = z.object({
  type: z.literal('operation.confirm'),
  data: z.object({ operationId: OperationId, confirmation: z.number().int().min(1) }),
});
/**
 * An operation has ended. Subscribers and the operation of the parent domain receive this event.
 */
export const OperationFinished = z.object({
  type: z.literal('operation.finished'),
  data: z.object({ operationId: OperationId, state: z.string(), parentId: OperationId.optional() }),
});
/** A person released a held operation, or ended the recovery window of an operation. */
export const OperationReleased = z.object({
  type: z.literal('operation.released'),
  data: z.object({
    operationId: OperationId,
    by: z.string(),
    reason: z.string(),
    /**
     * Fence: the time since which the operation was held when the person released it. A repeated
     * message therefore does not release a later hold.
     */
    since: z.number().optional(),
  }),
});
/** A person canceled an operation that an administrator requested. */
export const OperationCanceled = z.object({
  type: z.literal('operation.canceled'),
  data: z.object({ operationId: OperationId, by: z.string(), reason: z.string() }),
});
/**
 * A change that an operation makes in Keystone itself. `assign-role`: assign roles on the project
 * to the propagator's user. `revoke-role`: revoke these roles. `disable`: disable the account, and
 * revoke these roles if the account is a project. `enable`: enable the account that the operation
 * had disabled. `delete`: delete the account.
 */
export const KeystoneActionName = z.enum([
  'assign-role',
  'revoke-role',
  'disable',
  'enable',
  'delete',
]);
export type KeystoneActionName = z.infer<typeof KeystoneActionName>;

/**
 * Tells the coordinator to carry out a Keystone action for an operation that an administrator
 * requested.
 */
export const OperationKeystoneAction = z.object({
  type: z.literal('operation.keystone-action'),
  data: z.object({
    operationId: OperationId,
    what: KeystoneActionName,
    /** Fence: only the Keystone action with the operation's current number is carried out. */
    number: z.number().int().min(1),
  }),
});
export type KeystoneActionMessage = z.infer<typeof OperationKeystoneAction>;
/**
 * Tells the coordinator to check the recovery window of an operation: whether a reminder is due,
 * and whether the window is over.
 */
export const OperationWindow = z.object({
  type: z.literal('operation.window'),
  data: z.object({
    operationId: OperationId,
    /** Fence: a message without the current number of the window is ignored. */
    number: z.number().int().min(1),
  }),
});
/**
 * A reminder that the recovery window of an operation ends soon. After the window, the operation
 * removes the resources of the account and deletes the account. The event is published once for
 * each reminder that the policy or the request names.
 */
export const OperationDue = z.object({
  type: z.literal('operation.due'),
  data: z.object({
    operationId: OperationId,
    /** The account that is deleted: a project, or a domain with all its projects. */
    project: ProjectId.optional(),
    domain: DomainId.optional(),
    name: z.string().optional(),
    /** Epoch milliseconds at which the window ends. */
    endsAt: z.number(),
    /** The reminder is due this many seconds before the end of the window. */
    beforeSeconds: z.number().min(0),
  }),
});
/**
 * Tells the coordinator to resume the suspended resources of an account after its requested
 * deletion was canceled or refused. If the recovery window disabled the account, the coordinator
 * has enabled the account before.
 */
export const OperationUndo = z.object({
  type: z.literal('operation.undo'),
  data: z.object({ operationId: OperationId }),
});
/** A person redrove the dead-letter message of a task. */
export const TaskRedriven = z.object({
  type: z.literal('task.redriven'),
  data: z.object({ operationId: OperationId, taskId: TaskId, by: z.string() }),
});
/**
 * A person discarded the dead-letter message of a task. The task ends, although it is unknown which
 * of its resources are left.
 */
export const TaskDiscarded = z.object({
  type: z.literal('task.discarded'),
  data: z.object({
    operationId: OperationId,
    taskId: TaskId,
    /**
     * Fence: the run that the dead-letter message requested. If the task has continued with a later
     * run, the message does not end the task.
     */
    run: z.number().int().min(1),
    by: z.string(),
    reason: z.string(),
  }),
});
/** Every message about an operation that the coordinator handles. */
export const OperationEvent = z.discriminatedUnion('type', [
  OperationConfirm,
  OperationFinished,
  OperationReleased,
  OperationCanceled,
  OperationKeystoneAction,
  OperationWindow,
  OperationDue,
  OperationUndo,
  TaskRedriven,
  TaskDiscarded,
]);
export type OperationEvent = z.infer<typeof OperationEvent>;
