import { childrenIfAllEnded } from './ended.ts';
import { type OpenedLifecycle, openLifecycle } from './lifecycle.ts';
import type { Operation, ProjectScope, SuspendOrResume } from './model.ts';
import { awaitsProvision, openProvision } from './provision.ts';
import type { OperationTransaction, StepInput } from './transaction.ts';
import { moveOperation } from './transitions.ts';

/** A project of the domain, with all operations about it. */
export interface LifecycleProject {
  readonly scope: ProjectScope;
  readonly allOperations: readonly Operation[];
  readonly protectedBecause: string | undefined;
}

/**
 * After a domain was disabled or enabled, opens one suspend or resume operation for each of its
 * projects. Each of these operations asks Keystone about its own project. A project that is itself
 * disabled therefore stays suspended when its domain is enabled.
 */
export function openLifecycleProjects(
  transaction: OperationTransaction,
  projects: readonly LifecycleProject[],
  step: StepInput,
): void {
  const { operation } = transaction;
  const { action } = operation;
  if (operation.state !== 'confirming' || (action !== 'suspend' && action !== 'resume')) return;
  const children: Operation[] = [];
  const openedForProjects = projects.flatMap((project) =>
    openOperationsOfProject(project, action, operation, step),
  );
  for (const { changed, messages, opened } of openedForProjects) {
    transaction.messages.push(...messages);
    for (const one of changed) transaction.putOtherOperation(one);
    if (!opened) continue;
    transaction.putOtherOperation(opened);
    children.push(opened);
  }
  transaction.operation = {
    ...moveOperation(operation, 'waiting'),
    startedAt: step.now,
    children: children.map(({ id }) => id),
  };
  endDomainLifecycle(transaction, children, step.now);
}

/**
 * Opens the suspend or resume operation of one project of the domain. A resume also opens the
 * provision operation that the project awaits.
 */
function openOperationsOfProject(
  { scope, allOperations, protectedBecause }: LifecycleProject,
  action: SuspendOrResume,
  { cause, id, lifecycle, mode }: Operation,
  { now }: StepInput,
): OpenedLifecycle[] {
  const input = {
    scope,
    cause,
    allOperations,
    mode,
    now,
    protectedBecause,
    parentId: id,
    // After a canceled or refused deletion of the domain, the project is resumed even if no rule of
    // the policy requires a resume.
    ...(lifecycle?.undoes ? { request: lifecycle.request } : {}),
  };
  const needsProvision = action === 'resume' && awaitsProvision(allOperations);
  return [
    openLifecycle({ ...input, action }),
    needsProvision ? openProvision(input) : undefined,
  ].filter((opened) => opened !== undefined);
}

/**
 * Ends the suspend or resume operation of a domain when the operations of all its projects have
 * ended. `children`: all stored operations of these projects.
 */
export function endDomainLifecycle(
  transaction: OperationTransaction,
  children: readonly Operation[],
  now: number,
): void {
  const { operation } = transaction;
  const endedOperations = operation.state === 'waiting' && childrenIfAllEnded(operation, children);
  if (!endedOperations) return;
  const isUnverified = endedOperations.some(({ state }) => state === 'unverified');
  const hasActed = endedOperations.some(
    ({ state }) => state === 'finished' || state === 'superseded',
  );
  const state = isUnverified
    ? 'unverified'
    : endedOperations.length > 0 && !hasActed
      ? 'observed'
      : 'finished';
  transaction.operation = { ...moveOperation(operation, state), endedAt: now };
}
