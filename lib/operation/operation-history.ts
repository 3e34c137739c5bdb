import { hasEnded } from './ended.ts';
import type { Operation, Scope } from './model.ts';

/** Returns the suspend and resume operations among the operations, newest first. */
export const suspendsAndResumesOf = (operations: readonly Operation[]): Operation[] =>
  operations
    .filter(({ action }) => action === 'suspend' || action === 'resume')
    .toSorted((one, other) => other.generation - one.generation);

/** Returns the cleanups among the operations, in the same order. */
export const cleanupsOf = (operations: readonly Operation[]): Operation[] =>
  operations.filter(({ action }) => action === 'cleanup');

/**
 * True if an operation may have suspended resources of the project that no later operation has
 * resumed. The project then needs a resume when it is enabled.
 */
export function mayBeSuspended(operations: readonly Operation[]): boolean {
  for (const { action, mode, startedAt, state } of suspendsAndResumesOf(operations)) {
    if (startedAt === undefined || mode === 'observe') continue;
    if (action === 'suspend') return true;
    if (state === 'finished') return false;
  }
  return false;
}

/**
 * True if the newest suspend or resume operation is a suspension that has begun, and that was
 * neither superseded nor refused. Operations in mode `observe` do not count.
 */
export function isSuspended(operations: readonly Operation[]): boolean {
  const newestOperation = suspendsAndResumesOf(operations).find(({ mode }) => mode === 'enforce');
  return (
    newestOperation?.action === 'suspend' &&
    newestOperation.startedAt !== undefined &&
    newestOperation.state !== 'superseded' &&
    newestOperation.state !== 'refused'
  );
}

/**
 * Users only. True if a suspension has listed the resources that depend on the user, and no later
 * resume has compared its own list with the list of the suspension. Such a user needs a resume when
 * the user is enabled.
 */
function hasUncomparedListing(operations: readonly Operation[]): boolean {
  const newestListing = suspendsAndResumesOf(operations).find(({ state }) => state === 'observed');
  return newestListing?.action === 'suspend';
}

/**
 * True if an account must be resumed when it is enabled. A domain always needs a resume: the
 * operation of each project decides whether the project is resumed.
 */
export const needsResume = (type: Scope['type'], operations: readonly Operation[]): boolean =>
  type === 'domain' ||
  (type === 'user' ? hasUncomparedListing(operations) : mayBeSuspended(operations));

/** True if a cleanup has begun, or an administrator has requested it. */
export const isCleanupUnderWay = (cleanup: Operation): boolean =>
  !hasEnded(cleanup) && (cleanup.startedAt !== undefined || cleanup.request !== undefined);
