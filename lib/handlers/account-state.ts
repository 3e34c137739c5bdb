import type { Account } from '../../events/account.ts';
import type { DomainId } from '../../events/ids.ts';
import type { Keystone } from '../account/keystone.ts';
import type { Cloud } from '../openstack/cloud.ts';
import type { DeletionCheckOptions } from '../openstack/project-admin.ts';
import { isPartOfDomainDeletion } from '../operation/domain-project.ts';
import type { Operation } from '../operation/model.ts';
import type { AccountState } from '../operation/preflight.ts';
import { PropagatorError } from '../shared/errors.ts';

interface AccountStateDeps {
  readonly cloud: Pick<Cloud, 'keystone'>;
}

/**
 * Returns the state of the operation's account in Keystone. An enabled project of a disabled domain
 * counts as disabled if it is deleted with the domain. Throws when the answer is not certain.
 */
export async function fetchAccountState(
  operation: Operation,
  deps: AccountStateDeps,
): Promise<AccountState> {
  const { scope } = operation;
  const keystoneState = await deps.cloud.keystone.show(scope.type, scope.id);
  if (keystoneState.kind === 'absent') return 'absent';
  if (keystoneState.kind === 'other')
    throw new PropagatorError({
      code: 'keystone.id.alike',
      class: 'Denied',
      message:
        `Keystone shows ${keystoneState.id} for ${scope.id}: its database treats both ids as ` +
        'equal',
      advice:
        `No resource is removed, because the propagator cannot distinguish the two ` +
        `${scope.type}s. Remove the resources of ${scope.id} by hand.`,
      service: 'keystone',
    });
  if (!keystoneState.account.enabled) return 'disabled';
  return (await isDisabledByDomain(operation, keystoneState.account, deps.cloud.keystone))
    ? 'disabled'
    : 'enabled';
}

/**
 * Returns the domain of the operation's project if the domain is disabled, the project itself is
 * enabled, and the project is deleted with its domain. Returns `undefined` in all other cases.
 * Throws when the answer is not certain.
 */
export async function findDisabledDomain(
  operation: Operation,
  { cloud: { keystone } }: AccountStateDeps,
): Promise<DomainId | undefined> {
  const keystoneState = await keystone.show(operation.scope.type, operation.scope.id);
  if (
    keystoneState.kind !== 'present' ||
    keystoneState.account.type !== 'project' ||
    !keystoneState.account.enabled
  )
    return undefined;
  return (await isDisabledByDomain(operation, keystoneState.account, keystone))
    ? keystoneState.account.domainId
    : undefined;
}

/**
 * Returns the options for `checkDeletion` on the operation's project, or `undefined` if the project
 * is not deleted with its domain.
 */
export const deletionCheckOptions = (operation: Operation): DeletionCheckOptions | undefined =>
  isPartOfDomainDeletion(operation) ? { deletedWithDomain: true } : undefined;

/**
 * True if the project is deleted with its domain, and Keystone shows the domain as disabled. No
 * user can then work in the project, although Keystone shows the project itself as enabled.
 */
export async function isDisabledByDomain(
  operation: Operation,
  account: Account,
  keystone: Pick<Keystone, 'show'>,
): Promise<boolean> {
  if (account.type !== 'project' || account.domainId === undefined) return false;
  if (!isPartOfDomainDeletion(operation)) return false;
  const domain = await keystone.show('domain', account.domainId);
  return domain.kind === 'present' && !domain.account.enabled;
}
