import { createHash } from 'node:crypto';
import { summarizeRefusals } from './keystone-check.ts';
import type { DomainPlanEntry, Operation } from './model.ts';
import {
  isComplete,
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
  const projects = (operation.projects ?? []).map((member): PlannedProject => {
    const plan = planById.get(member.planId ?? '');
    return { ...member, resources: plan?.resources ?? 0, digest: plan?.digest };
  });
  const nameOf = ({ scope }: Plan): string => `project ${scope.name ?? scope.id}`;
  const inProject =
    (plan: Plan) =>
    (note: PlanNote): PlanNote => ({ ...note, message: `${nameOf(plan)}: ${note.message}` });
  const ownCheck = operation.keystoneCheck ?? { refusals: [], unknown: [] };
  const refusedPlans = plans.filter(({ keystoneCheck }) => keystoneCheck.refusals.length > 0);
  const inKeystone = keystoneService(pages);
  const plan = {
    id: operation.id,
    scope: operation.scope,
    state: operation.state,
    requestedBy: operation.request?.by ?? '',
    openedAt: operation.openedAt,
    endedAt: operation.endedAt,
    resources: plans.reduce((sum, { resources }) => sum + resources, 0),
    services: [...sumServices(plans.flatMap(({ services }) => services)), ...inKeystone],
    unreachable: plans.flatMap((one) => one.unreachable.map(inProject(one))),
    leftToOthers: [
      ...plans.flatMap((one) => one.leftToOthers.map(inProject(one))),
      ...keptMappings(pages),
    ],
    uncovered: withoutDuplicates(plans.flatMap(({ uncovered }) => uncovered)),
    leftOut: withoutDuplicates(plans.flatMap(({ leftOut }) => leftOut)),
    keystoneCheck: {
      refusals: [
        ...ownCheck.refusals,
        ...refusedPlans.map((one) => {
          const { message, advice } = summarizeRefusals(one.keystoneCheck.refusals);
          return { message: `${nameOf(one)}: ${message}`, advice };
        }),
      ],
      unknown: [
        ...new Set([...ownCheck.unknown, ...plans.flatMap((one) => one.keystoneCheck.unknown)]),
      ],
    },
    projects,
  };
  const isWhole = isComplete(operation) && projects.every(hasCompletePlan);
  return { ...plan, digest: isWhole ? domainDigest(operation, pages, projects) : undefined };
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
  const [first] = pages;
  if (!first) return [];
  const { service, region } = first;
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
  { id, scope, projects: members = [] }: Operation,
  pages: readonly PlanPage[],
  projects: readonly PlannedProject[],
): string {
  const lines = [
    ...projects.map(({ id: project, name = '', parentId = '', digest = '' }) =>
      JSON.stringify(['project', project, name, parentId, digest]),
    ),
    ...members.flatMap(({ id: project, protectedBecause }) =>
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
