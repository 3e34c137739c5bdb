import type { Account } from '../../events/account.ts';
import { type DomainId, ServiceName } from '../../events/ids.ts';
import type { Engine } from '../engine/port.ts';
import type { Cloud } from '../openstack/cloud.ts';
import type { DomainContents } from '../openstack/domain-admin.ts';
import type { ProjectToPlan } from '../operation/domain-plan.ts';
import { estimateOf, parallelEstimate } from '../operation/estimate.ts';
import type { Operation } from '../operation/model.ts';
import { plansOf } from '../operation/open-plan.ts';
import { NO_REGION } from '../operation/order.ts';
import { planOf } from '../operation/plan.ts';
import { projectScope } from '../operation/scope.ts';
import { type Protection, protectedBecause } from '../task/safety-rules.ts';
import { readPlan, storePlan } from './plan-store.ts';
import { readRates } from './rates.ts';

/**
 * The service and region under which a plan stores the users, groups and roles of a domain.
 * Keystone has no region.
 */
const DOMAIN_CONTENTS_PLACE = {
  service: ServiceName.parse('keystone'),
  region: NO_REGION,
} as const;

interface DomainPlanDeps {
  readonly engine: Pick<Engine, 'reads' | 'commit'>;
  readonly cloud: Pick<Cloud, 'keystone' | 'projectAdmin'>;
  readonly protection: () => Promise<Protection>;
}

/**
 * Returns all projects for the plan of a domain, with the reasons why Keystone would refuse to
 * delete them. Makes only GET calls.
 */
export async function projectsToPlan(
  domain: DomainId,
  deps: DomainPlanDeps,
): Promise<ProjectToPlan[]> {
  const { keystone, projectAdmin } = deps.cloud;
  const [accounts, protection] = await Promise.all([keystone.projects(domain), deps.protection()]);
  const isOfDomain = (account: Account): account is Extract<Account, { type: 'project' }> =>
    account.type === 'project' && account.domainId === domain;
  return mapInBatches(accounts.filter(isOfDomain), async (account): Promise<ProjectToPlan> => {
    const scope = projectScope(account, undefined);
    const [keystoneCheck, operations] = await Promise.all([
      projectAdmin.checkDeletion(scope.id, { readOnly: true, deletedWithDomain: true }),
      deps.engine.reads.operationsAbout('project', scope.id),
    ]);
    return {
      scope,
      parentId: account.parentId,
      enabled: account.enabled ?? true,
      keystoneCheck,
      plans: plansOf(operations),
      protectedBecause: protectedBecause(scope, protection),
    };
  });
}

/**
 * The number of projects that are read concurrently. A request on AWS ends after 29 seconds, and a
 * domain may have 500 projects.
 */
const PROJECTS_AT_ONCE = 10;

async function mapInBatches<From, To>(
  all: readonly From[],
  map: (one: From) => Promise<To>,
): Promise<To[]> {
  const mapped: To[] = [];
  for (let from = 0; from < all.length; from += PROJECTS_AT_ONCE)
    mapped.push(...(await Promise.all(all.slice(from, from + PROJECTS_AT_ONCE).map(map))));
  return mapped;
}

/** Stores the users, groups and roles of a domain as pages of its plan. */
export const storeDomainContents = (
  { id }: Pick<Operation, 'id'>,
  { resources }: DomainContents,
  engine: DomainPlanDeps['engine'],
): Promise<void> =>
  storePlan(
    id,
    DOMAIN_CONTENTS_PLACE,
    resources.map(({ resourceType, rows }) => ({
      resourceType,
      resources: rows.map((row) => ({
        id: row.id,
        ...(row.name === undefined ? {} : { label: row.name }),
      })),
      total: undefined,
    })),
    engine,
  );

/**
 * Reads the plans of all projects in a domain, with the stored pages of each plan, and estimates
 * the duration of the deletion.
 */
export async function plansOfProjects({ id }: Operation, { reads }: Pick<Engine, 'reads'>) {
  const children = await reads.operations({ parentId: id, limit: 10_000 });
  const rates = await readRates({ reads });
  const plannedProjects = await mapInBatches(children, async (child) => {
    const [tasks, pages] = await Promise.all([reads.tasks(child.id), readPlan(child.id, reads)]);
    return { plan: planOf(child, tasks, pages), pages, estimate: estimateOf(child, tasks, rates) };
  });
  return {
    plans: plannedProjects.map(({ plan }) => plan),
    pages: plannedProjects.flatMap(({ pages }) => pages),
    estimate: parallelEstimate(plannedProjects.map(({ estimate }) => estimate)),
  };
}
