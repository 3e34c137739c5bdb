import { hasEnded } from './ended.ts';
import type { Operation } from './model.ts';

/** True if the project of the cleanup is deleted, by the cleanup or by another client. */
export function isProjectDeleted(cleanup: Operation | undefined): boolean {
  if (cleanup?.state === 'finished') return true;
  if (cleanup?.state !== 'unverified') return false;
  const { confirmedAt, keystoneAction } = cleanup;
  return confirmedAt.length > 0 || (keystoneAction?.what === 'delete' && keystoneAction.done);
}

/** True if the project of the cleanup is deleted, or disabled after phase `pre-delete`. */
export function isProjectDisabled(cleanup: Operation | undefined): boolean {
  if (!cleanup) return false;
  return isProjectDeleted(cleanup) || hasPassedDisable(cleanup) || isHeldAfterDisable(cleanup);
}

/** True if the cleanup has passed the step that disables its project. */
const hasPassedDisable = ({ state }: Operation): boolean =>
  state === 'running' || state === 'closing';

/** True if the cleanup has started and is held, and its project is disabled. */
function isHeldAfterDisable({ keystoneAction, startedAt, state }: Operation): boolean {
  if (state !== 'held' || startedAt === undefined) return false;
  // If the operation has no Keystone action, the project was already disabled when its cleanup
  // began.
  if (keystoneAction === undefined || keystoneAction.what === 'delete') return true;
  return keystoneAction.what === 'disable' && keystoneAction.done;
}

/** True if the cleanup has ended without deleting its project. */
export const endedWithoutDeletion = (cleanup: Operation): boolean =>
  hasEnded(cleanup) && !isProjectDeleted(cleanup);
