import type { Hono } from 'hono';
import * as z from 'zod';
import type { StopDecision } from '../operation/stop.ts';
import { auditRecord } from './audit.ts';
import { callerOf } from './authentication.ts';
import { callerNotAllowedInBody, readJson, reasonText } from './body.ts';
import type { ApiDeps } from './deps.ts';
import { LimitQuery } from './limit.ts';

export const StopBody = z.strictObject({ by: callerNotAllowedInBody, reason: reasonText });

/**
 * Routes that stop all destructive work, resume it, and list these decisions. A repeated stop is a
 * new decision. Running functions read the newest decision before each removal.
 */
export function stopRoutes(app: Hono, { engine, now }: ApiDeps): void {
  for (const [path, what] of [
    ['/v1/stop-all', 'stopped'],
    ['/v1/resume-all', 'resumed'],
  ] as const)
    app.post(path, async (context) => {
      const { reason } = await readJson(context, StopBody);
      const decision: StopDecision = { what, by: callerOf(context), reason, at: now() };
      const before = (await engine.reads.stopDecision()) ?? null;
      const auditedDecision = {
        what: `work.${what}`,
        target: { type: 'propagator', id: 'destructive-work' },
        reason,
        before,
        after: decision,
      } as const;
      await engine.commit({
        stopDecision: decision,
        audit: [auditRecord(context, decision.at, auditedDecision)],
      });
      return context.json(decision);
    });
  app.get('/v1/stops', async (context) => {
    const { limit } = LimitQuery.parse(context.req.query());
    return context.json({ stops: await engine.reads.stopDecisions(limit) });
  });
}
