import type { Account } from '../../events/account.ts';
import type { AccountRecord } from '../account/inventory.ts';
import type { Engine } from '../engine/port.ts';
import type { Operation, Scope } from '../operation/model.ts';
import { scopeOf } from '../operation/scope.ts';

/** Returns the stored data of an account: its record, its operations, and their scope. */
export async function readHistory(
  account: Account,
  reads: Pick<Engine['reads'], 'account' | 'operationsAbout' | 'projectsOfMember'>,
): Promise<{
  readonly record: AccountRecord | undefined;
  readonly operations: readonly Operation[];
  readonly scope: Scope;
}> {
  const [record, operations, projects] = await Promise.all([
    reads.account(account.type, account.id),
    reads.operationsAbout(account.type, account.id),
    account.type === 'user' ? reads.projectsOfMember(account.id) : [],
  ]);
  return { record, operations, scope: scopeOf(account, { record, projects }) };
}
