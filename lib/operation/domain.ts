import { isConfirmed } from './advance.ts';
import { scheduleDomainAdvance } from './domain-advance.ts';
import { hasEnded } from './ended.ts';
import type { Mode, Operation, ProjectScope } from './model.ts';
import { openCleanup } from './open-cleanup.ts';
import type { OperationTransaction, StepInput } from './transaction.ts';
import { moveOperation } from './transitions.ts';

/** A project of the domain from the inventory, with all its cleanups, newest first. */
export interface DomainProject {
  readonly scope: ProjectScope;
  readonly cleanups: readonly Operation[];
  readonly protectedBecause: string | undefined;
  /** Epoch milliseconds when Keystone last showed the project; `undefined` if it never did. */
  readonly seenAliveAt: number | undefined;
  /** The decision of the policy about the project; absent if no rule matches. */
  readonly decision?: {
    readonly mode: Mode;
    readonly gracePeriodMillis: number;
    readonly rule: number | undefined;
  };
}

/**
 * Opens one cleanup for each project of a domain that Keystone has confirmed as deleted. A
 * notification about the project is not needed. If a notification has already opened a cleanup of
 * the project, this cleanup becomes a child of the domain's operation. If the deletion of the
 * domain was requested, the operation also opens the cleanups of projects that only its plan lists.
 */
export function openCleanupsOfDeletedDomain(
  transaction: OperationTransaction,
  projects: readonly DomainProject[],
  step: StepInput,
): void {
  const { operation } = transaction;
  if (
    operation.state !== 'confirming' ||
    operation.scope.type !== 'domain' ||
    !isConfirmed(operation, step)
  )
    return;
  const children = projects.flatMap(
    (project) => openOrLinkCleanup(project, transaction, step) ?? [],
  );
  transaction.operation = {
    ...moveOperation(operation, 'waiting'),
    startedAt: step.now,
    children: children.map((child) => child.id),
  };
  // The approved plan may list a project that the inventory lacks.
  if (operation.request && operation.projects) scheduleDomainAdvance(transaction);
  else endDomainCleanup(transaction, children, step.now);
}

/**
 * Opens the cleanup of a project, or links the last cleanup of the project to the operation of the
 * domain. Returns the cleanup, or `undefined` if the project needs none.
 */
function openOrLinkCleanup(
  project: DomainProject,
  transaction: OperationTransaction,
  step: StepInput,
): Operation | undefined {
  const { operation } = transaction;
  const lastCleanup = project.cleanups[0];
  const opened = openCleanup({
    scope: project.scope,
    cause: operation.cause,
    cleanups: project.cleanups,
    mode: operation.mode === 'observe' ? 'observe' : (project.decision?.mode ?? 'enforce'),
    now: step.now,
    // The operation of the domain has already waited for the grace period of the settings.
    gracePeriodMillis: Math.max(
      0,
      operation.openedAt + (project.decision?.gracePeriodMillis ?? 0) - step.now,
    ),
    rule: project.decision?.rule,
    protectedBecause: project.protectedBecause,
    parentId: operation.id,
    deletionTimes: { announcedAt: undefined, seenAliveAt: project.seenAliveAt },
    ...(operation.rerun && lastCleanup && hasEnded(lastCleanup)
      ? { rerun: { ...operation.rerun, of: lastCleanup.id } }
      : {}),
  });
  if (opened) transaction.messages.push(...opened.messages);
  const cleanup = opened?.operation ?? lastCleanup;
  if (!cleanup) return undefined;
  const child: Operation = { ...cleanup, parentId: operation.id };
  if (opened || lastCleanup?.parentId !== operation.id) transaction.putOtherOperation(child);
  return child;
}

/**
 * Ends the operation of a deleted domain when the cleanups of all its projects have ended. The
 * operation ends `finished` only if every cleanup is `finished`. `children`: the stored cleanups.
 */
export function endDomainCleanup(
  transaction: OperationTransaction,
  children: readonly Operation[],
  now: number,
): void {
  const { operation } = transaction;
  if (
    operation.state !== 'waiting' ||
    !operation.children.every((id) => children.some((child) => child.id === id && hasEnded(child)))
  )
    return;
  const allChildrenAre = (state: Operation['state']): boolean =>
    children.every((child) => child.state === state);
  const state =
    operation.mode === 'observe'
      ? 'observed'
      : allChildrenAre('finished')
        ? 'finished'
        : 'unverified';
  transaction.operation = { ...moveOperation(operation, state), endedAt: now };
}
