import type { Cause } from '../../events/account.ts';
import type { KeystoneCheck } from './keystone-check.ts';
import { type OpenedLifecycle, openLifecycle } from './lifecycle.ts';
import type { ApprovedPlan, DomainPlanEntry, Mode, Operation, Scope } from './model.ts';
import { hasEnded, openCleanup } from './open.ts';
import { type RecoveryWindow, withWindow } from './recovery-window.ts';
import type { RequestAnswer } from './request.ts';

export type DomainScope = Extract<Scope, { type: 'domain' }>;

/** The input of {@link openDomainRequest}: the approved plan of a domain, and its present state. */
export interface DomainRequest {
  readonly scope: DomainScope;
  readonly by: string;
  readonly reason: string;
  readonly enabled: boolean;
  /** All projects of the domain. Each one without a protection has its part of the plan. */
  readonly projects: readonly DomainPlanEntry[];
  readonly plan: ApprovedPlan;
  readonly keystoneCheck: KeystoneCheck;
  /** All cleanups of the domain, newest first. */
  readonly existing: readonly Operation[];
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
  const { scope, by, reason, now, existing } = input;
  const refusal = (because: string, advice?: string): RequestAnswer => ({
    kind: 'refused',
    because,
    ...(advice === undefined ? {} : { advice }),
  });
  if (input.protectedBecause) return refusal(`it is protected: ${input.protectedBecause}`);
  const openOperation = existing.find((operation) => !hasEnded(operation));
  if (openOperation)
    return refusal(
      `an operation about it exists already: ${openOperation.id} is ${openOperation.state}`,
    );
  const [firstRefusal] = input.keystoneCheck.refusals;
  if (firstRefusal)
    return refusal(firstRefusal.message, `No resource was changed. ${firstRefusal.advice}`);
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
  if (!opened) return refusal('the same request was made already');
  const { plan, projects } = input;
  const openedWithPlan = { ...opened, operation: { ...opened.operation, plan, projects } };
  const { unknown } = input.keystoneCheck;
  if (!input.window || input.mode !== 'enforce')
    return { kind: 'opened', opened: openedWithPlan, unknown };
  const protectedProject = projects.find((project) => project.protectedBecause !== undefined);
  if (protectedProject)
    return refusal(
      'a recovery window disables the whole domain, and its project ' +
        `${protectedProject.name ?? protectedProject.id} is protected: ` +
        `${protectedProject.protectedBecause}`,
      'Remove the protection and plan again, or approve without a window: --recover-for 0s.',
    );
  const suspension = openSuspension(input);
  const id = suspension?.opened?.id;
  return {
    kind: 'opened',
    opened: withWindow(openedWithPlan, input.window, id ? { suspension: id } : {}, now),
    ...(suspension ? { suspension } : {}),
    unknown,
  };
}

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
    existing: allOperations,
    mode,
    now,
    protectedBecause: undefined,
    asked: { by, reason },
  });
}
