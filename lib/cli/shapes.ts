import * as z from 'zod';
import { ErrorReport } from '../../events/service.ts';

/** The API's answers as the command line reads them; fields that it only hands on with `--json` are let through. */
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
  counts: z.record(z.string(), count),
  because: z.string().optional(),
  conditions: z.array(
    z.looseObject({
      class: z.string(),
      kind: z.string().optional(),
      message: z.string(),
      actor: z.string(),
      advice: z.string().optional(),
      count: z.number(),
    }),
  ),
  nextAt: z.number().optional(),
});
export const OperationShape = z.looseObject({
  operation: z.looseObject({
    id: z.string(),
    mode: z.string(),
    state: z.string(),
    scope: z.looseObject({ type: z.string(), id: z.string(), name: z.string().optional(), domainId: z.string().optional() }),
    cause: z.looseObject({
      eventType: z.string(),
      initiator: z.looseObject({ userId: z.string(), name: z.string().optional() }).optional(),
    }),
    confirmedAt: z.array(z.number()),
    notBefore: z.number(),
    hold: z.looseObject({ reason: z.string() }).optional(),
    openedAt: z.number(),
    startedAt: z.number().optional(),
    endedAt: z.number().optional(),
  }),
  tasks: z.array(TaskShape),
  things: count,
  waitsOn: z.array(WaitingShape),
});
export type OperationShape = z.infer<typeof OperationShape>;
export const OperationsShape = z.object({ operations: z.array(OperationShape) });
export const DeadLettersShape = z.object({
  deadLetters: z.array(
    z.looseObject({
      id: z.string(),
      queue: z.string(),
      at: z.number(),
      error: ErrorReport.optional(),
      message: z.looseObject({
        type: z.string(),
        data: z.looseObject({ operationId: z.string().optional(), taskId: z.string().optional() }),
      }),
    }),
  ),
});
export const QuarantineShape = z.object({
  total: z.number(),
  records: z.array(z.looseObject({ id: z.string(), reason: z.string(), bytes: z.number(), source: z.string(), receivedAt: z.number() })),
});
export const StatusShape = z.looseObject({
  ok: z.boolean(),
  accounts: z.number(),
  counters: z.record(z.string(), z.number()),
  queues: z.record(z.string(), z.object({ ready: z.number(), delayed: z.number(), active: z.number(), dead: z.number() })),
});
