import type { Account, AccountEvent } from '../../events/account.ts';
import type { AccountRecord } from './inventory.ts';

/** Names one account. */
export type AccountName = Pick<Account, 'type' | 'id'>;

/** Who decides about held deletions, and why; kept. */
export interface Decider {
  readonly by: string;
  readonly reason: string;
  readonly at: number;
}

/**
 * Lets deletions pass that were held apart: each is announced as the notification would have been.
 * Keystone confirms it like any other. Records without a suspicion are left out.
 */
export function released(
  records: readonly AccountRecord[],
  { by, reason }: Decider,
): { accounts: AccountRecord[]; messages: AccountEvent[] } {
  const held = records.filter(({ suspicion }) => suspicion);
  return {
    accounts: held.map(({ suspicion: _, ...record }) => record),
    messages: held.flatMap(({ account, suspicion }): AccountEvent[] =>
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

/** Nothing follows from them. They are kept, and can still be released. */
export const dropped = (records: readonly AccountRecord[], decider: Decider): AccountRecord[] =>
  records.flatMap((record) =>
    record.suspicion && !record.suspicion.dropped
      ? [{ ...record, suspicion: { ...record.suspicion, dropped: decider } }]
      : [],
  );

/** As a person reads them: those that are to be decided first, the last one first. */
export function newestSuspicions(
  records: readonly AccountRecord[],
  limit: number,
): { total: number; records: AccountRecord[] } {
  const isOpen = ({ suspicion }: AccountRecord): boolean => suspicion?.dropped === undefined;
  const held = records.filter(({ suspicion }) => suspicion);
  const sorted = held.toSorted(
    (one, other) =>
      Number(isOpen(other)) - Number(isOpen(one)) ||
      (other.suspicion?.at ?? 0) - (one.suspicion?.at ?? 0),
  );
  return { total: held.filter(isOpen).length, records: sorted.slice(0, limit) };
}
