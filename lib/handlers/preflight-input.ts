import type { Cloud } from '../openstack/cloud.ts';
import type { Mode, Operation } from '../operation/model.ts';
import type { AccountState, PreflightInput } from '../operation/preflight.ts';
import { type Protection, protectedBecause } from '../task/safety-rules.ts';
import { findDisabledDomain } from './account-state.ts';
import { type HoldDeps, readAccountHold } from './deletion-holds.ts';

/** The dependencies of {@link readPreflightInput}. */
export interface PreflightInputDeps extends HoldDeps {
  readonly cloud: Pick<Cloud, 'keystone'>;
  readonly mode: Mode;
  readonly protection: () => Promise<Protection>;
}

/**
 * Reads the facts that decide whether a run or a Keystone action is forbidden now.
 *
 * - `accountState`: the state of the account in Keystone;
 * - `needsToken`: true if the run or the action needs a token on the project. The result then
 *   contains the domain of the project if the domain is disabled and the project is enabled;
 * - `ignoresHolds`: true if holds forbid nothing. The function then reads no holds.
 */
export async function readPreflightInput(
  operation: Operation,
  accountState: AccountState,
  { needsToken, ignoresHolds }: { readonly needsToken: boolean; readonly ignoresHolds: boolean },
  deps: PreflightInputDeps,
): Promise<PreflightInput> {
  const protectionReason = protectedBecause(operation.scope, await deps.protection());
  const deletionHold = ignoresHolds ? undefined : await readAccountHold(operation, deps);
  const domain =
    needsToken && accountState === 'disabled'
      ? await findDisabledDomain(operation, deps)
      : undefined;
  return {
    operation,
    mode: deps.mode,
    protectedBecause: protectionReason,
    accountState,
    deletionHold,
    disabledDomain: domain,
  };
}

/**
 * True if a hold does not forbid the Keystone actions of the operation. A hold forbids deletions,
 * and nothing is deleted during a recovery window.
 */
export const actionsIgnoreHolds = ({ state }: Operation): boolean => state === 'recoverable';
