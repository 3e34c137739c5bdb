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

/** The place of the entries that the domain itself has in Keystone. Keystone has no region. */
const PLACE = { service: ServiceName.parse('keystone'), region: NO_REGION } as const;

interface Deps {
  readonly engine: Pick<Engine, 'reads' | 'commit'>;
  readonly cloud: Pick<Cloud, 'keystone' | 'projectAdmin'>;
  readonly protection: () => Promise<Protection>;
}

/** Reads all projects of a domain for its plan. Makes GET calls only. */
export async function projectsToPlan(domain: DomainId, deps: Deps): Promise<ProjectToPlan[]> {
  const { keystone, projectAdmin } = deps.cloud;
  const [accounts, protection] = await Promise.all([keystone.projects(domain), deps.protection()]);
  const isOfDomain = (account: Account): account is Extract<Account, { type: 'project' }> =>
    account.type === 'project' && account.domainId === domain;
  return mapInBatches(accounts.filter(isOfDomain), async (account): Promise<ProjectToPlan> => {
    const scope = projectScope(account, undefined);
    const [keystoneCheck, existing] = await Promise.all([
      projectAdmin.checkDeletion(scope.id, { readOnly: true, inDomain: true }),
      deps.engine.reads.operationsAbout('project', scope.id),
    ]);
    return {
      scope,
      parentId: account.parentId,
      enabled: account.enabled ?? true,
      keystoneCheck,
      existing: plansOf(existing),
      protectedBecause: protectedBecause(scope, protection),
    };
  });
}

/**
 * The number of projects that are read concurrently. A request on AWS ends after 29 seconds, and a
 * domain may have 500 projects.
 */
const BATCH = 10;

async function mapInBatches<From, To>(
  all: readonly From[],
  map: (one: From) => Promise<To>,
): Promise<To[]> {
  const mapped: To[] = [];
  for (let at = 0; at < all.length; at += BATCH)
    mapped.push(...(await Promise.all(all.slice(at, at + BATCH).map(map))));
  return mapped;
}

/** Stores the entries of a domain in Keystone as pages of the domain's plan. */
export const storeContents = (
  { id }: Pick<Operation, 'id'>,
  { resources }: DomainContents,
  engine: Deps['engine'],
): Promise<void> =>
  storePlan(
    id,
    PLACE,
    resources.map(({ resourceType, rows }) => ({
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
  const rates = await readRates({ reads });
  const read = await mapInBatches(children, async (child) => {
    const [tasks, pages] = await Promise.all([reads.tasks(child.id), readPlan(child.id, reads)]);
    return { plan: planOf(child, tasks, pages), pages, estimate: estimateOf(child, tasks, rates) };
  });
  return {
    plans: read.map(({ plan }) => plan),
    pages: read.flatMap(({ pages }) => pages),
    estimate: parallelEstimate(read.map(({ estimate }) => estimate)),
  };
}
