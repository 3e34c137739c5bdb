import { foldId } from '../../../../events/ids.ts';
import type { AccountRecord } from '../../../account/inventory.ts';
import { mergeAccounts } from '../../accounts.ts';
import { StoredAccount } from '../../records.ts';
import { pack, unpack } from './codec.ts';
import {
  accountKey,
  foldedIdPk,
  projectsOfDomainPk,
  projectsOfMemberPk,
  SUSPICION_PK,
} from './keys.ts';
import { type Item, ifUnchanged, keyOf, numberOf, textOf, type Write } from './rows.ts';
import type { Store } from './table.ts';

/** Rows for the account records of a change. */
export interface AccountRows {
  readonly writes: readonly Write[];
  /**
   * Pointers that the commit writes before the transaction, to keep the transaction small. Readers
   * ignore a pointer without its target.
   */
  readonly pointersWrittenFirst: readonly Item[];
  /** The number of new accounts. */
  readonly newAccountCount: number;
}

/**
 * Reads the stored records and merges the new records into them. If another process writes one of
 * these rows after the read, the transaction fails and the caller calls this function again.
 */
export async function accountRows(
  records: readonly AccountRecord[],
  store: Store,
): Promise<AccountRows> {
  const recordsByKey = new Map(records.map((record) => [keyTextOf(record), record]));
  const items = await store.getMany(
    [...recordsByKey.values()].map(({ account }) => accountKey(account.type, account.id)),
  );
  const itemsByKey = new Map(
    items.map((item) => [`${textOf(item, 'pk')} ${textOf(item, 'sk')}`, item]),
  );
  const rows = [...recordsByKey].map(([key, record]) => rowsOfAccount(record, itemsByKey.get(key)));
  return {
    writes: rows.flatMap(({ writes }) => writes),
    pointersWrittenFirst: rows.flatMap(({ pointersWrittenFirst }) => pointersWrittenFirst),
    newAccountCount: rows.reduce((sum, { newAccountCount }) => sum + newAccountCount, 0),
  };
}

const keyTextOf = ({ account }: AccountRecord): string =>
  Object.values(accountKey(account.type, account.id)).join(' ');

/** Returns the rows of one record. `item`: its stored row, or `undefined` for a new account. */
function rowsOfAccount(record: AccountRecord, item: Item | undefined): AccountRows {
  const { type, id } = record.account;
  const storedRecord = item && StoredAccount.parse(unpack(item.body));
  const mergedRecord = mergeAccounts(storedRecord, record);
  const revision = numberOf(item, 'revision');
  const Item = {
    ...keyOf(accountKey(type, id)),
    revision: { N: String(revision + 1) },
    body: pack(mergedRecord),
  };
  return {
    writes: [
      { Put: { Item, ...ifUnchanged('revision', item && revision) } },
      ...(storedRecord?.suspicion && !mergedRecord.suspicion
        ? [{ Delete: { Key: suspicionPointer(mergedRecord) } }]
        : []),
      ...domainPointers(mergedRecord, storedRecord).map(
        (pointer): Write => ({ Put: { Item: pointer } }),
      ),
    ],
    pointersWrittenFirst: [
      ...(item ? [] : foldedIdPointers(mergedRecord)),
      ...(mergedRecord.suspicion && !storedRecord?.suspicion
        ? [suspicionPointer(mergedRecord)]
        : []),
      ...memberPointers(mergedRecord, storedRecord),
    ],
    newAccountCount: item ? 0 : 1,
  };
}

const suspicionPointer = ({ account }: AccountRecord): Item =>
  keyOf({ pk: SUSPICION_PK, sk: `${account.type}#${account.id}` });

/** Returns the pointer by which accounts with a similar id are found. */
function foldedIdPointers({ account: { type, id } }: AccountRecord): Item[] {
  const foldedId = foldId(id);
  return foldedId === id ? [] : [keyOf({ pk: foldedIdPk(type, foldedId), sk: id })];
}

/** Returns the pointer from a domain to its project, unless the stored record has this domain. */
function domainPointers(
  { account }: AccountRecord,
  storedRecord: AccountRecord | undefined,
): Item[] {
  if (account.type !== 'project' || account.domainId === undefined) return [];
  const oldDomain =
    storedRecord?.account.type === 'project' ? storedRecord.account.domainId : undefined;
  if (account.domainId === oldDomain) return [];
  return [keyOf({ pk: projectsOfDomainPk(account.domainId), sk: account.id })];
}

/** Returns the pointers to a project from the members that its stored record does not contain. */
function memberPointers(
  { account, members = [] }: AccountRecord,
  storedRecord: AccountRecord | undefined,
): Item[] {
  if (account.type !== 'project') return [];
  const oldMembers = new Set(storedRecord?.members);
  return members
    .filter((member) => !oldMembers.has(member))
    .map((member) => keyOf({ pk: projectsOfMemberPk(member), sk: account.id }));
}
