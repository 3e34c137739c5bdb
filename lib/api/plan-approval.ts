import type { Hono } from 'hono';
import * as z from 'zod';
import { OperationId } from '../../events/ids.ts';
import { type ApprovalAnswer, decideApproval } from '../operation/approval.ts';
import type { Operation } from '../operation/model.ts';
import { auditRecord } from './audit.ts';
import { openedRecord, targetOf } from './audit-operation.ts';
import { callerOf } from './authentication.ts';
import { readJson, reasonText, refusedCallerName } from './body.ts';
import type { ApiDeps } from './deps.ts';
import { carryOutDomain } from './domains.ts';
import { commitOpened, request } from './open-operation.ts';
import { DEFAULT_APPROVAL_RULES, readWhole, storedApprovals, tagsOf } from './plan-reads.ts';
import { noOperation, problem } from './problem.ts';
import { type RequestedWindow, windowFields } from './recovery-window.ts';

const reason = reasonText;

const Digest = z.string().regex(/^[0-9a-f]{64}$/, 'must be the 64 hexadecimal digits of a plan');

export const ApproveRequest = z.strictObject({
  digest: Digest,
  reason: reason.optional(),
  by: refusedCallerName,
  ...windowFields,
});

/**
 * Returns the longer window of two approvers, because the second approval must not shorten the
 * window of the first.
 */
function longest(stored: RequestedWindow, requested: RequestedWindow): RequestedWindow {
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
    const { digest, reason: why, ...requestedWindow } = await readJson(context, ApproveRequest);
    const by = callerOf(context);
    const operation = await engine.reads.operation(id);
    if (!operation) return context.json(noOperation(), 404);
    if (deps.mode === 'observe')
      return context.json(
        problem(
          'refused',
          'the mode is observe, so nothing can be carried out',
          'Start the propagator with PROPAGATOR_MODE=enforce.',
        ),
        409,
      );
    const { plan, plans } = await readWhole(operation, engine);
    const stored = await storedApprovals(id, engine);
    const tags = await tagsOf(operation, deps);
    const now = deps.now();
    const input = { operation, plan, stored: stored.value, by, digest, tags, rules, now };
    const answer = decideApproval(input);
    if (answer.kind === 'refused')
      return context.json(problem('refused', answer.because, answer.advice), 409);
    const window = longest(stored.value, requestedWindow);
    const document = (value: object) => ({ ...stored.key, version: stored.version, value });
    if (answer.kind === 'recorded') {
      const documents = [document({ approvals: answer.approvals, ...window })];
      const audited = {
        what: 'operation.approved',
        target: targetOf(operation),
        reason: why,
        before: stored.value,
        after: { digest, approvals: answer.approvals },
      } as const;
      const audit = [auditRecord(context, now, audited)];
      if ((await engine.commit({ documents, audit })) === 'conflict')
        return context.json(problem('conflict', 'another approval came at the same time'), 409);
      return context.json({ approved: id, waitsFor: answer.because }, 202);
    }
    const reasonOf = why ?? operation.request?.reason ?? '';
    const opened =
      operation.scope.type === 'domain'
        ? await carryOutDomain(
            operation,
            plans,
            answer.plan,
            { by, reason: reasonOf, rules, window },
            deps,
          )
        : await carryOut(operation, answer, { reason: reasonOf, by, window }, deps);
    if (opened.kind === 'refused')
      return context.json(problem('refused', opened.because, opened.advice), 409);
    const documents = [
      document({
        approvals: answer.plan.approvals,
        opened: opened.opened.operation.id,
      }),
    ];
    const audited = openedRecord(context, 'operation.approved', reasonOf, deps, operation);
    const { body, status } = await commitOpened(opened, engine, audited, documents);
    return context.json(body, status);
  });
}

/**
 * Opens the cleanup of an approved plan. The digest replaces the name that confirms an enabled
 * project.
 */
async function carryOut(
  { id, scope, request: planned }: Operation,
  { plan }: Extract<ApprovalAnswer, { kind: 'approved' }>,
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
  return request(input, deps);
}
