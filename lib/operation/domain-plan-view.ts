import { createHash } from 'node:crypto';
import { type KeystoneCheck, summarizeRefusals } from './keystone-check.ts';
import type { DomainPlanEntry, Operation } from './model.ts';
import {
  isCompletePlan,
  type Plan,
  type PlanNote,
  type PlannedService,
  type PlanPage,
} from './plan.ts';

/** One project in the plan of its domain, with the size and digest of its own plan. */
export interface PlannedProject extends DomainPlanEntry {
  readonly resources: number;
  readonly digest: string | undefined;
}

/**
 * Returns the plan of a domain: the resources of the domain in Keystone (`pages`), and the sum of
 * the plans of its projects (`plans`). The digest covers the resources and all these plans.
 */
export function domainPlanOf(
  operation: Operation,
  pages: readonly PlanPage[],
  plans: readonly Plan[],
): Plan & { readonly projects: readonly PlannedProject[] } {
  const planById = new Map(plans.map((plan) => [plan.id as string, plan]));
  const projects = (operation.projects ?? []).map((planEntry): PlannedProject => {
    const plan = planById.get(planEntry.planId ?? '');
    return { ...planEntry, resources: plan?.resources ?? 0, digest: plan?.digest };
  });
  const plan = {
    id: operation.id,
    scope: operation.scope,
    state: operation.state,
    requestedBy: operation.request?.by ?? '',
    openedAt: operation.openedAt,
    endedAt: operation.endedAt,
    resources: plans.reduce((sum, { resources }) => sum + resources, 0),
    services: [
      ...sumServices(plans.flatMap(({ services }) => services)),
      ...keystoneService(pages),
    ],
    unreachable: plans.flatMap((one) => notesWithProject(one, one.unreachable)),
    leftToOthers: [
      ...plans.flatMap((one) => notesWithProject(one, one.leftToOthers)),
      ...keptMappings(pages),
    ],
    uncovered: withoutDuplicates(plans.flatMap(({ uncovered }) => uncovered)),
    leftOut: withoutDuplicates(plans.flatMap(({ leftOut }) => leftOut)),
    keystoneCheck: domainKeystoneCheck(operation, plans),
    projects,
  };
  const areAllComplete = isCompletePlan(operation) && projects.every(hasCompletePlan);
  return { ...plan, digest: areAllComplete ? domainDigest(operation, pages, projects) : undefined };
}

const projectName = ({ scope }: Plan): string => `project ${scope.name ?? scope.id}`;

/** Returns the notes about a project, each with the name of the project in its message. */
const notesWithProject = (plan: Plan, notes: readonly PlanNote[]): PlanNote[] =>
  notes.map((note) => ({ ...note, message: `${projectName(plan)}: ${note.message}` }));

/**
 * Returns why Keystone would refuse the deletion of the domain: the refusals about the domain
 * itself, and one refusal for each project with refusals.
 */
function domainKeystoneCheck(operation: Operation, plans: readonly Plan[]): KeystoneCheck {
  const domainCheck = operation.keystoneCheck ?? { refusals: [], unknown: [] };
  const refusedPlans = plans.filter(({ keystoneCheck }) => keystoneCheck.refusals.length > 0);
  const projectRefusals = refusedPlans.map((plan) => {
    const { message, advice } = summarizeRefusals(plan.keystoneCheck.refusals);
    return { message: `${projectName(plan)}: ${message}`, advice };
  });
  const projectUnknown = plans.flatMap(({ keystoneCheck }) => keystoneCheck.unknown);
  return {
    refusals: [...domainCheck.refusals, ...projectRefusals],
    unknown: [...new Set([...domainCheck.unknown, ...projectUnknown])],
  };
}

/** True if the project needs no plan or has a complete one. */
const hasCompletePlan = ({ planId, digest }: PlannedProject): boolean =>
  planId === undefined || digest !== undefined;

const withoutDuplicates = <T>(all: readonly T[]): T[] => [
  ...new Map(all.map((one) => [JSON.stringify(one), one])).values(),
];

/**
 * Returns a note for each mapping that an identity provider of the domain uses. A mapping is not
 * deleted, because identity providers of other domains may also use it.
 */
const keptMappings = (pages: readonly PlanPage[]): PlanNote[] =>
  pages
    .filter(({ resourceType }) => resourceType === MAPPING)
    .flatMap(({ service, region, resourceType, resources }) =>
      resources.map(({ id }) => ({
        service,
        region,
        resourceType,
        message:
          `the mapping ${id} stays: an identity provider of the domain uses it, ` +
          'and a mapping belongs to no domain',
        advice: `If no other identity provider uses it: openstack mapping delete ${id}`,
        count: 1,
      })),
    );
const MAPPING = 'keystone.mapping';

/** Returns Keystone as a service of the plan, with the resources of the domain. */
function keystoneService(pages: readonly PlanPage[]): PlannedService[] {
  const [firstPage] = pages;
  if (!firstPage) return [];
  const { service, region } = firstPage;
  const counts = new Map<string, number>();
  for (const { resourceType, resources } of pages)
    counts.set(resourceType, (counts.get(resourceType) ?? 0) + resources.length);
  const types = [...counts].map(([resourceType, count]) => ({ resourceType, count }));
  const nonEmptyTypes = types.filter(({ count }) => count > 0);
  return [
    { service, region, state: 'finished', because: undefined, types: nonEmptyTypes, unlisted: [] },
  ];
}

/** Adds up the resources of several plans, by service and region. */
function sumServices(services: readonly PlannedService[]): PlannedService[] {
  const sumByService = new Map<string, PlannedService>();
  for (const one of services) {
    const key = JSON.stringify([one.service, one.region]);
    const sumBefore = sumByService.get(key);
    const counts = new Map(
      sumBefore?.types.map(({ resourceType, count }) => [resourceType, count]),
    );
    for (const { resourceType, count } of one.types)
      counts.set(resourceType, (counts.get(resourceType) ?? 0) + count);
    sumByService.set(key, {
      ...one,
      types: [...counts].map(([resourceType, count]) => ({ resourceType, count })),
      unlisted: [...new Set([...(sumBefore?.unlisted ?? []), ...one.unlisted])],
    });
  }
  return [...sumByService.values()];
}

function domainDigest(
  { id, scope, projects: planEntries = [] }: Operation,
  pages: readonly PlanPage[],
  projects: readonly PlannedProject[],
): string {
  const lines = [
    ...projects.map(({ id: project, name = '', parentId = '', digest = '' }) =>
      JSON.stringify(['project', project, name, parentId, digest]),
    ),
    ...planEntries.flatMap(({ id: project, protectedBecause }) =>
      protectedBecause === undefined
        ? []
        : [JSON.stringify(['protected', project, protectedBecause])],
    ),
    ...pages.flatMap(({ resourceType, resources }) =>
      resources.map((one) => JSON.stringify(['keystone', resourceType, one.id, one.name ?? ''])),
    ),
  ];
  return createHash('sha256')
    .update(
      [JSON.stringify([id, scope.type, scope.id, scope.name ?? '']), ...lines.sort()].join('\n'),
    )
    .digest('hex');
}
