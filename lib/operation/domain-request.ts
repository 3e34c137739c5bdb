import type { Cause } from '../../events/account.ts';
import type { KeystoneCheck } from './keystone-check.ts';
import type { BoundPlan, DomainMember, Mode, Operation, Scope } from './model.ts';
import { hasEnded, openCleanup } from './open.ts';
import type { RequestAnswer } from './request.ts';

export type DomainScope = Extract<Scope, { type: 'domain' }>;

/** The approved plan of a domain, and the present state of the domain. */
export interface DomainRequest {
  readonly scope: DomainScope;
  readonly by: string;
  readonly reason: string;
  readonly enabled: boolean;
  /** Each project that is not protected has its part of the approved plan. */
  readonly projects: readonly DomainMember[];
  readonly plan: BoundPlan;
  readonly keystoneCheck: KeystoneCheck;
  /** All cleanups of the domain, newest first. */
  readonly existing: readonly Operation[];
  readonly mode: Mode;
  readonly now: number;
  readonly protectedBecause: string | undefined;
}

/** Opens the operation that deletes a domain with all its projects under an approved plan. */
export function openDomainRequest(input: DomainRequest): RequestAnswer {
  const { scope, by, reason, now, existing } = input;
  const no = (because: string, advice?: string): RequestAnswer => ({
    kind: 'refused',
    because,
    ...(advice === undefined ? {} : { advice }),
  });
  if (input.protectedBecause) return no(`it is protected: ${input.protectedBecause}`);
  const open = existing.find((operation) => !hasEnded(operation));
  if (open) return no(`an operation about it exists already: ${open.id} is ${open.state}`);
  const [refusal] = input.keystoneCheck.refusals;
  if (refusal) return no(refusal.message, `Nothing was changed. ${refusal.advice}`);
  const cause: Cause = {
    messageId: `requested/${scope.id}/${(existing[0]?.generation ?? 0) + 1}`,
    eventType: 'requested',
    at: now,
    note: `${by}: ${reason}`,
  };
  const opened = openCleanup({
    scope,
    cause,
    existing,
    mode: input.mode,
    now,
    gracePeriodMillis: 0,
    protectedBecause: undefined,
    request: { by, reason, at: now, enabled: input.enabled },
  });
  if (!opened) return no('the same request was made already');
  const { plan, projects } = input;
  return {
    kind: 'opened',
    opened: { ...opened, operation: { ...opened.operation, plan, projects } },
    unknown: input.keystoneCheck.unknown,
  };
}
