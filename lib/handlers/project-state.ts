import { causesOf, type SuspensionCause } from '../account/causes.ts';
import type { Keystone, KeystoneState } from '../account/keystone.ts';
import type { Reads } from '../engine/port.ts';
import type { ProjectFacts } from '../policy/decide.ts';
import { PropagatorError } from '../shared/errors.ts';
import { holdOf } from './holds.ts';

/**
 * The effective state of a project: what Keystone shows, its domain, and the holds of operators.
 */
export type EffectiveState =
  | { readonly kind: 'absent' }
  | { readonly kind: 'other'; readonly id: string }
  | {
      readonly kind: 'present';
      readonly causes: readonly SuspensionCause[];
      readonly facts: ProjectFacts;
    };

/**
 * Asks Keystone for a project and for its domain, and reads the hold. A project is active only when
 * it and its domain are enabled. Throws when an answer is not certain.
 */
export async function fetchEffectiveState(
  id: string,
  deps: { readonly keystone: Pick<Keystone, 'show'>; readonly reads: Pick<Reads, 'documents'> },
): Promise<EffectiveState> {
  const hold = await holdOf(id, deps.reads);
  const shown = await deps.keystone.show('project', id);
  if (shown.kind === 'absent') return shown;
  if (shown.kind === 'other') return shown;
  if (shown.account.type !== 'project') return { kind: 'other', id: shown.account.id };
  const { account } = shown;
  const domain =
    account.domainId === undefined
      ? undefined
      : await deps.keystone.show('domain', account.domainId);
  const shownDomain = domain && presentDomain(account.id, domain);
  return {
    kind: 'present',
    causes: causesOf({ enabled: account.enabled, domain: shownDomain, hold }),
    facts: {
      id,
      name: account.name,
      domainId: account.domainId,
      domainName: shownDomain?.name,
      parentId: account.parentId,
      tags: account.tags ?? [],
    },
  };
}

function presentDomain(project: string, domain: KeystoneState) {
  if (domain.kind === 'present') return domain.account;
  throw new PropagatorError({
    code: 'keystone.domain.missing',
    class: 'Transient',
    service: 'keystone',
    message: `Keystone shows project ${project} and does not show its domain`,
    advice: 'Wait: the domain was probably deleted just now.',
  });
}
