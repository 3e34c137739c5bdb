import * as z from 'zod';
import { ErrorReport } from '../../../events/service.ts';

/** A decision about dead-letter messages. */
export const DecisionShape = z.looseObject({
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
