import type { Cause } from '../../events/account.ts';
import { hasEnded } from './ended.ts';
import type { Operation } from './model.ts';

/**
 * The times that distinguish a new deletion of an account from a deletion that an operation already
 * handles.
 */
export interface DeletionTimes {
  /**
   * Epoch milliseconds of the notification, by the clock of the Keystone host. `undefined` if no
   * notification announced the deletion, but the deletion of the project's domain is confirmed.
   */
  readonly announcedAt: number | undefined;
  /** Epoch milliseconds when Keystone last showed the account; `undefined` if it never did. */
  readonly seenAliveAt: number | undefined;
}

/**
 * Keystone also sends a notification when the propagator deletes the account. This notification
 * announces no new deletion. Its time may be later than the end of the operation, because the clock
 * of the Keystone host may be ahead. A notification that was sent at most this long after the end
 * therefore counts as the notification of the propagator's deletion.
 */
const OWN_NOTIFICATION_MILLIS = 60_000;

/**
 * True if the last cleanup of the account does not handle this deletion (safety rule "Every ended
 * operation can be run again"). The deletion is new if it was announced after the time that
 * {@link handledUntil} returns, or if Keystone showed the account after this time. In doubt the
 * result is true, because a second cleanup does no harm.
 */
export function isNewDeletion(
  lastCleanup: Operation,
  { announcedAt, seenAliveAt }: DeletionTimes,
): boolean {
  const handledTime = handledUntil(lastCleanup);
  return (announcedAt ?? 0) > handledTime || (seenAliveAt ?? 0) > handledTime;
}

/**
 * Returns a time in epoch milliseconds. The operation handles every resource of the account that
 * was created before this time. The time is infinite if the operation handles all resources, and 0
 * if it handles no deletion.
 */
function handledUntil(operation: Operation): number {
  const { request, confirmedAt, startedAt, endedAt } = operation;
  // The removal has not begun. It will begin with a listing, which shows all resources that exist
  // then.
  if (!hasEnded(operation) && startedAt === undefined) return Number.POSITIVE_INFINITY;
  if (!request) return startedAt ?? confirmedAt.at(-1) ?? endedAt ?? 0;
  if (hasEndedWithoutDeletion(operation)) return 0;
  const ownNotificationUntil =
    endedAt === undefined ? Number.POSITIVE_INFINITY : endedAt + OWN_NOTIFICATION_MILLIS;
  // `confirmedAt` has times only if another client deleted the account.
  return confirmedAt.at(-1) ?? ownNotificationUntil;
}

/** True if a requested operation has ended without deleting its account in Keystone. */
function hasEndedWithoutDeletion({ endedAt, keystoneAction, scope, state }: Operation): boolean {
  if (state === 'observed' || state === 'refused' || state === 'canceled') return true;
  // The operation of a domain ended before it requested the deletion of the domain.
  return scope.type === 'domain' && keystoneAction?.what !== 'delete' && endedAt !== undefined;
}

/**
 * True for a repeated message: the same id and the same content. The id alone is no proof, because
 * the sender chooses it.
 */
export const isSameMessage = (one: Cause, other: Cause): boolean =>
  one.messageId === other.messageId && one.digest === other.digest;
