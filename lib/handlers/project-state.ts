import type { Account } from '../../events/account.ts';
import {
  type CauseFacts,
  causesOf,
  type PendingDeletion,
  type SuspensionCause,
} from '../account/causes.ts';
import type { Keystone, KeystoneState } from '../account/keystone.ts';
import type { Reads } from '../engine/port.ts';
import type { AccountFacts } from '../policy/decide.ts';
import { PropagatorError } from '../shared/errors.ts';
import { suspensionHoldOf } from './suspension-holds.ts';

/**
 * The effective state of a project or a user. It depends on three inputs: the account in Keystone,
 * the domain of the account in Keystone, and the decisions of operators about a project. The
 * account is active if there are no `suspensionCauses`.
 */
export type EffectiveState =
  | { readonly kind: 'absent' }
  /** Keystone shows another account, whose id its database treats as equal. */
  | { readonly kind: 'other'; readonly id: string }
  | {
      readonly kind: 'present';
      readonly suspensionCauses: readonly SuspensionCause[];
      readonly facts: AccountFacts;
    };

/** The effective state of an account that Keystone shows. */
export type PresentState = Extract<EffectiveState, { readonly kind: 'present' }>;

/** The reads that {@link fetchProjectState} needs. */
export type StateReads = Pick<Reads, 'documents' | 'operationsAbout'>;

/** Returns the requested deletion of the project or domain during its recovery window. */
export async function findPendingDeletion(
  type: 'project' | 'domain',
  id: string,
  reads: Pick<Reads, 'operationsAbout'>,
): Promise<PendingDeletion | undefined> {
  const operations = await reads.operationsAbout(type, id);
  const deletion = operations.find(({ state }) => state === 'recoverable');
  const { by = '', reason = '' } = deletion?.request ?? {};
  const domainId = type === 'domain' ? { domainId: id } : {};
  return deletion && { operationId: deletion.id, by, reason, ...domainId };
}

/**
 * Returns the effective state of a project. A project is active if it and its domain are enabled
 * and no decision of an operator suspends it. Throws when an answer of Keystone is not certain.
 */
export async function fetchProjectState(
  id: string,
  deps: { readonly keystone: Pick<Keystone, 'show'>; readonly reads: StateReads },
): Promise<EffectiveState> {
  const hold = await suspensionHoldOf(id, deps.reads);
  const projectDeletion = await findPendingDeletion('project', id, deps.reads);
  const keystoneState = await deps.keystone.show('project', id);
  if (keystoneState.kind !== 'present') return keystoneState;
  const { account } = keystoneState;
  if (account.type !== 'project') return { kind: 'other', id: account.id };
  const { domainId } = account;
  const pendingDeletion =
    projectDeletion ??
    (domainId === undefined
      ? undefined
      : await findPendingDeletion('domain', domainId, deps.reads));
  const { suspensionCauses, facts } = await causesAndFacts(
    account,
    { hold, pendingDeletion },
    deps.keystone,
  );
  const { parentId, tags = [] } = account;
  return { kind: 'present', suspensionCauses, facts: { ...facts, parentId, tags } };
}

/**
 * Returns the effective state of a user. A user is active if it and its domain are enabled. Throws
 * when an answer of Keystone is not certain.
 */
export async function fetchUserState(
  id: string,
  keystone: Pick<Keystone, 'show'>,
): Promise<EffectiveState> {
  const keystoneState = await keystone.show('user', id);
  if (keystoneState.kind !== 'present') return keystoneState;
  const { account } = keystoneState;
  if (account.type !== 'user') return { kind: 'other', id: account.id };
  const { suspensionCauses, facts } = await causesAndFacts(account, {}, keystone);
  return { kind: 'present', suspensionCauses, facts: { ...facts, parentId: undefined, tags: [] } };
}

/**
 * Returns why the account is suspended, and its data for the rules of the policy. Reads the domain
 * of the account in Keystone.
 */
async function causesAndFacts(
  account: Exclude<Account, { type: 'domain' }> & { readonly enabled: boolean },
  decisions: Partial<Pick<CauseFacts, 'hold' | 'pendingDeletion'>>,
  keystone: Pick<Keystone, 'show'>,
) {
  const { domainId, enabled, id, name, type } = account;
  const domainState = domainId === undefined ? undefined : await keystone.show('domain', domainId);
  const domain = domainState && requirePresentDomain(`${type} ${id}`, domainState);
  return {
    suspensionCauses: causesOf({
      type,
      enabled,
      domain,
      hold: decisions.hold,
      pendingDeletion: decisions.pendingDeletion,
    }),
    facts: { id, name, domainId, domainName: domain?.name },
  };
}

/** Returns the domain of the account, or throws if Keystone does not show the domain. */
function requirePresentDomain(account: string, domainState: KeystoneState) {
  if (domainState.kind === 'present') return domainState.account;
  throw new PropagatorError({
    code: 'keystone.domain.missing',
    class: 'Transient',
    service: 'keystone',
    message: `Keystone shows ${account} and does not show its domain`,
    advice: 'Wait: the domain was probably deleted just now.',
  });
}
