import type { Hono } from 'hono';
import * as z from 'zod';
import { OperationId, ProjectId } from '../../events/ids.ts';
import type { AccountRecord } from '../account/inventory.ts';
import { plansOfProjects } from '../handlers/domain-plan.ts';
import { readPlan } from '../handlers/plan-store.ts';
import { readRates } from '../handlers/rates.ts';
import {
  type ApprovalAnswer,
  type ApprovalRules,
  type Approvals,
  decideApproval,
  whyTwoApprovals,
} from '../operation/approval.ts';
import { domainPlanOf } from '../operation/domain-plan-view.ts';
import { type Estimate, estimateOf } from '../operation/estimate.ts';
import type { Operation } from '../operation/model.ts';
import { openPlan, plansOf } from '../operation/open-plan.ts';
import { allowedDrift, type Plan, type PlanPage, planOf } from '../operation/plan.ts';
import { projectScope } from '../operation/scope.ts';
import { protectedBecause } from '../task/safety-rules.ts';
import { auditRecord } from './audit.ts';
import { openedRecord, targetOf } from './audit-operation.ts';
import { callerOf } from './authentication.ts';
import { readJson, reasonText, refusedCallerName, typedText } from './body.ts';
import type { ApiDeps } from './deps.ts';
import { carryOutDomain } from './domains.ts';
import { Limit } from './limit.ts';
import { commitOpened, request } from './open-operation.ts';
import { PlanRequest } from './plan-schemas.ts';
import { noOperation, problem } from './problem.ts';
import { type AskedWindow, windowFields } from './recovery-window.ts';

/** The default of `ApiDeps.approvalRules`. */
export const DEFAULT_APPROVAL_RULES: ApprovalRules = {
  twoApprovers: { domain: false, resources: undefined, tags: [] },
  drift: { resources: 10, percent: 5 },
};

const reason = reasonText;
const Digest = z.string().regex(/^[0-9a-f]{64}$/, 'must be the 64 hexadecimal digits of a plan');
export const ApproveRequest = z.strictObject({
  digest: Digest,
  reason: reason.optional(),
  by: refusedCallerName,
  ...windowFields,
});
export const ProjectQuery = z.strictObject({
  name: typedText(255).optional(),
  domain: typedText(255).optional(),
  limit: Limit,
});
const StoredApprovals = z.looseObject({
  approvals: z.array(z.looseObject({ by: z.string(), at: z.number() })),
  opened: z.string().optional(),
  recoverForSeconds: z.number().optional(),
  remindBeforeSeconds: z.array(z.number()).optional(),
});

/** Routes that plan the deletion of a project, show a plan, and approve it. */
export function planRoutes(app: Hono, deps: ApiDeps): void {
  const { engine } = deps;
  const rules = deps.approvalRules ?? DEFAULT_APPROVAL_RULES;

  app.get('/v1/projects', async (context) => {
    const query = ProjectQuery.parse(context.req.query());
    return context.json({ projects: await knownProjects(query, deps) });
  });

  app.post('/v1/projects/:id/plan', async (context) => {
    const id = ProjectId.parse(context.req.param('id'));
    const asked = { ...(await readJson(context, PlanRequest)), by: callerOf(context) };
    const [shown, existing, protection] = await Promise.all([
      deps.cloud.keystone.show('project', id),
      engine.reads.operationsAbout('project', id),
      deps.protection(),
    ]);
    if (shown.kind !== 'present' || shown.account.type !== 'project') {
      const because =
        shown.kind === 'other'
          ? `Keystone returned the id ${shown.id}; use this spelling`
          : shown.kind === 'present'
            ? `${id} is the id of a ${shown.account.type}, not of a project`
            : 'Keystone has no project with this id';
      return context.json(problem('refused', because), 409);
    }
    const scope = projectScope(shown.account, undefined);
    const answer = openPlan({
      ...asked,
      scope,
      enabled: shown.account.enabled ?? true,
      keystoneCheck: await deps.cloud.keystoneActions.checkDeletion(id, { readOnly: true }),
      existing: plansOf(existing),
      now: deps.now(),
      protectedBecause: protectedBecause(scope, protection),
    });
    const audited = openedRecord(context, 'plan.requested', asked.reason, deps);
    const { body, status } = await commitOpened(answer, engine, audited);
    return context.json(body, status);
  });

  app.get('/v1/operations/:id/plan', async (context) => {
    const operation = await engine.reads.operation(OperationId.parse(context.req.param('id')));
    if (operation?.action !== 'plan')
      return context.json(
        problem(
          'plan',
          'there is no plan with this id',
          'List the operations: propagator operation list',
        ),
        404,
      );
    const { plan, pages, estimate } = await readWhole(operation);
    const { approvals, opened } = (await storedApprovals(operation.id)).value;
    const two = whyTwoApprovals(plan, await tagsOf(operation), rules.twoApprovers);
    return context.json({
      ...plan,
      estimate,
      allowedDrift: allowedDrift(rules.drift, plan.resources),
      approvals,
      approvalsNeeded: two === undefined ? 1 : 2,
      ...(two === undefined ? {} : { twoBecause: two }),
      ...(opened === undefined ? {} : { carriedOutBy: opened }),
      ...(context.req.query('resources') === 'true' ? { pages } : {}),
    });
  });

  app.post('/v1/operations/:id/approve', async (context) => {
    const id = OperationId.parse(context.req.param('id'));
    const { digest, reason: why, ...asked } = await readJson(context, ApproveRequest);
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
    const { plan, plans } = await readWhole(operation);
    const stored = await storedApprovals(id);
    const tags = await tagsOf(operation);
    const now = deps.now();
    const input = { operation, plan, stored: stored.value, by, digest, tags, rules, now };
    const answer = decideApproval(input);
    if (answer.kind === 'refused')
      return context.json(problem('refused', answer.because, answer.advice), 409);
    const window = longest(stored.value, asked);
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
        : await carryOut(operation, answer, { reason: reasonOf, by, window });
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

  /**
   * Reads a plan with its pages. `plans`: the plans of the projects of a domain; `pages` includes
   * their pages.
   */
  async function readWhole(
    operation: Operation,
  ): Promise<{ plan: Plan; pages: PlanPage[]; plans: readonly Plan[]; estimate: Estimate }> {
    if (operation.scope.type === 'domain') {
      const own = await readPlan(operation.id, engine.reads);
      const { plans, pages, estimate } = await plansOfProjects(operation, engine);
      const plan = domainPlanOf(operation, own, plans);
      return { plan, pages: [...own, ...pages], plans, estimate };
    }
    const [tasks, pages, rates] = await Promise.all([
      engine.reads.tasks(operation.id),
      readPlan(operation.id, engine.reads),
      readRates(engine),
    ]);
    const estimate = estimateOf(operation, tasks, rates);
    return { plan: planOf(operation, tasks, pages), pages, plans: [], estimate };
  }

  async function storedApprovals(plan: OperationId) {
    const [stored] = await engine.reads.documents('approval', plan, 'approvals');
    const value: Approvals & AskedWindow = stored
      ? { opened: undefined, ...StoredApprovals.parse(stored.value) }
      : { approvals: [], opened: undefined };
    const key = { collection: 'approval', partition: plan, id: 'approvals' } as const;
    return { key, version: stored?.version ?? 0, value };
  }

  /**
   * Returns the tags of the project, or of the projects of the domain. They come from Keystone,
   * because a tag may have been added after the plan was made.
   */
  async function tagsOf({ scope }: Operation): Promise<readonly string[]> {
    if (scope.type === 'domain') {
      const projects = await deps.cloud.keystone.projects(scope.id);
      return projects.flatMap((one) => (one.type === 'project' ? (one.tags ?? []) : []));
    }
    if (scope.type !== 'project') return [];
    const shown = await deps.cloud.keystone.show('project', scope.id);
    return shown.kind === 'present' && shown.account.type === 'project'
      ? (shown.account.tags ?? [])
      : [];
  }

  /**
   * Opens the cleanup of an approved plan. The digest replaces the name that confirms an enabled
   * project.
   */
  async function carryOut(
    { id, scope, request: planned }: Operation,
    { plan }: Extract<ApprovalAnswer, { kind: 'approved' }>,
    asked: { readonly reason: string; readonly by: string; readonly window: AskedWindow },
  ) {
    if (scope.type !== 'project')
      return { kind: 'refused', because: `a ${scope.type} has no plan` } as const;
    const shown = await deps.cloud.keystone.show('project', scope.id);
    const again = `Plan again: propagator project plan ${scope.id}`;
    if (shown.kind === 'present' && shown.account.enabled && planned?.enabled === false)
      return {
        kind: 'refused',
        because: `the project was disabled when ${id} was made, and it is enabled now`,
        advice: again,
      } as const;
    if (shown.kind === 'present' && shown.account.name !== scope.name)
      return {
        kind: 'refused',
        because: `the project was renamed after ${id} was made`,
        advice: again,
      } as const;
    const input = { ...asked, project: scope.id, name: scope.name, plan };
    return request(input, deps);
  }
}

/**
 * Returns the longer window of two approvers, because the second approval must not shorten the
 * window of the first.
 */
function longest(stored: AskedWindow, asked: AskedWindow): AskedWindow {
  const [one, other] = [stored.recoverForSeconds, asked.recoverForSeconds];
  const recoverForSeconds = one === undefined ? other : Math.max(one, other ?? 0);
  const remindBeforeSeconds = asked.remindBeforeSeconds ?? stored.remindBeforeSeconds;
  return {
    ...(recoverForSeconds === undefined ? {} : { recoverForSeconds }),
    ...(remindBeforeSeconds === undefined ? {} : { remindBeforeSeconds }),
  };
}

/** The existing projects of the inventory, by name and domain. */
async function knownProjects(
  { name, domain, limit }: z.infer<typeof ProjectQuery>,
  { engine }: ApiDeps,
) {
  const [projects, domains] = await Promise.all([
    engine.reads.accounts('project'),
    domain === undefined ? [] : engine.reads.accounts('domain'),
  ]);
  const isAlive = ({ deletedAt }: AccountRecord): boolean => deletedAt === undefined;
  const domainIds = domains
    .filter(isAlive)
    .map(({ account }) => account)
    .filter((account) => account.id === domain || account.name === domain)
    .map(({ id }): string => id);
  return projects
    .filter(isAlive)
    .flatMap(({ account }) => (account.type === 'project' ? [account] : []))
    .filter((account) => name === undefined || account.name === name)
    .filter(({ domainId }) => domain === undefined || domainIds.includes(domainId ?? ''))
    .slice(0, limit)
    .map((account) => ({ id: account.id, name: account.name, domainId: account.domainId }));
}
