import type { OperationId } from '../../events/ids.ts';
import type { DomainScope } from './domain-request.ts';
import { childrenIfAllEnded } from './ended.ts';
import type { KeystoneCheck } from './keystone-check.ts';
import type { DomainPlanEntry, Operation, ProjectScope } from './model.ts';
import { newOperation, operationId } from './new-operation.ts';
import type { OperationWithMessages } from './open-cleanup.ts';
import { openPlan } from './open-plan.ts';
import { isCompletePlan } from './plan.ts';
import type { OperationTransaction } from './transaction.ts';
import { moveOperation } from './transitions.ts';

/** The maximum number of projects in the plan of a domain. One stored record has all of them. */
export const MAX_PROJECTS = 500;

/** A project of the domain as Keystone shows it. */
export interface ProjectToPlan {
  readonly scope: ProjectScope;
  /** The parent project, or the domain. */
  readonly parentId: string | undefined;
  readonly enabled: boolean;
  /** Why Keystone would refuse the deletion of the project. */
  readonly keystoneCheck: KeystoneCheck;
  /** All plans of the project, newest first. */
  readonly plans: readonly Operation[];
  readonly protectedBecause: string | undefined;
}

/** The input of {@link openDomainPlan}. */
export interface DomainPlanInput {
  readonly scope: DomainScope;
  readonly by: string;
  readonly reason: string;
  readonly enabled: boolean;
  readonly projects: readonly ProjectToPlan[];
  /** Why Keystone would refuse the deletion of the domain itself. */
  readonly keystoneCheck: KeystoneCheck;
  /** All plans of the domain, newest first. */
  readonly plans: readonly Operation[];
  readonly now: number;
}

/** The answer to a request for the plan of a domain. */
export type DomainPlanAnswer =
  | {
      readonly kind: 'opened';
      /** The plan of the domain. */
      readonly opened: OperationWithMessages;
      /** The plans of the domain's projects, and the earlier plans that are replaced. */
      readonly projects: readonly OperationWithMessages[];
      readonly unknown: readonly string[];
    }
  | { readonly kind: 'refused'; readonly because: string; readonly advice?: string };

/**
 * Opens the plan of a domain that is not protected, with one plan for each project. A protected
 * project has no plan. The cleanup that carries out the plan keeps each protected project, the
 * projects above a protected project, and their domain.
 */
export function openDomainPlan(input: DomainPlanInput): DomainPlanAnswer {
  const { scope, by, reason, now } = input;
  if (input.projects.length > MAX_PROJECTS)
    return {
      kind: 'refused',
      because: `it has ${input.projects.length} projects, and a plan has at most ${MAX_PROJECTS}`,
      advice: 'Delete some of its projects first: propagator project delete PROJECT',
    };
  const generation = (input.plans[0]?.generation ?? 0) + 1;
  const id = operationId(scope, generation, 'plan');
  const projectPlans = openProjectPlans(input, id);
  if (projectPlans.kind === 'refused') return projectPlans;
  const { planEntries, plans } = projectPlans;
  const cause = {
    messageId: `plan/${scope.id}/${generation}`,
    eventType: 'requested',
    at: now,
    note: `${by}: ${reason}`,
  };
  const children = planEntries.flatMap(({ planId }) => planId ?? []);
  const operation: Operation = {
    ...newOperation({ id, scope, generation, mode: 'observe', cause, notBefore: now, now }),
    action: 'plan',
    state: 'waiting',
    startedAt: now,
    request: { by, reason, at: now, enabled: input.enabled },
    keystoneCheck: input.keystoneCheck,
    children,
    projects: planEntries,
  };
  const domainPlan: Operation =
    children.length === 0 ? { ...moveOperation(operation, 'observed'), endedAt: now } : operation;
  return {
    kind: 'opened',
    opened: { operation: domainPlan, messages: [] },
    projects: plans,
    unknown: input.keystoneCheck.unknown,
  };
}

/** The plans for the projects of a domain, and one entry per project for the domain's own plan. */
interface ProjectPlans {
  readonly kind: 'opened';
  /** The opened plans, and the earlier plans that they replace. */
  readonly plans: readonly OperationWithMessages[];
  readonly planEntries: readonly DomainPlanEntry[];
}

/** Opens the plan of each project that is not protected. `domainPlanId`: the plan of the domain. */
function openProjectPlans(
  { by, now, projects, reason }: DomainPlanInput,
  domainPlanId: OperationId,
): ProjectPlans | Extract<DomainPlanAnswer, { kind: 'refused' }> {
  const plans: OperationWithMessages[] = [];
  const planEntries: DomainPlanEntry[] = [];
  for (const project of deepestFirst(projects)) {
    const { enabled, protectedBecause, scope } = project;
    const answer =
      protectedBecause === undefined ? openPlan({ ...project, by, reason, now }) : undefined;
    if (answer?.kind === 'refused')
      return { ...answer, because: `project ${scope.id}: ${answer.because}` };
    if (answer) {
      const { operation, messages } = answer.opened;
      plans.push({ operation: { ...operation, parentId: domainPlanId }, messages });
      if (answer.superseded) plans.push(answer.superseded);
    }
    planEntries.push({
      id: scope.id,
      name: scope.name,
      parentId: projects.find((other) => other.scope.id === project.parentId)?.scope.id,
      planId: answer?.opened.operation.id,
      protectedBecause,
      enabled,
    });
  }
  return { kind: 'opened', plans, planEntries };
}

/** Sorts the projects so that each comes after all projects below it. */
export function deepestFirst(projects: readonly ProjectToPlan[]): ProjectToPlan[] {
  const projectById = new Map(projects.map((project) => [project.scope.id as string, project]));
  const depthOf = ({ parentId }: ProjectToPlan): number => {
    let ancestor = projectById.get(parentId ?? '');
    let ancestorCount = 0;
    // The limit ends the loop even if the parents form a cycle.
    while (ancestor && ancestorCount <= projects.length) {
      ancestorCount += 1;
      ancestor = projectById.get(ancestor.parentId ?? '');
    }
    return ancestorCount;
  };
  return [...projects].sort(
    (one, other) => depthOf(other) - depthOf(one) || (one.scope.id < other.scope.id ? -1 : 1),
  );
}

/**
 * Ends the plan of a domain when the plans of all its projects have ended. If the plan of a project
 * has ended in another state than `observed`, the plan of the domain is refused. `children`: all
 * stored plans of the projects.
 */
export function endDomainPlan(
  transaction: OperationTransaction,
  children: readonly Operation[],
  now: number,
): void {
  const { operation } = transaction;
  const endedPlans = operation.state === 'waiting' && childrenIfAllEnded(operation, children);
  if (!endedPlans) return;
  const incompletePlan = endedPlans.find((child) => !isCompletePlan(child));
  transaction.operation = incompletePlan
    ? {
        ...moveOperation(operation, 'refused'),
        endedAt: now,
        hold: {
          reason:
            `the plan ${incompletePlan.id} of project ` +
            `${incompletePlan.scope.name ?? incompletePlan.scope.id} ended ` +
            `${incompletePlan.state}: ` +
            `${incompletePlan.hold?.reason ?? 'without a reason'}`,
          since: now,
          advice: `Plan again: propagator domain plan ${operation.scope.id}`,
        },
      }
    : { ...moveOperation(operation, 'observed'), endedAt: now };
}
