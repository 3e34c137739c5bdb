import type { AccountRecord } from '../../../account/inventory.ts';
import { newestSuspicions } from '../../../account/suspicion.ts';
import type { AccountReads } from '../../port.ts';
import { StoredAccount } from '../../records.ts';
import { parseBodies } from './codec.ts';
import { readAccountCount } from './counters.ts';
import {
  accountKey,
  accountPk,
  foldedIdPk,
  idIn,
  projectsOfDomainPk,
  projectsOfMemberPk,
  SUSPICION_PK,
} from './keys.ts';
import type { Store } from './table.ts';

/** Reads the inventory from the table. */
export function accountReads(store: Store): AccountReads {
  const readAccounts = async (
    type: AccountRecord['account']['type'],
    ids: readonly string[],
  ): Promise<AccountRecord[]> => {
    const rows = await store.getMany([...new Set(ids)].map((id) => accountKey(type, id)));
    return parseBodies(StoredAccount, rows).toSorted((one, other) =>
      one.account.id < other.account.id ? -1 : 1,
    );
  };

  return {
    async account(type, id) {
      return (await readAccounts(type, [id]))[0];
    },
    async accounts(type, ids) {
      return ids
        ? readAccounts(type, ids)
        : parseBodies(StoredAccount, await store.query({ pk: accountPk(type) }));
    },
    async suspicions(limit) {
      const sortKeys = await store.sortKeys({ pk: SUSPICION_PK });
      const accountKeys = sortKeys.map((sk) => ({
        pk: `account#${sk.slice(0, sk.indexOf('#'))}`,
        sk: idIn(sk),
      }));
      const accounts = parseBodies(StoredAccount, await store.getMany(accountKeys));
      return newestSuspicions(
        accounts.filter(({ suspicion }) => suspicion),
        limit,
      );
    },
    async accountsWithFoldedId(type, foldedId) {
      if (foldedId === '') return [];
      const otherIds = await store.sortKeys({ pk: foldedIdPk(type, foldedId) });
      return readAccounts(type, [foldedId, ...otherIds]);
    },
    async accountsAfter(type, after, limit) {
      // The range includes the account `after`, which is not a part of the result.
      const range = after === undefined ? {} : { from: after };
      const rows = await store.query({ pk: accountPk(type), ...range, limit: limit + 1 });
      return parseBodies(StoredAccount, rows)
        .filter(({ account }) => account.id !== after)
        .slice(0, limit);
    },
    async projectsOf(domainId) {
      const projectIds = await store.sortKeys({ pk: projectsOfDomainPk(domainId) });
      return (await readAccounts('project', projectIds)).filter(
        ({ account }) => account.type === 'project' && account.domainId === domainId,
      );
    },
    async projectsOfMember(userId) {
      const projectIds = await store.sortKeys({ pk: projectsOfMemberPk(userId) });
      return (await readAccounts('project', projectIds)).filter(({ members }) =>
        members?.includes(userId),
      );
    },
    accountCount: () => readAccountCount(store),
  };
}
