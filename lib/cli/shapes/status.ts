import * as z from 'zod';

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
  /** 0 for an older API, which does not send this field. */
  enabledDuringHold: z.number().default(0),
  counters: z.record(z.string(), z.number()),
  queues: z.record(
    z.string(),
    z.object({ ready: z.number(), delayed: z.number(), active: z.number(), dead: z.number() }),
  ),
});
