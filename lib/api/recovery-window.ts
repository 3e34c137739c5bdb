import * as z from 'zod';
import type { Account } from '../../events/account.ts';
import type { RecoveryWindow } from '../operation/recovery-window.ts';
import { decideRecoveryWindow } from '../policy/decide.ts';
import type { Policy } from '../policy/schema.ts';
import type { ApiDeps } from './deps.ts';

const MAX_SECONDS = 366 * 86_400;

/** The fields of a body that ask for a recovery window. */
export const recoveryWindowFields = {
  /**
   * The time for which the deletion can be canceled. 0: the deletion begins immediately. Absent:
   * the policy decides.
   */
  recoverForSeconds: z.number().min(0).max(MAX_SECONDS).optional(),
  /** The times before the end of the window at which reminders are published. */
  remindBeforeSeconds: z.array(z.number().min(0).max(MAX_SECONDS)).max(20).optional(),
};

/** The recovery window that a person requests. A field that is not set: the policy decides. */
export interface RequestedWindow {
  readonly recoverForSeconds?: number | undefined;
  readonly remindBeforeSeconds?: readonly number[] | undefined;
}

/**
 * Returns the recovery window of a deletion; `undefined`: the deletion begins immediately. Each
 * field that a person requests replaces the value of the policy.
 */
export async function recoveryWindowOf(
  account: Account,
  requestedWindow: RequestedWindow | undefined,
  { cloud, policy }: Pick<ApiDeps, 'cloud' | 'policy'>,
): Promise<RecoveryWindow | undefined> {
  const policyWindow = policy && (await recoveryWindowOfPolicy(account, policy, cloud));
  const lengthMillis =
    requestedWindow?.recoverForSeconds === undefined
      ? policyWindow?.lengthMillis
      : requestedWindow.recoverForSeconds * 1000;
  if (!lengthMillis) return undefined;
  const requestedRemindMillis = requestedWindow?.remindBeforeSeconds?.map(
    (seconds) => seconds * 1000,
  );
  return { lengthMillis, remindMillis: requestedRemindMillis ?? policyWindow?.remindMillis ?? [] };
}

/** Returns the recovery window of the policy. The policy has no windows for users. */
async function recoveryWindowOfPolicy(
  account: Account,
  policy: Policy,
  cloud: ApiDeps['cloud'],
): Promise<RecoveryWindow | undefined> {
  if (account.type === 'user') return undefined;
  // The facts of a domain contain no project name, parent or tags, so only rules that have none of
  // these conditions match.
  if (account.type === 'domain') {
    const { id, name: domainName } = account;
    const domainFacts = { id, name: undefined, domainId: id, domainName };
    return decideRecoveryWindow(policy, { ...domainFacts, parentId: undefined, tags: [] });
  }
  const { domainId, id, name, parentId, tags = [] } = account;
  const domain = domainId === undefined ? undefined : await cloud.keystone.show('domain', domainId);
  const domainName = domain?.kind === 'present' ? domain.account.name : undefined;
  return decideRecoveryWindow(policy, { id, name, domainId, domainName, parentId, tags });
}
