import { announceEnd, isConfirmed } from './advance.ts';
import type { Draft, Rules } from './draft.ts';
import type { Operation, ProjectScope } from './model.ts';
import { hasEnded, openCleanup } from './open.ts';
import { moveOperation } from './transitions.ts';

/** A project of the domain, as the inventory remembers it, and every operation that there was about it, newest first. */
export interface DomainProject {
  readonly scope: ProjectScope;
  readonly existing: readonly Operation[];
  readonly protectedBecause: string | undefined;
}

/**
 * Once Keystone has confirmed that the domain is gone: one operation for each of its projects, announced or not.
 * Those that their own notification opened before become its children.
 */
export function openProjects(draft: Draft, projects: readonly DomainProject[], rules: Rules): void {
  const { operation } = draft;
  if (operation.state !== 'confirming' || operation.scope.type !== 'domain' || !isConfirmed(operation, rules)) return;
  const children: Operation[] = [];
  for (const project of projects) {
    const opened = openCleanup({
      scope: project.scope,
      cause: operation.cause,
      existing: project.existing,
      mode: operation.mode,
      now: rules.now,
      // The domain has waited for all of them.
      graceMillis: 0,
      protectedBecause: project.protectedBecause,
      parentId: operation.id,
    });
    const last = project.existing[0];
    if (opened) draft.messages.push(...opened.messages);
    const child = opened?.operation ?? last;
    if (!child) continue;
    const linked: Operation = { ...child, parentId: operation.id };
    if (opened || last?.parentId !== operation.id) draft.alsoPut(linked);
    children.push(linked);
  }
  draft.operation = { ...moveOperation(operation, 'waiting'), startedAt: rules.now, children: children.map((child) => child.id) };
  takeChildren(draft, children, rules.now);
}

/** A domain ends with its last project, and says no more than its projects do. */
export function takeChildren(draft: Draft, children: readonly Operation[], now: number): void {
  const { operation } = draft;
  if (operation.state !== 'waiting' || !operation.children.every((id) => children.some((child) => child.id === id && hasEnded(child))))
    return;
  const all = (state: Operation['state']): boolean => children.every((child) => child.state === state);
  const state = operation.mode === 'observe' ? 'observed' : all('finished') ? 'finished' : 'residue-unknown';
  draft.operation = { ...moveOperation(operation, state), endedAt: now };
  announceEnd(draft);
}
