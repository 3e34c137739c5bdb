import { hasEnded } from './ended.ts';
import type { KeystoneCheck } from './keystone-check.ts';
import type { Operation, ProjectScope } from './model.ts';
import { newOperation, operationId } from './new-operation.ts';
import type { OperationWithMessages } from './open-cleanup.ts';
import type { RequestAnswer } from './request.ts';
import { moveOperation } from './transitions.ts';

/** The input of {@link openPlan}. Times are epoch milliseconds. */
export interface PlanInput {
  readonly scope: ProjectScope;
  readonly by: string;
  readonly reason: string;
  /** True if Keystone shows the project as enabled. */
  readonly enabled: boolean;
  /** Why Keystone would refuse the deletion of the project. The plan shows these reasons. */
  readonly keystoneCheck: KeystoneCheck;
  /** All plans of the project, newest first. */
  readonly plans: readonly Operation[];
  readonly now: number;
  readonly protectedBecause: string | undefined;
}

/**
 * If a plan has not ended after this time, one of its messages was probably lost. A new plan may
 * then replace it.
 */
const REPLACEABLE_AFTER_MILLIS = 10 * 60_000;

/** Returns the plans among the operations, newest first. */
export const plansOf = (operations: readonly Operation[]): Operation[] =>
  operations
    .filter(({ action }) => action === 'plan')
    .toSorted((one, other) => other.generation - one.generation);

/**
 * Opens the operation that makes the plan of a project. This operation only reads, so other
 * operations of the project can run at the same time.
 */
export function openPlan(input: PlanInput): RequestAnswer {
  const { scope, by, reason, now, plans } = input;
  if (input.protectedBecause)
    return { kind: 'refused', because: `it is protected: ${input.protectedBecause}` };
  const lastPlan = plans[0];
  const openOperation = lastPlan && !hasEnded(lastPlan) ? lastPlan : undefined;
  if (openOperation && now - openOperation.openedAt < REPLACEABLE_AFTER_MILLIS)
    return {
      kind: 'refused',
      because: `a plan of the project is being made: ${openOperation.id}`,
      advice: `Wait for the plan: propagator operation show ${openOperation.id}`,
    };
  const generation = (lastPlan?.generation ?? 0) + 1;
  const id = operationId(scope, generation, 'plan');
  const cause = {
    messageId: `plan/${scope.id}/${generation}`,
    eventType: 'requested',
    at: now,
    note: `${by}: ${reason}`,
  };
  const operation: Operation = {
    ...newOperation({ id, scope, generation, mode: 'observe', cause, notBefore: now, now }),
    action: 'plan',
    request: { by, reason, at: now, enabled: input.enabled },
    keystoneCheck: input.keystoneCheck,
  };
  const opened: OperationWithMessages = {
    operation,
    messages: [{ type: 'operation.confirm', data: { operationId: id, confirmation: 1 } }],
  };
  const supersededPlan = openOperation && {
    operation: { ...moveOperation(openOperation, 'superseded'), endedAt: now },
    messages: [],
  };
  return {
    kind: 'opened',
    opened,
    unknown: input.keystoneCheck.unknown,
    ...(supersededPlan ? { superseded: supersededPlan } : {}),
  };
}
