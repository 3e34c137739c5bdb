import { PropagatorError } from '../shared/errors.ts';
import type { ProvisionItem } from './provision.ts';

/**
 * A claim is valid for this time. When the time is over, the call that creates the claimed resource
 * has certainly ended, even if the run was killed.
 */
export const CLAIM_VALIDITY_MILLIS = 120_000;

/**
 * Prevents two runs from creating the same resource, even if one of them was killed. Claims are
 * stored by account, service and region.
 */
export interface ItemClaims {
  /**
   * Claims the creation of a resource for this run. Returns 0 on success. If another run has the
   * claim, returns the milliseconds until the last call of that run has certainly ended.
   */
  claim(key: string): Promise<number>;
  /** Releases a claim of this run. Called when the service has refused the creation. */
  release(key: string): Promise<void>;
  /** Removes all claims of the account, service and region. Called when every item exists. */
  clear(): Promise<void>;
}

/** Returns the key of the claim for an item. */
export const claimKey = ({ type, name }: ProvisionItem): string => `${type}/${name}`;

/**
 * Claims the first item that could be created twice and that no other run has claimed. Returns the
 * key of the claim. If other runs have claimed all such items, returns the milliseconds until the
 * last calls of these runs have certainly ended. The run claims one item at a time, right before
 * the call that creates it. If the run is killed, at most one claim without a resource therefore
 * remains.
 */
export async function claimNextItem(
  items: readonly ProvisionItem[],
  claims: ItemClaims,
): Promise<{ waitMillis: number; claimedKey: string | undefined }> {
  let longestWaitMillis = 0;
  for (const item of items) {
    if (!item.canDuplicate) continue;
    const waitMillis = await claims.claim(claimKey(item));
    if (waitMillis === 0) return { waitMillis: 0, claimedKey: claimKey(item) };
    longestWaitMillis = Math.max(longestWaitMillis, waitMillis);
  }
  return { waitMillis: longestWaitMillis, claimedKey: undefined };
}

/** True if the service may have created the resource in spite of this error. */
export const mayHaveCreated = (thrown: unknown): boolean =>
  !(thrown instanceof PropagatorError) ||
  thrown.report.status === undefined ||
  thrown.report.status >= 500;
