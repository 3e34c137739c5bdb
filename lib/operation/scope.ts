import type { Account } from '../../events/account.ts';
import type { UserId } from '../../events/ids.ts';
import type { ProjectScope, Scope } from './model.ts';

/** An account in the inventory. `members`: the users with a role on a project. */
export interface InventoryAccount {
  readonly account: Account;
  readonly members: readonly UserId[] | undefined;
}
/** The data of the inventory about an account and the accounts that are related to it. */
export interface InventoryRecords {
  /** `undefined` if the inventory does not have the account. */
  readonly record: InventoryAccount | undefined;
  /** Users only: the records of the projects on which the user had a role. */
  readonly projects: readonly InventoryAccount[];
}

/** Returns the scope of an operation: the account with the data that services need. */
export function scopeOf(account: Account, { record, projects }: InventoryRecords): Scope {
  if (account.type === 'project') return projectScope(account, record);
  const { name } = account;
  const nameField = name === undefined ? {} : { name };
  if (account.type === 'domain') return { type: 'domain', id: account.id, ...nameField };
  return {
    type: 'user',
    id: account.id,
    ...nameField,
    ...(account.domainId === undefined ? {} : { domainId: account.domainId }),
    projects: projects.flatMap((one) => (one.account.type === 'project' ? [one.account.id] : [])),
  };
}

/** Returns the scope of a project, with the members that the inventory recorded. */
export function projectScope(
  { id, name, domainId }: Extract<Account, { type: 'project' }>,
  record: InventoryAccount | undefined,
): ProjectScope {
  return {
    type: 'project',
    id,
    ...(name === undefined ? {} : { name }),
    ...(domainId === undefined ? {} : { domainId }),
    ...(record?.members ? { members: record.members } : {}),
  };
}

/**
 * Returns the scope of an operation with the present data of the inventory (`recorded`). The
 * members of a project and the projects of a user are taken from both scopes, because each of the
 * two may be incomplete.
 */
export function mergedScope(earlier: Scope, recorded: Scope): Scope {
  if (earlier.type === 'project' && recorded.type === 'project') {
    const { members = [] } = earlier;
    const allMembers =
      earlier.members || recorded.members ? [...members, ...(recorded.members ?? [])] : undefined;
    return {
      ...earlier,
      ...recorded,
      ...(allMembers ? { members: [...new Set(allMembers)] } : {}),
    };
  }
  if (earlier.type === 'user' && recorded.type === 'user')
    return {
      ...earlier,
      ...recorded,
      projects: [...new Set([...earlier.projects, ...recorded.projects])],
    };
  return { ...earlier, ...recorded } as Scope;
}
