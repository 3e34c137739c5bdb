import type { Account } from '../../events/account.ts';
import { type DomainId, ServiceName } from '../../events/ids.ts';
import type { Engine } from '../engine/port.ts';
import type { Cloud } from '../openstack/cloud.ts';
import type { DomainContents } from '../openstack/domain-admin.ts';
import type { ProjectToPlan } from '../operation/domain-plan.ts';
import type { Operation } from '../operation/model.ts';
import { plansOf } from '../operation/open-plan.ts';
import { NO_REGION } from '../operation/order.ts';
import { type PlanPage, planOf } from '../operation/plan.ts';
import { projectScope } from '../operation/scope.ts';
import { type Protection, protectedBecause } from '../task/safety-rules.ts';
import { readPlan, storePlan } from './plan-store.ts';

/** The place of what Keystone itself holds of a domain. Keystone has no region. */
const PLACE = { service: ServiceName.parse('keystone'), region: NO_REGION } as const;

interface Deps {
  readonly engine: Pick<Engine, 'reads' | 'commit'>;
  readonly cloud: Pick<Cloud, 'keystone' | 'keystoneActions'>;
  readonly protection: () => Promise<Protection>;
}

/** Reads all projects of a domain for its plan. Makes GET calls only. */
export async function projectsToPlan(domain: DomainId, deps: Deps): Promise<ProjectToPlan[]> {
  const { keystone, keystoneActions } = deps.cloud;
  const [accounts, protection] = await Promise.all([keystone.projects(domain), deps.protection()]);
  const isOfDomain = (account: Account): account is Extract<Account, { type: 'project' }> =>
    account.type === 'project' && account.domainId === domain;
  const projects: ProjectToPlan[] = [];
  for (const account of accounts.filter(isOfDomain)) {
    const scope = projectScope(account, undefined);
    projects.push({
      scope,
      parentId: account.parentId,
      enabled: account.enabled ?? true,
      keystoneCheck: await keystoneActions.checkDeletion(scope.id, {
        readOnly: true,
        inDomain: true,
      }),
      existing: plansOf(await deps.engine.reads.operationsAbout('project', scope.id)),
      protectedBecause: protectedBecause(scope, protection),
    });
  }
  return projects;
}

/** Stores what Keystone itself holds of a domain, as pages of the plan of the domain. */
export const storeContents = (
  { id }: Pick<Operation, 'id'>,
  { parts }: DomainContents,
  engine: Deps['engine'],
): Promise<void> =>
  storePlan(
    id,
    PLACE,
    parts.map(({ resourceType, rows }) => ({
      resourceType,
      resources: rows.map(({ id: row, name }) => ({
        id: row,
        ...(name === undefined ? {} : { label: name }),
      })),
      total: undefined,
    })),
    engine,
  );

/** Reads the plans of the projects of a domain, with their listings. */
export async function plansOfProjects({ id }: Operation, { reads }: Pick<Engine, 'reads'>) {
  const children = await reads.operations({ parentId: id, limit: 10_000 });
  const plans = [];
  const pages: PlanPage[] = [];
  for (const child of children) {
    const [tasks, own] = await Promise.all([reads.tasks(child.id), readPlan(child.id, reads)]);
    plans.push(planOf(child, tasks, own));
    pages.push(...own);
  }
  return { plans, pages };
}
