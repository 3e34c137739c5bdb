import type { Account } from '../../events/account.ts';
import type { AccountRecord } from '../account/inventory.ts';
import type { Reads } from '../engine/port.ts';
import type { Mode } from '../operation/model.ts';
import { decideChange } from '../policy/decide.ts';
import { NO_POLICY, type Policy } from '../policy/schema.ts';

/** The decision about the cleanup of a deleted account. */
export interface CleanupDecision {
  readonly mode: Mode;
  readonly gracePeriodMillis: number;
  /** The reason if no cleanup follows; otherwise `undefined`. */
  readonly refusedBecause: string | undefined;
  /** The number of the rule in the policy file; `undefined`: the settings decide. */
  readonly rule: number | undefined;
}

/** The dependencies of {@link cleanupDecision}. */
export interface CleanupPolicyDeps {
  readonly engine: { readonly reads: Pick<Reads, 'account'> };
  readonly mode: Mode;
  readonly gracePeriodMillis: number;
  readonly policy?: Policy;
}

/**
 * Returns the mode and the grace period of the cleanup of a deleted account. The settings decide
 * unless a rule of the policy matches the project. Keystone no longer shows the project, so the
 * rules are matched with the data of the inventory. If the mode of the settings is `observe`, the
 * mode of the cleanup is also `observe`, whatever the rule says.
 */
export async function cleanupDecision(
  account: Account,
  record: AccountRecord | undefined,
  { engine, gracePeriodMillis, mode, policy = NO_POLICY }: CleanupPolicyDeps,
): Promise<CleanupDecision> {
  const decisionOfSettings = {
    mode,
    gracePeriodMillis,
    refusedBecause: undefined,
    rule: undefined,
  };
  const hasRule = policy.rules.some(({ on }) => on['project.deleted']);
  if (account.type !== 'project' || !hasRule) return decisionOfSettings;
  const project = record?.account.type === 'project' ? { ...account, ...record.account } : account;
  const domain =
    project.domainId === undefined
      ? undefined
      : await engine.reads.account('domain', project.domainId);
  const {
    action,
    afterMillis,
    mode: ruleMode,
    rule,
  } = decideChange(policy, 'project.deleted', {
    id: project.id,
    name: project.name,
    domainId: project.domainId,
    domainName: domain?.account.name,
    parentId: project.parentId,
    tags: project.tags ?? [],
  });
  if (rule === undefined) return decisionOfSettings;
  return {
    mode: mode === 'enforce' ? ruleMode : 'observe',
    gracePeriodMillis: afterMillis ?? gracePeriodMillis,
    refusedBecause:
      action === 'none' ? `rule ${rule} of the policy has the action none` : undefined,
    rule,
  };
}
