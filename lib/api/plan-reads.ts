import * as z from 'zod';
import type { OperationId } from '../../events/ids.ts';
import type { Engine } from '../engine/port.ts';
import { plansOfProjects } from '../handlers/domain-plan.ts';
import { readPlan } from '../handlers/plan-store.ts';
import { readRates } from '../handlers/rates.ts';
import type { ApprovalRules, StoredApprovals } from '../operation/approval.ts';
import { domainPlanOf } from '../operation/domain-plan-view.ts';
import { type Estimate, estimateOf } from '../operation/estimate.ts';
import type { Operation } from '../operation/model.ts';
import { type Plan, type PlanPage, planOf } from '../operation/plan.ts';
import type { ApiDeps } from './deps.ts';
import type { RequestedWindow } from './recovery-window.ts';

/** The default of `ApiDeps.approvalRules`. */
export const DEFAULT_APPROVAL_RULES: ApprovalRules = {
  twoApprovers: { domain: false, resources: undefined, tags: [] },
  drift: { resources: 10, percent: 5 },
};

const ApprovalsDocument = z.looseObject({
  approvals: z.array(z.looseObject({ by: z.string(), at: z.number() })),
  opened: z.string().optional(),
  recoverForSeconds: z.number().optional(),
  remindBeforeSeconds: z.array(z.number()).optional(),
});

/**
 * Reads a plan with its pages and its estimate. For the plan of a domain, `plans` has the plans of
 * its projects, and `pages` includes their pages.
 */
export async function readPlanWithPages(
  operation: Operation,
  engine: Engine,
): Promise<{ plan: Plan; pages: PlanPage[]; plans: readonly Plan[]; estimate: Estimate }> {
  if (operation.scope.type === 'domain') {
    const ownPages = await readPlan(operation.id, engine.reads);
    const { plans, pages, estimate } = await plansOfProjects(operation, engine);
    const plan = domainPlanOf(operation, ownPages, plans);
    return { plan, pages: [...ownPages, ...pages], plans, estimate };
  }
  const [tasks, pages, rates] = await Promise.all([
    engine.reads.tasks(operation.id),
    readPlan(operation.id, engine.reads),
    readRates(engine),
  ]);
  const estimate = estimateOf(operation, tasks, rates);
  return { plan: planOf(operation, tasks, pages), pages, plans: [], estimate };
}

/** Returns the stored approvals of a plan, with the key and the version of their document. */
export async function readApprovals(plan: OperationId, engine: Engine) {
  const [stored] = await engine.reads.documents('approval', plan, 'approvals');
  const value: StoredApprovals & RequestedWindow = stored
    ? { opened: undefined, ...ApprovalsDocument.parse(stored.value) }
    : { approvals: [], opened: undefined };
  const key = { collection: 'approval', partition: plan, id: 'approvals' } as const;
  return { key, version: stored?.version ?? 0, value };
}

/**
 * Returns the tags of the project, or of the projects of the domain. They come from Keystone,
 * because a tag may have been added after the plan was made.
 */
export async function tagsOf(
  { scope }: Operation,
  { cloud }: Pick<ApiDeps, 'cloud'>,
): Promise<readonly string[]> {
  if (scope.type === 'domain') {
    const projects = await cloud.keystone.projects(scope.id);
    return projects.flatMap((account) => (account.type === 'project' ? (account.tags ?? []) : []));
  }
  if (scope.type !== 'project') return [];
  const state = await cloud.keystone.show('project', scope.id);
  return state.kind === 'present' && state.account.type === 'project'
    ? (state.account.tags ?? [])
    : [];
}
