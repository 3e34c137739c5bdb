import * as z from 'zod';
import { OperationId, TaskId } from './ids.ts';

/** A reminder to the coordinator: time to ask Keystone whether the account is really gone (`look` counts the answers wanted so far). */
export const OperationLook = z.object({
  type: z.literal('operation.look'),
  data: z.object({ operationId: OperationId, look: z.number().int().min(1) }),
});
/** An operation has ended; told to whoever listens, and to the operation of the domain that it belongs to. */
export const OperationFinished = z.object({
  type: z.literal('operation.finished'),
  data: z.object({ operationId: OperationId, state: z.string(), parentId: OperationId.optional() }),
});
/** A person released an operation that a cap or a hold had stopped. */
export const OperationReleased = z.object({
  type: z.literal('operation.released'),
  data: z.object({ operationId: OperationId, by: z.string(), reason: z.string() }),
});
/** A person sent a dead letter back to its queue. */
export const TaskRedriven = z.object({
  type: z.literal('task.redriven'),
  data: z.object({ operationId: OperationId, taskId: TaskId, by: z.string() }),
});
export const OperationEvent = z.discriminatedUnion('type', [OperationLook, OperationFinished, OperationReleased, TaskRedriven]);
export type OperationEvent = z.infer<typeof OperationEvent>;
