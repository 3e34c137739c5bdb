import type { Cause } from '../../events/account.ts';
import { ENDED, type Operation } from './model.ts';

/** The times that distinguish a new deletion from one that an operation already handles. */
export interface Deletion {
  /**
   * Epoch milliseconds of the notification, by the clock of the Keystone host. `undefined` for a
   * project of a deleted domain that was not announced itself.
   */
  readonly announcedAt: number | undefined;
  /** Epoch milliseconds when Keystone last showed the account; `undefined` if it never did. */
  readonly seenAliveAt: number | undefined;
}

/**
 * Keystone also announces a deletion that the propagator itself made. A notification up to this
 * long after the operation's end counts as that deletion, because the clocks of two hosts differ.
 */
const OWN_DELETION_MILLIS = 60_000;

/**
 * Safety rule "Every ended operation can be run again": true if this is another deletion than the
 * one that `last` handles. That is so if the account was deleted, or shown by Keystone, after the
 * time up to which the operation covers its resources. Keystone's 404 alone proves nothing here. If
 * this is uncertain, the result is true, because a second cleanup does no harm.
 */
export function isNewDeletion(last: Operation, { announcedAt, seenAliveAt }: Deletion): boolean {
  const covered = coveredUntil(last);
  return (announcedAt ?? 0) > covered || (seenAliveAt ?? 0) > covered;
}

/** Returns the time up to which the operation covers all resources of the account. */
function coveredUntil(operation: Operation): number {
  const { request, confirmedAt, keystoneAction, scope, startedAt, endedAt, state } = operation;
  // Nothing was removed yet. The removal begins with a listing, which covers everything that exists
  // then.
  if (!ENDED.includes(state) && startedAt === undefined) return Number.POSITIVE_INFINITY;
  if (!request) return startedAt ?? confirmedAt.at(-1) ?? endedAt ?? 0;
  // The project was only planned and continued to exist.
  if (state === 'observed' || state === 'refused' || state === 'canceled') return 0;
  // The domain was not deleted, because one of its projects was not deleted.
  const isDeletion = scope.type !== 'domain' || keystoneAction?.what === 'delete';
  if (endedAt !== undefined && !isDeletion) return 0;
  const ownDeletion =
    endedAt === undefined ? Number.POSITIVE_INFINITY : endedAt + OWN_DELETION_MILLIS;
  return confirmedAt.at(-1) ?? ownDeletion;
}

/**
 * True for a repeated message, with the same id and the same content. One of the two alone proves
 * no repetition, because the sender chooses the id.
 */
export const isSameMessage = (one: Cause, other: Cause): boolean =>
  one.messageId === other.messageId && one.digest === other.digest;
