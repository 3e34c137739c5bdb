import type { Cause } from '../../events/account.ts';
import { hasEnded } from './ended.ts';
import type { KeystoneCheck } from './keystone-check.ts';
import { type OpenedLifecycle, openLifecycle } from './lifecycle.ts';
import type { ApprovedPlan, DomainPlanEntry, Mode, Operation, Scope } from './model.ts';
import { openCleanup } from './open-cleanup.ts';
import { type RecoveryWindow, withRecoveryWindow } from './recovery-window.ts';
import type { RequestAnswer } from './request.ts';

export type DomainScope = Extract<Scope, { type: 'domain' }>;

/** The input of {@link openDomainRequest}: the approved plan of a domain, and its present state. */
export interface DomainRequest {
  readonly scope: DomainScope;
  readonly by: string;
  readonly reason: string;
  readonly enabled: boolean;
  /** All projects of the domain. Each project that is not protected has its part of the plan. */
  readonly projects: readonly DomainPlanEntry[];
  readonly plan: ApprovedPlan;
  readonly keystoneCheck: KeystoneCheck;
  /** All cleanups of the domain, newest first. */
  readonly cleanups: readonly Operation[];
  readonly mode: Mode;
  readonly now: number;
  readonly protectedBecause: string | undefined;
  /** The recovery window of the deletion. */
  readonly window?: RecoveryWindow | undefined;
  /** All operations of every action about the domain. */
  readonly allOperations?: readonly Operation[];
}

/** Opens the operation that deletes a domain with all its projects under an approved plan. */
export function openDomainRequest(input: DomainRequest): RequestAnswer {
  const { scope, by, reason, now, cleanups, plan, projects } = input;
  const refusal = requestRefusal(input);
  if (refusal) return refusal;
  const cause: Cause = {
    messageId: `requested/${scope.id}/${(cleanups[0]?.generation ?? 0) + 1}`,
    eventType: 'requested',
    at: now,
    note: `${by}: ${reason}`,
  };
  const opened = openCleanup({
    scope,
    cause,
    cleanups,
    mode: input.mode,
    now,
    gracePeriodMillis: 0,
    protectedBecause: undefined,
    request: { by, reason, at: now, enabled: input.enabled },
  });
  if (!opened) return { kind: 'refused', because: 'the same request was made already' };
  const openedWithPlan = { ...opened, operation: { ...opened.operation, plan, projects } };
  const { unknown } = input.keystoneCheck;
  if (!input.window || input.mode !== 'enforce')
    return { kind: 'opened', opened: openedWithPlan, unknown };
  const protectedProject = projects.find((project) => project.protectedBecause !== undefined);
  if (protectedProject) return windowRefusal(protectedProject);
  const suspension = openSuspension(input);
  const id = suspension?.opened?.id;
  return {
    kind: 'opened',
    opened: withRecoveryWindow(openedWithPlan, input.window, id ? { suspension: id } : {}, now),
    ...(suspension ? { suspension } : {}),
    unknown,
  };
}

type RefusedRequest = Extract<RequestAnswer, { kind: 'refused' }>;

/** Returns the refusal of a request that must not begin, or `undefined`. */
function requestRefusal({
  cleanups,
  keystoneCheck,
  protectedBecause,
}: DomainRequest): RefusedRequest | undefined {
  if (protectedBecause) return { kind: 'refused', because: `it is protected: ${protectedBecause}` };
  const openOperation = cleanups.find((operation) => !hasEnded(operation));
  if (openOperation) {
    const { id, state } = openOperation;
    return {
      kind: 'refused',
      because: `an operation about it exists already: ${id} is ${state}`,
    };
  }
  const [firstRefusal] = keystoneCheck.refusals;
  return (
    firstRefusal && {
      kind: 'refused',
      because: firstRefusal.message,
      advice: `No resource was changed. ${firstRefusal.advice}`,
    }
  );
}

/** Returns the refusal of a recovery window, because a project of the domain is protected. */
const windowRefusal = ({ id, name = id, protectedBecause }: DomainPlanEntry): RefusedRequest => ({
  kind: 'refused',
  because:
    `a recovery window disables the whole domain, and its project ${name} is protected: ` +
    `${protectedBecause}`,
  advice: 'Remove the protection and plan again, or approve without a window: --recover-for 0s.',
});

/**
 * Opens the suspension of the projects of the domain. The policy decides about each project, as it
 * does for a domain that is disabled in Keystone. If the domain was disabled before the request,
 * its projects are suspended already, and no suspension opens.
 */
function openSuspension({
  allOperations = [],
  by,
  enabled,
  mode,
  now,
  reason,
  scope,
}: DomainRequest): OpenedLifecycle | undefined {
  if (!enabled) return undefined;
  return openLifecycle({
    action: 'suspend',
    scope,
    cause: {
      messageId: `recoverable/${scope.id}/${now}`,
      eventType: 'requested',
      at: now,
      note: `${by}: ${reason}`,
    },
    allOperations,
    mode,
    now,
    protectedBecause: undefined,
    request: { by, reason },
  });
}
