import type { Hono } from 'hono';
import * as z from 'zod';
import { OperationId, ProjectId } from '../../events/ids.ts';
import { openedRecord } from './audit-operation.ts';
import { callerOf } from './authentication.ts';
import { readJson, reasonText, refusedCallerName, typedText } from './body.ts';
import type { ApiDeps } from './deps.ts';
import { commitOpened, openRequestedCleanup, refusalWithoutPlan } from './open-operation.ts';
import { cancelRoute, releaseRoute } from './operation-decisions.ts';
import { OperationQuery, viewOf, viewsOf } from './operation-views.ts';
import { noOperation, problemBody } from './problem.ts';
import { windowFields } from './recovery-window.ts';
import { rerunOperation } from './rerun-operation.ts';

/** `name`: the name of the project. It confirms a rerun for an enabled project. */
export const RerunBody = z.strictObject({
  reason: reasonText,
  name: typedText(255).optional(),
  by: refusedCallerName,
});
/** `name`: the name of the project. It confirms the deletion of an enabled project. */
export const CleanupBody = z.strictObject({
  action: z.literal('cleanup'),
  project: ProjectId,
  name: typedText(255).optional(),
  by: refusedCallerName,
  reason: reasonText.default('requested by an administrator'),
  ...windowFields,
});

/** Routes that list, show, request, rerun, cancel and release operations. */
export function operationRoutes(app: Hono, deps: ApiDeps): void {
  const { engine } = deps;
  app.get('/v1/operations', async (context) => {
    return context.json(await viewsOf(OperationQuery.parse(context.req.query()), deps));
  });
  app.post('/v1/operations', async (context) => {
    const requested = await readJson(context, CleanupBody);
    const refusal = refusalWithoutPlan(requested.project, deps);
    if (refusal) return context.json(problemBody('refused', refusal.because, refusal.advice), 409);
    const input = { ...requested, window: requested, by: callerOf(context) };
    const auditRecordOf = openedRecord(context, 'operation.requested', input.reason, deps);
    const answer = await commitOpened(
      await openRequestedCleanup(input, deps),
      engine,
      auditRecordOf,
    );
    return context.json(answer.body, answer.status);
  });
  app.get('/v1/operations/:id', async (context) => {
    const operation = await engine.reads.operation(OperationId.parse(context.req.param('id')));
    if (!operation) return context.json(noOperation(), 404);
    return context.json(await viewOf(operation, deps));
  });
  app.post('/v1/operations/:id/rerun', async (context) => {
    const earlier = await engine.reads.operation(OperationId.parse(context.req.param('id')));
    const input = { ...(await readJson(context, RerunBody)), by: callerOf(context) };
    if (!earlier) return context.json(noOperation(), 404);
    const auditRecordOf = openedRecord(context, 'operation.rerun', input.reason, deps, earlier);
    const answer = await commitOpened(
      await rerunOperation(earlier, input, deps),
      engine,
      auditRecordOf,
    );
    return context.json(answer.body, answer.status);
  });
  cancelRoute(app, deps);
  releaseRoute(app, deps);
}
