import { createHash } from 'node:crypto';
import type { Cause } from '../../events/account.ts';
import { OperationId } from '../../events/ids.ts';
import type { Outgoing } from '../../events/index.ts';
import { ENDED, type Mode, type Operation, type Request, type Scope } from './model.ts';
import { moveOperation } from './transitions.ts';

export interface OpenInput {
  readonly scope: Scope;
  readonly cause: Cause;
  /** Every operation that there ever was about this account, newest first. */
  readonly existing: readonly Operation[];
  readonly mode: Mode;
  readonly now: number;
  readonly gracePeriodMillis: number;
  /** safety rule: a reason why it must not be touched. */
  readonly protectedBecause: string | undefined;
  readonly parentId?: OperationId;
  /** An administrator asked for it, and the project still lives. */
  readonly request?: Request;
}

export interface Opened {
  readonly operation: Operation;
  readonly messages: readonly Outgoing[];
}

/**
 * The operation that an account's deletion opens, or `undefined` when there is one already.
 * Its id is derived from the account, so two notifications for one deletion can't make two
 * operations. An operation that was only observed is opened anew once the mode is `enforce`;
 * one that Keystone refuted is taken up again, for a later notification may be the true one.
 */
export function openCleanup(input: OpenInput): Opened | undefined {
  const { existing, now } = input;
  const last = existing[0];
  if (last?.state === 'refused' && !input.protectedBecause && !input.request && !last.request)
    return takeUp(last, input);
  const again =
    last !== undefined &&
    ((last.state === 'observed' && input.mode === 'enforce') ||
      (last.state === 'refused' && (input.request ?? last.request)));
  if (last && !again) return undefined;
  const generation = (last?.generation ?? 0) + 1;
  const id = operationId(input.scope, generation);
  const operation: Operation = {
    id,
    action: 'cleanup',
    scope: input.scope,
    generation,
    mode: input.mode,
    state: 'confirming',
    cause: input.cause,
    parentId: input.parentId,
    confirmedAt: [],
    confirmation: 1,
    notBefore: now + input.gracePeriodMillis,
    order: [],
    children: [],
    hold: undefined,
    request: input.request,
    keystoneAction: undefined,
    roles: [],
    uncovered: [],
    leftOut: [],
    waived: [],
    released: undefined,
    openedAt: now,
    startedAt: undefined,
    endedAt: undefined,
    version: 0,
  };
  if (input.protectedBecause)
    return {
      operation: refuse(operation, `protected: ${input.protectedBecause}`, now),
      messages: [],
    };
  return {
    operation,
    messages: [{ type: 'operation.confirm', data: { operationId: id, confirmation: 1 } }],
  };
}

function takeUp(refused: Operation, input: OpenInput): Opened {
  const operation: Operation = {
    ...moveOperation(refused, 'confirming'),
    cause: input.cause,
    mode: input.mode,
    confirmedAt: [],
    confirmation: refused.confirmation + 1,
    notBefore: input.now + input.gracePeriodMillis,
    hold: undefined,
    endedAt: undefined,
  };
  return {
    operation,
    messages: [
      {
        type: 'operation.confirm',
        data: { operationId: operation.id, confirmation: operation.confirmation },
      },
    ],
  };
}

/** Ends an operation that must not go on, with the reason for a person. */
export function refuse(operation: Operation, reason: string, now: number): Operation {
  const advice =
    'Nothing was touched. If this account is really gone, delete it in Keystone again or ask for the cleanup by name.';
  return {
    ...moveOperation(operation, 'refused'),
    hold: { reason, since: now, advice },
    endedAt: now,
  };
}

/** `op-` and the start of a SHA-256 over what the operation is about. */
export function operationId(scope: Pick<Scope, 'type' | 'id'>, generation: number): OperationId {
  const digest = createHash('sha256')
    .update(['cleanup', scope.type, scope.id, generation].join('\n'))
    .digest('hex');
  return OperationId.parse(`op-${digest.slice(0, 12)}`);
}

export const hasEnded = (operation: Operation): boolean => ENDED.includes(operation.state);
