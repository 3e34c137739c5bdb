import type { Hono } from 'hono';
import * as z from 'zod';
import { OperationId } from '../../events/ids.ts';
import { decideApproval } from '../operation/approval.ts';
import type { ApprovedPlan, Operation } from '../operation/model.ts';
import { auditRecord } from './audit.ts';
import { openedRecord, targetOf } from './audit-operation.ts';
import { callerOf } from './authentication.ts';
import { readJson, reasonText, refusedCallerName } from './body.ts';
import type { ApiDeps } from './deps.ts';
import { openApprovedDomainDeletion } from './domains.ts';
import { commitOpened, openRequestedCleanup } from './open-operation.ts';
import { DEFAULT_APPROVAL_RULES, readApprovals, readPlanWithPages, tagsOf } from './plan-reads.ts';
import { noOperation, problemBody } from './problem.ts';
import { type RequestedWindow, windowFields } from './recovery-window.ts';

const Digest = z.string().regex(/^[0-9a-f]{64}$/, 'must be the 64 hexadecimal digits of a plan');

export const ApproveRequest = z.strictObject({
  digest: Digest,
  reason: reasonText.optional(),
  by: refusedCallerName,
  ...windowFields,
});

/**
 * Returns the longer of the recovery windows that two approvers request. The second approval must
 * not shorten the window of the first one. The reminders of the second approval replace the
 * reminders of the first one.
 */
function longerWindow(stored: RequestedWindow, requested: RequestedWindow): RequestedWindow {
  const [storedSeconds, seconds] = [stored.recoverForSeconds, requested.recoverForSeconds];
  const recoverForSeconds =
    storedSeconds === undefined ? seconds : Math.max(storedSeconds, seconds ?? 0);
  const remindBeforeSeconds = requested.remindBeforeSeconds ?? stored.remindBeforeSeconds;
  return {
    ...(recoverForSeconds === undefined ? {} : { recoverForSeconds }),
    ...(remindBeforeSeconds === undefined ? {} : { remindBeforeSeconds }),
  };
}

/** The route that approves a plan, and carries it out after the last approval. */
export function approvalRoute(app: Hono, deps: ApiDeps): void {
  const { engine } = deps;
  const rules = deps.approvalRules ?? DEFAULT_APPROVAL_RULES;

  app.post('/v1/operations/:id/approve', async (context) => {
    const id = OperationId.parse(context.req.param('id'));
    const { digest, reason: typedReason, ...window } = await readJson(context, ApproveRequest);
    const by = callerOf(context);
    const operation = await engine.reads.operation(id);
    if (!operation) return context.json(noOperation(), 404);
    if (deps.mode === 'observe')
      return context.json(
        problemBody(
          'refused',
          'the mode is observe, so nothing can be carried out',
          'Start the propagator with PROPAGATOR_MODE=enforce.',
        ),
        409,
      );
    const { plan, plans: projectPlans } = await readPlanWithPages(operation, engine);
    const stored = await readApprovals(id, engine);
    const tags = await tagsOf(operation, deps);
    const now = deps.now();
    const input = { operation, plan, stored: stored.value, by, digest, tags, rules, now };
    const answer = decideApproval(input);
    if (answer.kind === 'refused')
      return context.json(problemBody('refused', answer.because, answer.advice), 409);
    const longerRequestedWindow = longerWindow(stored.value, window);
    const document = (value: object) => ({ ...stored.key, version: stored.version, value });
    if (answer.kind === 'recorded') {
      const documents = [document({ approvals: answer.approvals, ...longerRequestedWindow })];
      const auditedDecision = {
        what: 'operation.approved',
        target: targetOf(operation),
        reason: typedReason,
        before: stored.value,
        after: { digest, approvals: answer.approvals },
      } as const;
      const audit = [auditRecord(context, now, auditedDecision)];
      if ((await engine.commit({ documents, audit })) === 'conflict')
        return context.json(problemBody('conflict', 'another approval came at the same time'), 409);
      return context.json({ approved: id, waitsFor: answer.because }, 202);
    }
    const reason = typedReason ?? operation.request?.reason ?? '';
    const approval = { by, reason, rules, window: longerRequestedWindow };
    const opened =
      operation.scope.type === 'domain'
        ? await openApprovedDomainDeletion(operation, projectPlans, answer.plan, approval, deps)
        : await openApprovedCleanup(
            operation,
            answer.plan,
            { reason, by, window: longerRequestedWindow },
            deps,
          );
    if (opened.kind === 'refused')
      return context.json(problemBody('refused', opened.because, opened.advice), 409);
    const { approvals } = answer.plan;
    const documents = [document({ approvals, opened: opened.opened.operation.id })];
    const auditRecordOf = openedRecord(context, 'operation.approved', reason, deps, operation);
    const { body, status } = await commitOpened(opened, engine, auditRecordOf, documents);
    return context.json(body, status);
  });
}

/**
 * Opens the cleanup that carries out the approved plan of a project. Refuses if the project was
 * enabled or renamed after the plan was made. The approver has typed the digest of the plan, so the
 * name of an enabled project is not asked for.
 */
async function openApprovedCleanup(
  { id, scope, request: planned }: Operation,
  plan: ApprovedPlan,
  requested: { readonly reason: string; readonly by: string; readonly window: RequestedWindow },
  deps: ApiDeps,
) {
  if (scope.type !== 'project')
    return { kind: 'refused', because: `a ${scope.type} has no plan` } as const;
  const shown = await deps.cloud.keystone.show('project', scope.id);
  const planAgain = `Plan again: propagator project plan ${scope.id}`;
  if (shown.kind === 'present' && shown.account.enabled && planned?.enabled === false)
    return {
      kind: 'refused',
      because: `the project was disabled when ${id} was made, and it is enabled now`,
      advice: planAgain,
    } as const;
  if (shown.kind === 'present' && shown.account.name !== scope.name)
    return {
      kind: 'refused',
      because: `the project was renamed after ${id} was made`,
      advice: planAgain,
    } as const;
  const input = { ...requested, project: scope.id, name: scope.name, plan };
  return openRequestedCleanup(input, deps);
}
