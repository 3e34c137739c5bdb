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
import { openLifecycle, whyNotOpened } from '../operation/lifecycle.ts';
import type { SuspendOrResume } from '../operation/model.ts';
import { decideChange } from '../policy/decide.ts';
import { NO_POLICY, PROJECT_CHANGES } from '../policy/schema.ts';
import { optionsWithLoss } from '../policy/suspend-options.ts';
import { protectedBecause } from '../task/safety-rules.ts';
import { auditRecord } from './audit.ts';
import { callerOf } from './authentication.ts';
import { callerNotAllowedInBody, readJson, reasonText } from './body.ts';
import type { ApiDeps } from './deps.ts';
import { answerRefused, problemBody } from './problem.ts';
import {
  operationInputOf,
  PROJECT_CHANGED_PROBLEM,
  type PresentProject,
  readProjectState,
  scopeOfProject,
  whyNotPresent,
} from './project-request.ts';

/** The body of a request to suspend or resume a project. */
export const SuspendResumeBody = z.strictObject({ reason: reasonText, by: callerNotAllowedInBody });

/** A request to suspend or resume a project that Keystone shows. */
interface SuspendResumeRequest {
  readonly context: Context;
  readonly project: PresentProject;
  readonly decision: { readonly by: string; readonly reason: string };
  /** The hold before the request. */
  readonly holdBefore: SuspensionHold | undefined;
  /** The document that sets or removes the hold; `undefined`: the hold does not change. */
  readonly holdDocument: ReturnType<typeof suspensionHoldDocument> | undefined;
}

/**
 * Routes that suspend and resume a project, and that show the decisions of the policy for a
 * project.
 */
export function projectRoutes(app: Hono, deps: ApiDeps): void {
  app.get('/v1/projects/:id/policy', (context) => answerPolicy(context, deps));
  app.post('/v1/projects/:id/suspend', (context) => suspendProject(context, deps));
  app.post('/v1/projects/:id/resume', (context) => resumeProject(context, deps));
}

async function answerPolicy(context: Context, deps: ApiDeps): Promise<Response> {
  const id = ProjectId.parse(context.req.param('id'));
  const project = await readProjectState(id, deps);
  if (project.kind !== 'present')
    return context.json(problemBody('project', whyNotPresent(project)), 404);
  const policy = deps.policy ?? NO_POLICY;
  return context.json({
    facts: project.facts,
    state: describeCauses(project.suspensionCauses),
    mode: deps.mode,
    suspend: policy.suspend,
    losses: optionsWithLoss(policy.suspend),
    changes: Object.fromEntries(
      PROJECT_CHANGES.map((change) => [change, decideChange(policy, change, project.facts)]),
    ),
  });
}

async function suspendProject(context: Context, deps: ApiDeps): Promise<Response> {
  const id = ProjectId.parse(context.req.param('id'));
  const { reason } = await readJson(context, SuspendResumeBody);
  const by = callerOf(context);
  const [project, holdBefore, protection] = await Promise.all([
    readProjectState(id, deps),
    suspensionHoldOf(id, deps.engine.reads),
    deps.protection(),
  ]);
  if (project.kind !== 'present') return answerRefused(context, whyNotPresent(project));
  const because = protectedBecause(scopeOfProject(project), protection);
  if (because) return answerRefused(context, `the project is protected: ${because}`);
  if (holdBefore)
    return answerRefused(
      context,
      `${holdBefore.by} already keeps the project suspended: ${holdBefore.reason}`,
      `To resume it: propagator project resume ${id} --reason "…"`,
    );
  const holdDocument = suspensionHoldDocument(id, 0, { by, reason, at: deps.now() });
  const request = { context, project, decision: { by, reason }, holdBefore, holdDocument };
  return openSuspendOrResume('suspend', request, deps);
}

async function resumeProject(context: Context, deps: ApiDeps): Promise<Response> {
  const id = ProjectId.parse(context.req.param('id'));
  const { reason } = await readJson(context, SuspendResumeBody);
  const by = callerOf(context);
  const [project, hold] = await Promise.all([
    readProjectState(id, deps),
    suspensionHoldOf(id, deps.engine.reads),
  ]);
  if (project.kind !== 'present') return answerRefused(context, whyNotPresent(project));
  const otherCauses = project.suspensionCauses.filter(({ kind }) => kind !== 'operator-hold');
  if (!hold && otherCauses.length > 0)
    return answerRefused(
      context,
      `no operator keeps the project suspended; ${describeCauses(otherCauses)}`,
      resumeAdvice(otherCauses),
    );
  const holdDocument = hold && suspensionHoldDocument(id, hold.version, undefined);
  const decision = { by, reason };
  const request = { context, project, decision, holdBefore: hold, holdDocument };
  return otherCauses.length > 0
    ? endHoldOnly(request, otherCauses, deps)
    : openSuspendOrResume('resume', request, deps);
}

/** Ends the hold of the operator. The project stays suspended because of `otherCauses`. */
async function endHoldOnly(
  request: SuspendResumeRequest,
  otherCauses: PresentProject['suspensionCauses'],
  { engine, now }: ApiDeps,
): Promise<Response> {
  const { context, holdDocument } = request;
  const outcome = await engine.commit({
    documents: holdDocument ? [holdDocument] : [],
    audit: [suspendResumeAuditRecord('resume', request, undefined, now())],
  });
  return outcome === 'conflict'
    ? context.json(PROJECT_CHANGED_PROBLEM, 409)
    : context.json({ opened: null, because: describeCauses(otherCauses) }, 202);
}

/** Opens the suspend or resume. Commits it with the hold and the audit record. */
async function openSuspendOrResume(
  action: SuspendOrResume,
  request: SuspendResumeRequest,
  deps: ApiDeps,
): Promise<Response> {
  const { context, project, decision, holdDocument } = request;
  const input = await operationInputOf(action, scopeOfProject(project), decision, deps);
  const lifecycleInput = { ...input, action };
  const lifecycle = openLifecycle(lifecycleInput);
  const openedId = lifecycle?.opened?.id;
  const { operations, messages } = lifecycleStep(lifecycle);
  const outcome = await deps.engine.commit({
    documents: holdDocument ? [holdDocument] : [],
    operations,
    messages,
    audit: [suspendResumeAuditRecord(action, request, openedId, deps.now())],
  });
  if (outcome === 'conflict') return context.json(PROJECT_CHANGED_PROBLEM, 409);
  if (openedId !== undefined) return context.json({ opened: openedId }, 202);
  return context.json({ opened: null, because: whyNotOpened(lifecycleInput) }, 202);
}

function suspendResumeAuditRecord(
  action: SuspendOrResume,
  { context, project, decision, holdBefore, holdDocument }: SuspendResumeRequest,
  openedId: OperationId | undefined,
  now: number,
): AuditRecord {
  const { id, name, domainId } = project.facts;
  return auditRecord(context, now, {
    what: action === 'suspend' ? 'project.suspended' : 'project.resumed',
    target: { type: 'project', id, name, operations: openedId ? [openedId] : [] },
    reason: decision.reason,
    before: {
      hold: holdBefore ?? null,
      state: describeCauses(project.suspensionCauses),
      domainId,
    },
    after: { hold: holdDocument?.value ?? null, opened: openedId ?? null },
  });
}

/** Returns how an operator ends the causes that still suspend a project. */
function resumeAdvice(causes: PresentProject['suspensionCauses']): string {
  const deletion = causes.find(({ kind }) => kind === 'pending-deletion');
  return deletion?.kind === 'pending-deletion'
    ? `Cancel the deletion: propagator operation cancel ${deletion.operationId} --reason "…"`
    : 'Enable the project in Keystone. The propagator then resumes it.';
}
