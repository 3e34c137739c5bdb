import type { Cause } from '../../events/account.ts';
import type { OperationId } from '../../events/ids.ts';
import { isIndependentOf } from './domain-project.ts';
import { type KeystoneCheck, summarize } from './keystone-check.ts';
import { isSuspended, type OpenedLifecycle, openLifecycle } from './lifecycle.ts';
import type { ApprovedPlan, Mode, Operation, ProjectScope } from './model.ts';
import { hasEnded, type OpenedOperation, openCleanup, refuse } from './open.ts';
import { type RecoveryWindow, withWindow } from './recovery-window.ts';

/** The request of an administrator, and the present state of the project. */
export interface RequestInput {
  readonly scope: ProjectScope;
  readonly by: string;
  readonly reason: string;
  /** The name that the administrator typed to confirm an enabled project. */
  readonly confirmedName: string | undefined;
  /** The present state in Keystone. */
  readonly shown: { readonly name: string | undefined; readonly enabled: boolean };
  readonly keystoneCheck: KeystoneCheck;
  /** The cleanups of the project. */
  readonly existing: readonly Operation[];
  readonly mode: Mode;
  readonly now: number;
  readonly protectedBecause: string | undefined;
  /** The ended operation that this request runs again. */
  readonly rerunOf?: OperationId;
  /** The approved plan that the request carries out. */
  readonly plan?: ApprovedPlan;
  /** The recovery window of the deletion. */
  readonly window?: RecoveryWindow | undefined;
  /** The operation of the domain that waits for the replaced operation. */
  readonly parent?: Operation | undefined;
  /** All operations about the project. They show whether the project is already suspended. */
  readonly allOperations?: readonly Operation[];
}

/** The answer to a request or a rerun. */
export type RequestAnswer =
  | {
      readonly kind: 'opened';
      readonly opened: OpenedOperation;
      /**
       * Permissions and facts that cannot be checked in advance. Keystone may refuse the deletion
       * because of them.
       */
      readonly unknown: readonly string[];
      /** The operation that this one supersedes. */
      readonly superseded?: OpenedOperation;
      /** The operation of the domain, which waits for this one instead of the superseded one. */
      readonly parent?: Operation | undefined;
      /** The suspension of a project that stays recoverable. */
      readonly suspension?: OpenedLifecycle | undefined;
    }
  | { readonly kind: 'refused'; readonly because: string; readonly advice?: string };

/**
 * Opens the cleanup of an existing project at the request of an administrator. If the project is
 * enabled, the administrator must type its name, because users may work in it. Returns a refusal
 * with its reason if the cleanup must not begin.
 */
export function openRequest(input: RequestInput): RequestAnswer {
  const { shown, scope } = input;
  const refusal = (because: string): RequestAnswer => ({ kind: 'refused', because });
  if (input.protectedBecause) return refusal(`it is protected: ${input.protectedBecause}`);
  if (shown.enabled && input.confirmedName === undefined)
    return refusal('the project is enabled: confirm it with its name');
  if (input.confirmedName !== undefined && input.confirmedName !== shown.name)
    return refusal('the confirmed name is not the name of this project: check the id');
  const openOperation = input.existing.find((operation) => !hasEnded(operation));
  const isReplaced = openOperation && input.plan !== undefined && hasRemovedNothing(openOperation);
  if (openOperation && !isRefuted(openOperation) && !isReplaced)
    return {
      kind: 'refused',
      because:
        `an operation about it exists already: ${openOperation.id} is ` + `${openOperation.state}`,
      ...(openOperation.state === 'recoverable'
        ? {
            advice:
              `To delete it now: propagator operation release ${openOperation.id} ` +
              '--reason "…"',
          }
        : {}),
    };
  if (input.keystoneCheck.refusals.length > 0) {
    const { message, advice } = summarize(input.keystoneCheck.refusals);
    return { kind: 'refused', because: message, advice: `No resource was changed. ${advice}` };
  }
  const superseded =
    openOperation &&
    refuseReplaced(
      openOperation,
      isReplaced
        ? `${input.by} approved the newer plan ${input.plan?.of}`
        : `Keystone shows the project, and ${input.by} asked for its cleanup`,
      input.now,
    );
  const existing = input.existing.map((one) =>
    one.id === openOperation?.id && superseded ? superseded.operation : one,
  );
  const parent =
    openOperation && input.parent && !hasEnded(input.parent) ? input.parent : undefined;
  // If the domain opened the replaced operation, the new one also belongs to the domain and is
  // canceled with it.
  const opener =
    openOperation && parent && !isIndependentOf(openOperation, parent) ? parent.id : 'requested';
  const cause: Cause = {
    messageId: `${opener}/${scope.id}/${(existing[0]?.generation ?? 0) + 1}`,
    eventType: 'requested',
    at: input.now,
    note: `${input.by}: ${input.reason}`,
  };
  const opened = openCleanup({
    scope,
    cause,
    existing,
    mode: input.mode,
    now: input.now,
    gracePeriodMillis: 0,
    protectedBecause: undefined,
    request: { by: input.by, reason: input.reason, at: input.now, enabled: shown.enabled },
    ...(input.rerunOf
      ? { rerun: { of: input.rerunOf, by: input.by, reason: input.reason, at: input.now } }
      : {}),
  });
  if (!opened) return refusal('the same request was made already');
  const { plan } = input;
  const earlier = superseded?.operation.recovery;
  const planned: OpenedOperation = {
    ...opened,
    operation: {
      ...opened.operation,
      ...(plan ? { plan } : {}),
      ...(parent ? { parentId: parent.id, waitsBelow: openOperation?.waitsBelow } : {}),
      // The window of the earlier operation is over. Keep the record of the changes that it made.
      ...(earlier ? { recovery: { ...earlier, remainingMillis: 0 } } : {}),
    },
  };
  const delayed =
    input.window && input.mode === 'enforce' ? openSuspension(input, superseded) : undefined;
  return {
    kind: 'opened',
    opened:
      delayed && input.window
        ? withWindow(
            planned,
            input.window,
            { earlier, ...(delayed.opened ? { suspension: delayed.opened.id } : {}) },
            input.now,
          )
        : planned,
    ...(delayed ? { suspension: delayed } : {}),
    unknown: input.keystoneCheck.unknown,
    ...(superseded ? { superseded } : {}),
    ...(openOperation && parent
      ? { parent: withChild(parent, openOperation.id, opened.operation.id) }
      : {}),
  };
}

/** Returns the operation of a domain after the operation of one of its projects was replaced. */
const withChild = (parent: Operation, before: OperationId, after: OperationId): Operation => ({
  ...parent,
  children: parent.children.map((id) => (id === before ? after : id)),
});

/**
 * True for an operation that a notification opened and that has not started. Keystone shows the
 * project, so the notification was forged or too early. The operation must not block the
 * administrator.
 */
const isRefuted = ({ request, startedAt, state }: Operation): boolean =>
  request === undefined && startedAt === undefined && (state === 'confirming' || state === 'held');

/** True for a held operation of an earlier plan that has not started. */
const hasRemovedNothing = ({ plan, startedAt, state }: Operation): boolean =>
  plan !== undefined && startedAt === undefined && state === 'held';

/**
 * Opens the suspension of a project that stays recoverable, unless it is suspended already.
 */
function openSuspension(
  input: RequestInput,
  superseded: OpenedOperation | undefined,
): OpenedLifecycle {
  const { allOperations = [], by, mode, now, reason, scope } = input;
  const nothing = { opened: undefined, changed: [], messages: [] };
  const existing = allOperations.map((one) =>
    one.id === superseded?.operation.id ? superseded.operation : one,
  );
  if (isSuspended(existing)) return nothing;
  const opened = openLifecycle({
    action: 'suspend',
    scope,
    cause: {
      messageId: `recoverable/${scope.id}/${now}`,
      eventType: 'requested',
      at: now,
      note: `${by}: ${reason}`,
    },
    existing,
    mode,
    now,
    protectedBecause: undefined,
    asked: { by, reason },
  });
  return opened ?? nothing;
}

function refuseReplaced(openOperation: Operation, because: string, now: number): OpenedOperation {
  const operation = refuse(openOperation, because, now);
  const { id, state, parentId } = operation;
  return {
    operation,
    messages: [
      {
        type: 'operation.finished',
        data: { operationId: id, state, ...(parentId ? { parentId } : {}) },
      },
    ],
  };
}
