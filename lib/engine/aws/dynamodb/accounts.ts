import { foldId } from '../../../../events/ids.ts';
import type { AccountRecord } from '../../../account/inventory.ts';
import { mergeAccounts } from '../../accounts.ts';
import { StoredAccount } from '../../records.ts';
import { pack, unpack } from './codec.ts';
import { accountKey, foldedIdPk, memberPk, projectsPk, SUSPICION_PK } from './keys.ts';
import { type Item, keyOf, numberOf, textOf, type Write } from './rows.ts';
import type { Store } from './table.ts';

/** Rows for the account records of a change. */
export interface AccountRows {
  readonly writes: readonly Write[];
  /**
   * Pointers to new members and to the account. The commit writes pointers before the transaction,
   * because readers ignore a pointer without a row.
   */
  readonly pointersFirst: readonly Item[];
  /** The number of new accounts. */
  readonly added: number;
}

/**
 * Reads the stored records and merges the new records into them. If another process writes one of
 * these rows after the read, the transaction fails and the caller calls this function again.
 */
export async function accountRows(
  records: readonly AccountRecord[],
  store: Store,
): Promise<AccountRows> {
  const newest = new Map(records.map((record) => [nameOf(record), record]));
  const items = await store.many(
    [...newest.values()].map(({ account }) => accountKey(account.type, account.id)),
  );
  const before = new Map(
    items.map((item) => [`${textOf(item, 'pk')} ${textOf(item, 'sk')}`, item]),
  );
  const rows = [...newest.values()].map((record) => rowsOf(record, before.get(nameOf(record))));
  return {
    writes: rows.flatMap(({ writes }) => writes),
    pointersFirst: rows.flatMap(({ pointersFirst }) => pointersFirst),
    added: rows.reduce((sum, { added }) => sum + added, 0),
  };
}

const nameOf = ({ account }: AccountRecord): string =>
  Object.values(accountKey(account.type, account.id)).join(' ');

function rowsOf(record: AccountRecord, item: Item | undefined): AccountRows {
  const { account } = record;
  const old = item && StoredAccount.parse(unpack(item.body));
  const now = mergeAccounts(old, record);
  const revision = numberOf(item, 'revision');
  const Item = {
    ...keyOf(accountKey(account.type, account.id)),
    revision: { N: String(revision + 1) },
    body: pack(now),
  };
  const writes: Write[] = [{ Put: { Item, ...unchanged('revision', item && revision) } }];
  const folded = foldId(account.id);
  const pointers =
    item || folded === account.id
      ? []
      : [keyOf({ pk: foldedIdPk(account.type, folded), sk: account.id })];
  if (now.suspicion && !old?.suspicion)
    pointers.push(keyOf({ pk: SUSPICION_PK, sk: `${account.type}#${account.id}` }));
  if (old?.suspicion && !now.suspicion)
    writes.push({
      Delete: { Key: keyOf({ pk: SUSPICION_PK, sk: `${account.type}#${account.id}` }) },
    });
  if (account.type !== 'project') return { writes, pointersFirst: pointers, added: item ? 0 : 1 };
  const storedDomain = old?.account.type === 'project' ? old.account.domainId : undefined;
  if (account.domainId !== undefined && account.domainId !== storedDomain)
    writes.push({ Put: { Item: keyOf({ pk: projectsPk(account.domainId), sk: account.id }) } });
  const storedMembers = new Set(old?.members);
  const newMembers = (now.members ?? []).filter((member) => !storedMembers.has(member));
  return {
    writes,
    pointersFirst: [
      ...pointers,
      ...newMembers.map((member) => keyOf({ pk: memberPk(member), sk: account.id })),
    ],
    added: item ? 0 : 1,
  };
}

/**
 * Returns the condition that a row has not changed since it was read. `read`: the version that was
 * read; `undefined` for a row that did not exist.
 */
export const unchanged = (attribute: 'version' | 'revision', read: number | undefined) =>
  read === undefined
    ? { ConditionExpression: 'attribute_not_exists(pk)' }
    : {
        ConditionExpression: '#number = :read',
        ExpressionAttributeNames: { '#number': attribute },
        ExpressionAttributeValues: { ':read': { N: String(read) } },
      };
