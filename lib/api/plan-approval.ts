import type { Context, Hono } from 'hono';
import * as z from 'zod';
import { OperationId } from '../../events/ids.ts';
import type { WrittenDocument } from '../engine/port.ts';
import { type ApprovalAnswer, decideApproval } from '../operation/approval.ts';
import type { ApprovedPlan, Operation } from '../operation/model.ts';
import type { Plan } from '../operation/plan.ts';
import type { RequestAnswer } from '../operation/request.ts';
import { auditRecord } from './audit.ts';
import { auditRecordBuilder, auditTargetOf } from './audit-operation.ts';
import { callerOf } from './authentication.ts';
import { callerNotAllowedInBody, readJson, reasonText } from './body.ts';
import type { ApiDeps } from './deps.ts';
import { openApprovedDomainDeletion } from './domains.ts';
import { commitOpened, openRequestedCleanup, refusedAnswer } from './open-operation.ts';
import { DEFAULT_APPROVAL_RULES, readApprovals, readPlanWithPages, tagsOf } from './plan-reads.ts';
import { answerRefused, answerUnknownOperation, problemBody } from './problem.ts';
import { type RequestedWindow, recoveryWindowFields } from './recovery-window.ts';

const Digest = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'must be the digest of a plan (64 hexadecimal digits)');

export const ApprovalBody = z.strictObject({
  digest: Digest,
  reason: reasonText.optional(),
  by: callerNotAllowedInBody,
  ...recoveryWindowFields,
});

/**
 * Returns the longer of the recovery windows that two approvers request. The second approval must
 * not shorten the window of the first one. If the second approval names reminders, they replace the
 * reminders of the first one.
 */
function longerWindow(
  storedWindow: RequestedWindow,
  requestedWindow: RequestedWindow,
): RequestedWindow {
  const [storedSeconds, requestedSeconds] = [
    storedWindow.recoverForSeconds,
    requestedWindow.recoverForSeconds,
  ];
  const recoverForSeconds =
    storedSeconds === undefined ? requestedSeconds : Math.max(storedSeconds, requestedSeconds ?? 0);
  const remindBeforeSeconds =
    requestedWindow.remindBeforeSeconds ?? storedWindow.remindBeforeSeconds;
  return {
    ...(recoverForSeconds === undefined ? {} : { recoverForSeconds }),
    ...(remindBeforeSeconds === undefined ? {} : { remindBeforeSeconds }),
  };
}

/** The route that approves a plan, and carries it out after the last approval. */
export function approvalRoute(app: Hono, deps: ApiDeps): void {
  app.post('/v1/operations/:id/approve', (context) => approvePlan(context, deps));
}

/** The approval of a plan by the caller of a request. */
interface PlanApproval {
  readonly context: Context;
  /** The operation that made the plan. */
  readonly planOperation: Operation;
  /** The stored approvals of the plan, with the key and version of their document. */
  readonly storedApprovals: Awaited<ReturnType<typeof readApprovals>>;
  readonly digest: string;
  /** The reason in the request. */
  readonly typedReason: string | undefined;
  readonly window: RequestedWindow;
  readonly now: number;
}

async function approvePlan(context: Context, deps: ApiDeps): Promise<Response> {
  const { engine } = deps;
  const id = OperationId.parse(context.req.param('id'));
  const { digest, reason: typedReason, ...window } = await readJson(context, ApprovalBody);
  const operation = await engine.reads.operation(id);
  if (!operation) return answerUnknownOperation(context);
  if (deps.mode === 'observe')
    return answerRefused(
      context,
      'the mode is observe, so nothing can be carried out',
      'Start the propagator with PROPAGATOR_MODE=enforce.',
    );
  const { plan, plans: projectPlans } = await readPlanWithPages(operation, engine);
  const storedApprovals = await readApprovals(id, engine);
  const tags = await tagsOf(operation, deps);
  const now = deps.now();
  const answer = decideApproval({
    operation,
    plan,
    stored: storedApprovals.value,
    by: callerOf(context),
    digest,
    tags,
    rules: deps.approvalRules ?? DEFAULT_APPROVAL_RULES,
    now,
  });
  if (answer.kind === 'refused') return answerRefused(context, answer.because, answer.advice);
  const approval: PlanApproval = {
    context,
    planOperation: operation,
    storedApprovals,
    digest,
    typedReason,
    window: longerWindow(storedApprovals.value, window),
    now,
  };
  return answer.kind === 'recorded'
    ? recordApproval(approval, answer, deps)
    : carryOutPlan(approval, answer.plan, projectPlans, deps);
}

const approvalsDocument = (
  { storedApprovals: { key, version } }: PlanApproval,
  value: object,
): WrittenDocument => ({ ...key, version, value });

/** Stores an approval of a plan that another person must also approve. */
async function recordApproval(
  approval: PlanApproval,
  { approvals, because }: Extract<ApprovalAnswer, { kind: 'recorded' }>,
  { engine }: ApiDeps,
): Promise<Response> {
  const { context, planOperation, storedApprovals, digest, typedReason, window, now } = approval;
  const auditedDecision = {
    what: 'operation.approved',
    target: auditTargetOf(planOperation),
    reason: typedReason,
    before: storedApprovals.value,
    after: { digest, approvals },
  } as const;
  const outcome = await engine.commit({
    documents: [approvalsDocument(approval, { approvals, ...window })],
    audit: [auditRecord(context, now, auditedDecision)],
  });
  return outcome === 'conflict'
    ? context.json(problemBody('conflict', 'another approval came at the same time'), 409)
    : context.json({ approved: planOperation.id, waitsFor: because }, 202);
}

/** Opens the operation that carries out the approved plan. */
async function carryOutPlan(
  approval: PlanApproval,
  approvedPlan: ApprovedPlan,
  projectPlans: readonly Plan[],
  deps: ApiDeps,
): Promise<Response> {
  const { context, planOperation, typedReason, window } = approval;
  const reason = typedReason ?? planOperation.request?.reason ?? '';
  const rules = deps.approvalRules ?? DEFAULT_APPROVAL_RULES;
  const request = { by: callerOf(context), reason, window };
  const answer =
    planOperation.scope.type === 'domain'
      ? await openApprovedDomainDeletion(
          planOperation,
          projectPlans,
          approvedPlan,
          { ...request, rules },
          deps,
        )
      : await openApprovedCleanup(planOperation, approvedPlan, request, deps);
  if (answer.kind === 'refused') return answerRefused(context, answer.because, answer.advice);
  const document = approvalsDocument(approval, {
    approvals: approvedPlan.approvals,
    opened: answer.opened.operation.id,
  });
  const auditRecordOf = auditRecordBuilder(
    context,
    'operation.approved',
    reason,
    deps,
    planOperation,
  );
  const { body, status } = await commitOpened(answer, deps.engine, auditRecordOf, [document]);
  return context.json(body, status);
}

/**
 * Opens the cleanup that carries out the approved plan of a project. Refuses if the project was
 * enabled or renamed after the plan was made. To delete an enabled project without a plan, the
 * operator must type its name as a confirmation. Here the digest that the approver typed replaces
 * the name.
 */
async function openApprovedCleanup(
  { id, scope, request: planRequest }: Operation,
  plan: ApprovedPlan,
  approval: { readonly by: string; readonly reason: string; readonly window: RequestedWindow },
  deps: ApiDeps,
): Promise<RequestAnswer> {
  if (scope.type !== 'project') return refusedAnswer(`a ${scope.type} has no plan`);
  const keystoneState = await deps.cloud.keystone.show('project', scope.id);
  const planAgainAdvice = `Plan again: propagator project plan ${scope.id}`;
  if (
    keystoneState.kind === 'present' &&
    keystoneState.account.enabled &&
    planRequest?.enabled === false
  )
    return refusedAnswer(
      `the project was disabled when ${id} was made, and it is enabled now`,
      planAgainAdvice,
    );
  if (keystoneState.kind === 'present' && keystoneState.account.name !== scope.name)
    return refusedAnswer(`the project was renamed after ${id} was made`, planAgainAdvice);
  const input = { ...approval, project: scope.id, name: scope.name, plan };
  return openRequestedCleanup(input, deps);
}
