import type { Account } from '../../events/account.ts';
import type { UserId } from '../../events/ids.ts';
import type { ProjectScope, Scope } from './model.ts';

/** A record of the inventory, as far as an operation needs it. */
export interface KnownAccount {
  readonly account: Account;
  readonly members: readonly UserId[] | undefined;
}
/** What the inventory knows beside the account itself. */
export interface KnownAbout {
  readonly record: KnownAccount | undefined;
  /** Users only: the records of the projects on which the user had a role. */
  readonly projects: readonly KnownAccount[];
}

/** What an operation remembers of an account that its services need to know. */
export function scopeOf(account: Account, { record, projects }: KnownAbout): Scope {
  if (account.type === 'project') return projectScope(account, record);
  const { name } = account;
  const named = name === undefined ? {} : { name };
  if (account.type === 'domain') return { type: 'domain', id: account.id, ...named };
  return {
    type: 'user',
    id: account.id,
    ...named,
    ...(account.domainId === undefined ? {} : { domainId: account.domainId }),
    projects: projects.flatMap((one) => (one.account.type === 'project' ? [one.account.id] : [])),
  };
}

/** The project, and the members that the inventory has recorded. */
export function projectScope(
  { id, name, domainId }: Extract<Account, { type: 'project' }>,
  record: KnownAccount | undefined,
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
 * The scope of a rerun: what the earlier operation knew and what the inventory knows now. Members
 * and projects of both count, for either may have recorded what the other has not.
 */
export function scopeAgain(earlier: Scope, now: Scope): Scope {
  if (earlier.type === 'project' && now.type === 'project') {
    const { members = [] } = earlier;
    const all = earlier.members || now.members ? [...members, ...(now.members ?? [])] : undefined;
    return { ...earlier, ...now, ...(all ? { members: [...new Set(all)] } : {}) };
  }
  if (earlier.type === 'user' && now.type === 'user')
    return {
      ...earlier,
      ...now,
      projects: [...new Set([...earlier.projects, ...now.projects])],
    };
  return { ...earlier, ...now } as Scope;
}
