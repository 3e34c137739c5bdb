import type { Context, Hono } from 'hono';
import * as z from 'zod';
import { type OperationId, ProjectId } from '../../events/ids.ts';
import { describeCauses } from '../account/causes.ts';
import type { AuditRecord } from '../audit/entry.ts';
import { lifecycleStep } from '../handlers/lifecycle.ts';
import {
  type SuspensionHold,
  suspensionHoldDocument,
  suspensionHoldOf,
} from '../handlers/suspension-holds.ts';
import { openLifecycle } from '../operation/lifecycle.ts';
import type { LifecycleAction } from '../operation/model.ts';
import { decideChange } from '../policy/decide.ts';
import { NO_POLICY, PROJECT_CHANGES } from '../policy/schema.ts';
import { lossesOf } from '../policy/suspend-options.ts';
import { protectedBecause } from '../task/safety-rules.ts';
import { auditRecord } from './audit.ts';
import { callerOf } from './authentication.ts';
import { readJson, reasonText, refusedCallerName } from './body.ts';
import type { ApiDeps } from './deps.ts';
import { problemBody } from './problem.ts';
import {
  CHANGED_PROBLEM,
  notThere,
  type PresentProject,
  projectState,
  requestedInput,
  scopeOf,
} from './project-request.ts';

export const ProjectRequest = z.strictObject({ reason: reasonText, by: refusedCallerName });
/** A request to suspend or resume a project. */
interface LifecycleRequest {
  readonly context: Context;
  readonly state: PresentProject;
  readonly decision: { readonly by: string; readonly reason: string };
  /** The hold before the request. */
  readonly hold: SuspensionHold | undefined;
  /** The document that sets or removes the hold; `undefined`: the hold does not change. */
  readonly document: ReturnType<typeof suspensionHoldDocument> | undefined;
}

/**
 * Routes that suspend and resume a project, and that show the decisions of the policy for a
 * project.
 */
export function projectRoutes(app: Hono, deps: ApiDeps): void {
  const { engine } = deps;

  app.get('/v1/projects/:id/policy', async (context) => {
    const id = ProjectId.parse(context.req.param('id'));
    const state = await projectState(id, deps);
    if (state.kind !== 'present') return context.json(problemBody('project', notThere(state)), 404);
    const policy = deps.policy ?? NO_POLICY;
    return context.json({
      facts: state.facts,
      state: describeCauses(state.suspensionCauses),
      mode: deps.mode,
      suspend: policy.suspend,
      losses: lossesOf(policy.suspend),
      changes: Object.fromEntries(
        PROJECT_CHANGES.map((change) => [change, decideChange(policy, change, state.facts)]),
      ),
    });
  });

  app.post('/v1/projects/:id/suspend', async (context) => {
    const id = ProjectId.parse(context.req.param('id'));
    const decision = { ...(await readJson(context, ProjectRequest)), by: callerOf(context) };
    const [state, hold, protection] = await Promise.all([
      projectState(id, deps),
      suspensionHoldOf(id, engine.reads),
      deps.protection(),
    ]);
    if (state.kind !== 'present') return context.json(problemBody('refused', notThere(state)), 409);
    const scope = scopeOf(state);
    const because = protectedBecause(scope, protection);
    if (because) return context.json(problemBody('refused', `it is protected: ${because}`), 409);
    if (hold)
      return context.json(
        problemBody(
          'refused',
          `${hold.by} already keeps the project suspended: ${hold.reason}`,
          `To resume it: propagator project resume ${id} --reason "…"`,
        ),
        409,
      );
    const document = suspensionHoldDocument(id, 0, {
      by: decision.by,
      reason: decision.reason,
      at: deps.now(),
    });
    return openedResponse(
      await openAndCommit('suspend', { context, state, decision, document, hold }),
    );
  });

  app.post('/v1/projects/:id/resume', async (context) => {
    const id = ProjectId.parse(context.req.param('id'));
    const decision = { ...(await readJson(context, ProjectRequest)), by: callerOf(context) };
    const [state, hold] = await Promise.all([
      projectState(id, deps),
      suspensionHoldOf(id, engine.reads),
    ]);
    if (state.kind !== 'present') return context.json(problemBody('refused', notThere(state)), 409);
    const otherCauses = state.suspensionCauses.filter(({ kind }) => kind !== 'operator-hold');
    if (!hold && otherCauses.length > 0)
      return context.json(
        problemBody(
          'refused',
          `no operator keeps the project suspended; ${describeCauses(otherCauses)}`,
          resumeAdvice(otherCauses),
        ),
        409,
      );
    const document = hold && suspensionHoldDocument(id, hold.version, undefined);
    if (otherCauses.length > 0 && document) {
      const audit = [auditOf('resume', { context, state, decision, document, hold }, undefined)];
      if ((await engine.commit({ documents: [document], audit })) === 'conflict') return conflict();
      return Response.json({ opened: null, because: describeCauses(otherCauses) }, { status: 202 });
    }
    return openedResponse(
      await openAndCommit('resume', { context, state, decision, document, hold }),
    );
  });

  /** Opens the suspend or resume. Commits it with the hold and the audit record. */
  async function openAndCommit(action: LifecycleAction, request: LifecycleRequest) {
    const { state, decision, document } = request;
    const input = await requestedInput(action, scopeOf(state), decision, deps);
    const opened = openLifecycle({ ...input, action });
    const { operations, messages } = lifecycleStep(opened);
    const outcome = await engine.commit({
      documents: document ? [document] : [],
      operations,
      messages,
      audit: [auditOf(action, request, opened?.opened?.id)],
    });
    return outcome === 'conflict' ? outcome : { opened: opened?.opened?.id ?? null };
  }

  function auditOf(
    action: LifecycleAction,
    { context, state, decision, document, hold }: LifecycleRequest,
    opened: OperationId | undefined,
  ): AuditRecord {
    const { id, name, domainId } = state.facts;
    return auditRecord(context, deps.now(), {
      what: action === 'suspend' ? 'project.suspended' : 'project.resumed',
      target: { type: 'project', id, name, operations: opened ? [opened] : [] },
      reason: decision.reason,
      before: { hold: hold ?? null, state: describeCauses(state.suspensionCauses), domainId },
      after: { hold: document?.value ?? null, opened: opened ?? null },
    });
  }
}

const openedResponse = (opened: 'conflict' | { opened: string | null }): Response =>
  opened === 'conflict'
    ? conflict()
    : Response.json(
        opened.opened === null
          ? {
              ...opened,
              because: 'the suspension changed nothing, so there is nothing to resume',
            }
          : opened,
        { status: 202 },
      );

const conflict = (): Response => Response.json(CHANGED_PROBLEM, { status: 409 });

/** Returns how an operator ends the causes that still suspend a project. */
function resumeAdvice(causes: PresentProject['suspensionCauses']): string {
  const deletion = causes.find(({ kind }) => kind === 'pending-deletion');
  return deletion?.kind === 'pending-deletion'
    ? `Cancel the deletion: propagator operation cancel ${deletion.operationId} --reason "…"`
    : 'Enable the project in Keystone. The propagator then resumes it.';
}
