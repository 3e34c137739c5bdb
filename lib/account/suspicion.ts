import type { AccountEvent } from '../../events/account.ts';
import type { AccountRecord } from './inventory.ts';

/** The decision of a person about held deletions (`Suspicion` in `inventory.ts`). */
export interface SuspicionDecision {
  readonly by: string;
  readonly reason: string;
  readonly at: number;
}

/**
 * Releases held deletions. Each deletion is published as an account event, and Keystone must then
 * confirm it like every deletion. Records that have no suspicion are ignored.
 */
export function releaseSuspicions(
  records: readonly AccountRecord[],
  { by, reason }: SuspicionDecision,
): { accounts: AccountRecord[]; messages: AccountEvent[] } {
  const heldRecords = records.filter(({ suspicion }) => suspicion);
  return {
    accounts: heldRecords.map(({ suspicion: _, ...record }) => record),
    messages: heldRecords.flatMap(({ account, suspicion }): AccountEvent[] =>
      suspicion
        ? [
            {
              type: `account.${account.type}.deleted`,
              data: {
                account,
                cause: {
                  ...suspicion.cause,
                  suspicious: true,
                  note: `released by ${by}: ${reason}`,
                },
              },
            },
          ]
        : [],
    ),
  };
}

/**
 * Drops held deletions. A dropped deletion opens no operation. A person can still release it later.
 */
export const dropSuspicions = (
  records: readonly AccountRecord[],
  decision: SuspicionDecision,
): AccountRecord[] =>
  records.flatMap((record) =>
    record.suspicion && !record.suspicion.dropped
      ? [{ ...record, suspicion: { ...record.suspicion, dropped: decision } }]
      : [],
  );

/**
 * Returns up to `limit` held deletions for display: first the undecided ones, then the dropped
 * ones, each from the newest to the oldest. `total` is the number of undecided deletions.
 */
export function newestSuspicions(
  records: readonly AccountRecord[],
  limit: number,
): { total: number; records: AccountRecord[] } {
  const isUndecided = ({ suspicion }: AccountRecord): boolean => suspicion?.dropped === undefined;
  const held = records.filter(({ suspicion }) => suspicion);
  const undecidedAndNewestFirst = held.toSorted(
    (one, other) =>
      Number(isUndecided(other)) - Number(isUndecided(one)) ||
      (other.suspicion?.at ?? 0) - (one.suspicion?.at ?? 0),
  );
  return {
    total: held.filter(isUndecided).length,
    records: undecidedAndNewestFirst.slice(0, limit),
  };
}
