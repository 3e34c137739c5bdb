import type { Context, Hono } from 'hono';
import * as z from 'zod';
import { OperationId, ProjectId } from '../../events/ids.ts';
import { auditRecordBuilder } from './audit-operation.ts';
import { callerOf } from './authentication.ts';
import { callerNotAllowedInBody, enteredText, readJson, reasonText } from './body.ts';
import type { ApiDeps } from './deps.ts';
import { commitOpened, openRequestedCleanup, refusalWithoutPlan } from './open-operation.ts';
import { cancelRoute, releaseRoute } from './operation-decisions.ts';
import { OperationQuery, viewOfOperation, viewsOfOperations } from './operation-views.ts';
import { answerRefused, answerUnknownOperation } from './problem.ts';
import { recoveryWindowFields } from './recovery-window.ts';
import { rerunOperation } from './rerun-operation.ts';

/** `name`: the name of the project. It confirms a rerun for an enabled project. */
export const RerunBody = z.strictObject({
  reason: reasonText,
  name: enteredText(255).optional(),
  by: callerNotAllowedInBody,
});
/** `name`: the name of the project. It confirms the deletion of an enabled project. */
export const CleanupBody = z.strictObject({
  action: z.literal('cleanup'),
  project: ProjectId,
  name: enteredText(255).optional(),
  by: callerNotAllowedInBody,
  reason: reasonText.default('requested by an administrator'),
  ...recoveryWindowFields,
});

/** Routes that list, show, request, rerun, cancel and release operations. */
export function operationRoutes(app: Hono, deps: ApiDeps): void {
  app.get('/v1/operations', async (context) =>
    context.json(await viewsOfOperations(OperationQuery.parse(context.req.query()), deps)),
  );
  app.post('/v1/operations', (context) => requestCleanup(context, deps));
  app.get('/v1/operations/:id', (context) => answerOperation(context, deps));
  app.post('/v1/operations/:id/rerun', (context) => answerRerun(context, deps));
  cancelRoute(app, deps);
  releaseRoute(app, deps);
}

async function requestCleanup(context: Context, deps: ApiDeps): Promise<Response> {
  const body = await readJson(context, CleanupBody);
  const refusal = refusalWithoutPlan(body.project, deps);
  if (refusal) return answerRefused(context, refusal.because, refusal.advice);
  const request = { ...body, window: body, by: callerOf(context) };
  const auditRecordOf = auditRecordBuilder(context, 'operation.requested', request.reason, deps);
  const answer = await openRequestedCleanup(request, deps);
  const response = await commitOpened(answer, deps.engine, auditRecordOf);
  return context.json(response.body, response.status);
}

async function answerOperation(context: Context, deps: ApiDeps): Promise<Response> {
  const id = OperationId.parse(context.req.param('id'));
  const operation = await deps.engine.reads.operation(id);
  return operation
    ? context.json(await viewOfOperation(operation, deps))
    : answerUnknownOperation(context);
}

async function answerRerun(context: Context, deps: ApiDeps): Promise<Response> {
  const earlierOperation = await deps.engine.reads.operation(
    OperationId.parse(context.req.param('id')),
  );
  const request = { ...(await readJson(context, RerunBody)), by: callerOf(context) };
  if (!earlierOperation) return answerUnknownOperation(context);
  const auditRecordOf = auditRecordBuilder(
    context,
    'operation.rerun',
    request.reason,
    deps,
    earlierOperation,
  );
  const answer = await rerunOperation(earlierOperation, request, deps);
  const { body, status } = await commitOpened(answer, deps.engine, auditRecordOf);
  return context.json(body, status);
}
