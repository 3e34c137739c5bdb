import { isConfirmed } from './advance.ts';
import { scheduleDomainAdvance } from './domain-advance.ts';
import type { Mode, Operation, ProjectScope } from './model.ts';
import { hasEnded, openCleanup } from './open.ts';
import type { OperationTransaction, StepInput } from './transaction.ts';
import { moveOperation } from './transitions.ts';

/** A project of the domain from the inventory, with all operations about it, newest first. */
export interface DomainProject {
  readonly scope: ProjectScope;
  readonly existing: readonly Operation[];
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
 * the project, this cleanup becomes a child of the domain's operation. The operation of a requested
 * domain then also opens the cleanups of the other projects in its plan.
 */
export function openProjectCleanups(
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
  const children: Operation[] = [];
  for (const project of projects) {
    const lastCleanup = project.existing[0];
    const opened = openCleanup({
      scope: project.scope,
      cause: operation.cause,
      existing: project.existing,
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
      deletion: { announcedAt: undefined, seenAliveAt: project.seenAliveAt },
      ...(operation.rerun && lastCleanup && hasEnded(lastCleanup)
        ? { rerun: { ...operation.rerun, of: lastCleanup.id } }
        : {}),
    });
    if (opened) transaction.messages.push(...opened.messages);
    const child = opened?.operation ?? lastCleanup;
    if (!child) continue;
    const linkedChild: Operation = { ...child, parentId: operation.id };
    if (opened || lastCleanup?.parentId !== operation.id)
      transaction.putOtherOperation(linkedChild);
    children.push(linkedChild);
  }
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
 * Ends the operation of a deleted domain when the cleanups of all its projects have ended. It ends
 * `finished` only if all of them are `finished`. `children`: the stored cleanups.
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
