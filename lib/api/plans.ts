import type { Context, Hono } from 'hono';
import { OperationId, ProjectId } from '../../events/ids.ts';
import type { KeystoneState } from '../account/keystone.ts';
import { whyTwoApprovals } from '../operation/approval.ts';
import { allowedDrift } from '../operation/drift.ts';
import { openPlan, plansOf } from '../operation/open-plan.ts';
import { projectScope } from '../operation/scope.ts';
import { protectedBecause } from '../task/safety-rules.ts';
import { auditRecordBuilder } from './audit-operation.ts';
import { callerOf } from './authentication.ts';
import { readJson } from './body.ts';
import type { ApiDeps } from './deps.ts';
import { inventoryProjects, ProjectQuery } from './inventory-projects.ts';
import { commitOpened } from './open-operation.ts';
import { approvalRoute } from './plan-approval.ts';
import { DEFAULT_APPROVAL_RULES, readApprovals, readPlanWithPages, tagsOf } from './plan-reads.ts';
import { PlanBody } from './plan-schemas.ts';
import { answerRefused, problemBody } from './problem.ts';

/** Routes that plan the deletion of a project, show a plan, and approve it. */
export function planRoutes(app: Hono, deps: ApiDeps): void {
  app.get('/v1/projects', async (context) => {
    const query = ProjectQuery.parse(context.req.query());
    return context.json({ projects: await inventoryProjects(query, deps) });
  });
  app.post('/v1/projects/:id/plan', (context) => planProject(context, deps));
  app.get('/v1/operations/:id/plan', (context) => answerPlan(context, deps));
  approvalRoute(app, deps);
}

async function planProject(context: Context, deps: ApiDeps): Promise<Response> {
  const { engine, cloud } = deps;
  const id = ProjectId.parse(context.req.param('id'));
  const planRequest = { ...(await readJson(context, PlanBody)), by: callerOf(context) };
  const [keystoneState, operations, protection] = await Promise.all([
    cloud.keystone.show('project', id),
    engine.reads.operationsAbout('project', id),
    deps.protection(),
  ]);
  if (keystoneState.kind !== 'present' || keystoneState.account.type !== 'project')
    return answerRefused(context, whyNoProject(id, keystoneState));
  const { account } = keystoneState;
  const scope = projectScope(account, undefined);
  const answer = openPlan({
    ...planRequest,
    scope,
    enabled: account.enabled ?? true,
    keystoneCheck: await cloud.projectAdmin.checkDeletion(id, { readOnly: true }),
    plans: plansOf(operations),
    now: deps.now(),
    protectedBecause: protectedBecause(scope, protection),
  });
  const auditRecordOf = auditRecordBuilder(context, 'plan.requested', planRequest.reason, deps);
  const { body, status } = await commitOpened(answer, engine, auditRecordOf);
  return context.json(body, status);
}

async function answerPlan(context: Context, deps: ApiDeps): Promise<Response> {
  const { engine } = deps;
  const operation = await engine.reads.operation(OperationId.parse(context.req.param('id')));
  if (operation?.action !== 'plan')
    return context.json(
      problemBody(
        'plan',
        'there is no plan with this id',
        'List the operations: propagator operation list',
      ),
      404,
    );
  const rules = deps.approvalRules ?? DEFAULT_APPROVAL_RULES;
  const { plan, pages, estimate } = await readPlanWithPages(operation, engine);
  const { approvals, opened } = (await readApprovals(operation.id, engine)).value;
  const twoBecause = whyTwoApprovals(plan, await tagsOf(operation, deps), rules.twoApprovers);
  return context.json({
    ...plan,
    estimate,
    allowedDrift: allowedDrift(rules.drift, plan.resources),
    approvals,
    approvalsNeeded: twoBecause === undefined ? 1 : 2,
    ...(twoBecause === undefined ? {} : { twoBecause }),
    ...(opened === undefined ? {} : { carriedOutBy: opened }),
    ...(context.req.query('resources') === 'true' ? { pages } : {}),
  });
}

function whyNoProject(id: ProjectId, state: KeystoneState): string {
  if (state.kind === 'other') return `Keystone returned the id ${state.id}; use this spelling`;
  return state.kind === 'present'
    ? `${id} is the id of a ${state.account.type}, not of a project`
    : 'Keystone has no project with this id';
}
