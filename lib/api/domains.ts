import type { Context, Hono } from 'hono';
import type { Account } from '../../events/account.ts';
import { DomainId } from '../../events/ids.ts';
import { projectsToPlan, storeDomainContents } from '../handlers/domain-plan.ts';
import type { ApprovalRules } from '../operation/approval.ts';
import { openDomainPlan } from '../operation/domain-plan.ts';
import { type DomainScope, openDomainRequest } from '../operation/domain-request.ts';
import { allowedDrift } from '../operation/drift.ts';
import type { ApprovedPlan, DomainPlanEntry, Operation } from '../operation/model.ts';
import { plansOf } from '../operation/open-plan.ts';
import { cleanupsOf } from '../operation/operation-history.ts';
import type { Plan } from '../operation/plan.ts';
import type { RequestAnswer } from '../operation/request.ts';
import { protectedBecause } from '../task/safety-rules.ts';
import { auditRecordBuilder } from './audit-operation.ts';
import { callerOf } from './authentication.ts';
import { readJson } from './body.ts';
import type { ApiDeps } from './deps.ts';
import { refusedAnswer } from './open-operation.ts';
import { DomainQuery, PlanBody } from './plan-schemas.ts';
import { answerRefused, problemBody } from './problem.ts';
import { type RequestedWindow, recoveryWindowOf } from './recovery-window.ts';

/** Routes that list domains, and that plan the deletion of a whole domain. */
export function domainRoutes(app: Hono, deps: ApiDeps): void {
  app.get('/v1/domains', async (context) => {
    const { name, limit } = DomainQuery.parse(context.req.query());
    const domains = (await deps.engine.reads.accounts('domain'))
      .filter(({ deletedAt }) => deletedAt === undefined)
      .map(({ account }) => ({ id: account.id, name: account.name }))
      .filter((domain) => name === undefined || domain.name === name)
      .slice(0, limit);
    return context.json({ domains });
  });
  app.post('/v1/domains/:id/plan', (context) => planDomain(context, deps));
}

async function planDomain(context: Context, deps: ApiDeps): Promise<Response> {
  const { engine, cloud } = deps;
  const id = DomainId.parse(context.req.param('id'));
  const planRequest = { ...(await readJson(context, PlanBody)), by: callerOf(context) };
  const domain = await fetchDomain(id, deps);
  if ('because' in domain) return answerRefused(context, domain.because);
  const because = protectedBecause(domain.scope, await deps.protection());
  if (because) return answerRefused(context, `the domain is protected: ${because}`);
  const [contents, projects, operations] = await Promise.all([
    cloud.domainAdmin.contents(id),
    projectsToPlan(id, deps),
    engine.reads.operationsAbout('domain', id),
  ]);
  const answer = openDomainPlan({
    ...planRequest,
    ...domain,
    projects,
    keystoneCheck: contents.check,
    plans: plansOf(operations),
    now: deps.now(),
  });
  if (answer.kind === 'refused') return answerRefused(context, answer.because, answer.advice);
  const { operation } = answer.opened;
  // The contents of the domain are stored before the operation. Otherwise the API could show an
  // incomplete plan.
  await storeDomainContents(operation, contents, engine);
  const openedPlans = [answer.opened, ...answer.projects];
  const auditRecordOf = auditRecordBuilder(context, 'plan.requested', planRequest.reason, deps);
  const outcome = await engine.commit({
    operations: openedPlans.map((one) => one.operation),
    messages: openedPlans.flatMap(({ messages }) => messages),
    audit: [auditRecordOf(operation, undefined)],
  });
  return outcome === 'conflict'
    ? context.json(PLANNED_MEANWHILE_PROBLEM, 409)
    : context.json({ opened: operation.id, unknown: answer.unknown }, 202);
}

const PLANNED_MEANWHILE_PROBLEM = problemBody(
  'conflict',
  'another request planned this domain or one of its projects at the same time; try again',
);

/** A domain as Keystone shows it. */
interface PresentDomain {
  readonly scope: DomainScope;
  readonly enabled: boolean;
}

/** Returns the domain as Keystone shows it, or the reason why it cannot be planned. */
async function fetchDomain(
  id: DomainId,
  { cloud }: Pick<ApiDeps, 'cloud'>,
): Promise<PresentDomain | { readonly because: string }> {
  const state = await cloud.keystone.show('domain', id);
  if (state.kind === 'other')
    return { because: `Keystone returned the id ${state.id}; use this spelling` };
  if (state.kind === 'absent') return { because: 'Keystone has no domain with this id' };
  const { name, enabled } = state.account;
  return { scope: { type: 'domain', id, ...(name === undefined ? {} : { name }) }, enabled };
}

/** Returns the first change of the domain itself since its plan was made, or `undefined`. */
function domainChangeText(
  { id, scope, request }: Operation,
  domain: PresentDomain,
): string | undefined {
  if (domain.scope.name !== scope.name) return `the domain was renamed after ${id} was made`;
  return domain.enabled && request?.enabled === false
    ? `the domain was disabled when ${id} was made, and it is enabled now`
    : undefined;
}

/** Returns the first change of the domain's projects since the plan was made, or `undefined`. */
function projectsChangeText(
  { id, projects: plannedProjects = [] }: Operation,
  accounts: readonly Account[],
): string | undefined {
  const projects = accounts.flatMap((account) => (account.type === 'project' ? [account] : []));
  const plannedProjectById = new Map(plannedProjects.map((project) => [project.id, project]));
  const addedProject = projects.find((project) => !plannedProjectById.has(project.id));
  if (addedProject)
    return (
      `the domain has the project ${addedProject.name ?? addedProject.id}, which ${id} does not ` +
      'list'
    );
  const renamedProject = projects.find(
    ({ id: projectId, name }) => plannedProjectById.get(projectId)?.name !== name,
  );
  if (renamedProject)
    return (
      `the project ${renamedProject.id} was renamed after ${id} was made: its name is ` +
      `${renamedProject.name ?? 'empty'} now`
    );
  const enabledProject = projects.find(
    (project) => project.enabled && plannedProjectById.get(project.id)?.enabled === false,
  );
  return (
    enabledProject &&
    `the project ${enabledProject.name ?? enabledProject.id} was disabled when ${id} was made, ` +
      'and it is enabled now'
  );
}

/**
 * The last approval that a domain plan needs, with the rules and the recovery window that apply.
 */
interface DomainApproval {
  readonly by: string;
  readonly reason: string;
  readonly rules: ApprovalRules;
  readonly window: RequestedWindow;
}

/**
 * Opens the deletion of a domain whose plan is approved. `planned`: the operation that made the
 * plan. `projectPlans`: the plans of the projects in the domain; the deletion of each project is
 * bound to its plan. Refuses if the domain or its projects have changed since the plan was made.
 */
export async function openApprovedDomainDeletion(
  planned: Operation,
  projectPlans: readonly Plan[],
  approvedPlan: ApprovedPlan,
  { by, reason, rules, window }: DomainApproval,
  deps: ApiDeps,
): Promise<RequestAnswer> {
  const id = DomainId.parse(planned.scope.id);
  const domain = await fetchDomain(id, deps);
  if ('because' in domain) return refusedAnswer(domain.because);
  const { scope, enabled } = domain;
  const change =
    domainChangeText(planned, domain) ??
    projectsChangeText(planned, await deps.cloud.keystone.projects(id));
  if (change !== undefined)
    return refusedAnswer(change, `Plan again: propagator domain plan ${id}`);
  const [allOperations, protection, { check }] = await Promise.all([
    deps.engine.reads.operationsAbout('domain', id),
    deps.protection(),
    deps.cloud.domainAdmin.contents(id),
  ]);
  return openDomainRequest({
    scope,
    by,
    reason,
    enabled,
    projects: withApprovedPlans(planned.projects ?? [], projectPlans, approvedPlan, rules),
    plan: approvedPlan,
    keystoneCheck: check,
    cleanups: cleanupsOf(allOperations),
    allOperations,
    window: await recoveryWindowOf({ ...scope, enabled }, window, deps),
    mode: deps.mode,
    now: deps.now(),
    protectedBecause: protectedBecause(scope, protection),
  });
}

/**
 * Returns the projects of a domain, each bound to its own plan. The approval of the domain plan
 * also approves the plans of the projects.
 */
const withApprovedPlans = (
  plannedProjects: readonly DomainPlanEntry[],
  projectPlans: readonly Plan[],
  { approvals }: ApprovedPlan,
  { drift }: ApprovalRules,
): DomainPlanEntry[] =>
  plannedProjects.map((project) => {
    const plan = projectPlans.find(({ id }) => id === project.planId);
    if (!plan?.digest) return project;
    const projectDrift = allowedDrift(drift, plan.resources);
    return {
      ...project,
      plan: { of: plan.id, digest: plan.digest, allowedDrift: projectDrift, approvals },
    };
  });
