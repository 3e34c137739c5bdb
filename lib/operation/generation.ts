import type { Cause } from '../../events/account.ts';
import { ENDED, type Operation } from './model.ts';

/** What tells a new deletion of an account from one that an operation has dealt with already. */
export interface Deletion {
  /**
   * Epoch milliseconds of the notification, by the clock of the Keystone host. `undefined` where the
   * account itself was not announced: a project that was found in a deleted domain.
   */
  readonly announcedAt: number | undefined;
  /** Epoch milliseconds when Keystone last showed the account; `undefined` if it never did. */
  readonly seenAliveAt: number | undefined;
}

/**
 * Keystone sends its notification when the propagator itself deletes the project. It is taken for
 * that deletion up to so long after the operation has ended: the clocks of two hosts differ.
 */
const OWN_DELETION_MILLIS = 60_000;

/**
 * Safety rule "never closed for ever": whether this is another deletion than the one that `last`
 * deals with. It is if the account was deleted, or was seen alive, after the time up to which the
 * operation accounts for what the account left behind. Keystone's 404 alone proves nothing here. In
 * doubt the answer is yes, for a second cleanup of nothing does no harm.
 */
export function isNewDeletion(last: Operation, { announcedAt, seenAliveAt }: Deletion): boolean {
  const covered = coveredUntil(last);
  return (announcedAt ?? 0) > covered || (seenAliveAt ?? 0) > covered;
}

/** Whatever the account made before this time, the operation finds or has found. */
function coveredUntil(operation: Operation): number {
  const { request, confirmedAt, startedAt, endedAt, state } = operation;
  // Nothing was removed yet: what is found at the beginning of the removal covers all before it.
  if (!ENDED.includes(state) && startedAt === undefined) return Number.POSITIVE_INFINITY;
  if (!request) return startedAt ?? confirmedAt.at(-1) ?? endedAt ?? 0;
  // It was planned, and the project lived on.
  if (state === 'observed' || state === 'refused') return 0;
  const ownDeletion =
    endedAt === undefined ? Number.POSITIVE_INFINITY : endedAt + OWN_DELETION_MILLIS;
  return confirmedAt.at(-1) ?? ownDeletion;
}

/** The same message once more: its id and its content are the same. One of them alone is no proof. */
export const isSameMessage = (one: Cause, other: Cause): boolean =>
  one.messageId === other.messageId && one.digest === other.digest;
