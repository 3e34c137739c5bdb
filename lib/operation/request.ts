import type { Cause } from '../../events/account.ts';
import type { OperationId } from '../../events/ids.ts';
import { isIndependentOf } from './domain-project.ts';
import { type KeystoneCheck, summarizeRefusals } from './keystone-check.ts';
import { isSuspended, type OpenedLifecycle, openLifecycle } from './lifecycle.ts';
import type { ApprovedPlan, Mode, Operation, ProjectScope } from './model.ts';
import { hasEnded, type OpenedOperation, openCleanup, refuseOperation } from './open.ts';
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
  /** All cleanups of the project, newest first. */
  readonly cleanups: readonly Operation[];
  readonly mode: Mode;
  readonly now: number;
  readonly protectedBecause: string | undefined;
  /** The ended operation that this request runs again. */
  readonly rerunOf?: OperationId;
  /** The approved plan that the request carries out. */
  readonly plan?: ApprovedPlan;
  /** The recovery window of the deletion. */
  readonly window?: RecoveryWindow | undefined;
  /** The operation of the domain, if it waits for the operation that this request replaces. */
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
      /** The suspension of a project in a recovery window. */
      readonly suspension?: OpenedLifecycle | undefined;
    }
  | { readonly kind: 'refused'; readonly because: string; readonly advice?: string };

/**
 * Opens the cleanup of an existing project at the request of an administrator. If the project is
 * enabled, the administrator must type its name, because users may work in it. Returns a refusal
 * with its reason if the cleanup must not begin.
 */
export function openRequest(input: RequestInput): RequestAnswer {
  const { keystoneCheck, mode, now, plan, window } = input;
  const openOperation = input.cleanups.find((operation) => !hasEnded(operation));
  const refusal = whyNotRequested(input, openOperation);
  if (refusal) return refusal;
  const superseded =
    openOperation && refuseReplaced(openOperation, replacedBecause(input, openOperation), now);
  const parent =
    openOperation && input.parent && !hasEnded(input.parent) ? input.parent : undefined;
  const opened = openRequestedCleanup(input, openOperation, superseded, parent);
  if (!opened) return { kind: 'refused', because: 'the same request was made already' };
  const earlierRecovery = superseded?.operation.recovery;
  const cleanup: OpenedOperation = {
    ...opened,
    operation: {
      ...opened.operation,
      ...(plan ? { plan } : {}),
      ...(parent
        ? { parentId: parent.id, waitsForChildProjects: openOperation?.waitsForChildProjects }
        : {}),
      // The window of the earlier operation is over. Keep the record of the changes that it made.
      ...(earlierRecovery ? { recovery: { ...earlierRecovery, remainingMillis: 0 } } : {}),
    },
  };
  const answer = {
    kind: 'opened' as const,
    unknown: keystoneCheck.unknown,
    ...(superseded ? { superseded } : {}),
    ...(openOperation && parent
      ? { parent: withChild(parent, openOperation.id, opened.operation.id) }
      : {}),
  };
  if (!window || mode !== 'enforce') return { ...answer, opened: cleanup };
  const suspension = openSuspension(input, superseded);
  const id = suspension.opened?.id;
  const changes = { earlier: earlierRecovery, ...(id ? { suspension: id } : {}) };
  return { ...answer, opened: withWindow(cleanup, window, changes, now), suspension };
}

type RefusedRequest = Extract<RequestAnswer, { kind: 'refused' }>;

/** Returns the refusal of a request that must not begin, or `undefined`. */
function whyNotRequested(
  { confirmedName, keystoneCheck, plan, protectedBecause, shown }: RequestInput,
  openOperation: Operation | undefined,
): RefusedRequest | undefined {
  const refusal = (because: string): RefusedRequest => ({ kind: 'refused', because });
  if (protectedBecause) return refusal(`it is protected: ${protectedBecause}`);
  if (shown.enabled && confirmedName === undefined)
    return refusal('the project is enabled: confirm it with its name');
  if (confirmedName !== undefined && confirmedName !== shown.name)
    return refusal('the confirmed name is not the name of this project: check the id');
  if (openOperation && !isRefuted(openOperation) && !isReplacedByPlan(openOperation, plan)) {
    const { id, state } = openOperation;
    return {
      ...refusal(`an operation about it exists already: ${id} is ${state}`),
      ...(state === 'recoverable'
        ? { advice: `To delete it now: propagator operation release ${id} --reason "…"` }
        : {}),
    };
  }
  if (keystoneCheck.refusals.length === 0) return undefined;
  const { message, advice } = summarizeRefusals(keystoneCheck.refusals);
  return { kind: 'refused', because: message, advice: `No resource was changed. ${advice}` };
}

const replacedBecause = ({ by, plan }: RequestInput, openOperation: Operation): string =>
  isReplacedByPlan(openOperation, plan)
    ? `${by} approved the newer plan ${plan?.of}`
    : `Keystone shows the project, and ${by} asked for its cleanup`;

/**
 * Opens the cleanup as a new generation. `superseded`: the open operation that the request
 * replaces, in its end state. `parent`: the operation of the domain that waited for it.
 */
function openRequestedCleanup(
  input: RequestInput,
  openOperation: Operation | undefined,
  superseded: OpenedOperation | undefined,
  parent: Operation | undefined,
): OpenedOperation | undefined {
  const { by, mode, now, reason, rerunOf, scope, shown } = input;
  const cleanups = input.cleanups.map((one) =>
    one.id === openOperation?.id && superseded ? superseded.operation : one,
  );
  // If the domain opened the replaced operation, the new one also belongs to the domain and is
  // canceled with it.
  const opener =
    openOperation && parent && !isIndependentOf(openOperation, parent) ? parent.id : 'requested';
  const cause: Cause = {
    messageId: `${opener}/${scope.id}/${(cleanups[0]?.generation ?? 0) + 1}`,
    eventType: 'requested',
    at: now,
    note: `${by}: ${reason}`,
  };
  return openCleanup({
    scope,
    cause,
    cleanups,
    mode,
    now,
    gracePeriodMillis: 0,
    protectedBecause: undefined,
    request: { by, reason, at: now, enabled: shown.enabled },
    ...(rerunOf ? { rerun: { of: rerunOf, by, reason, at: now } } : {}),
  });
}

/** Returns the operation of a domain after the operation of one of its projects was replaced. */
const withChild = (parent: Operation, before: OperationId, after: OperationId): Operation => ({
  ...parent,
  children: parent.children.map((id) => (id === before ? after : id)),
});

/**
 * True for an operation that a notification of a deletion opened and that has not started. Keystone
 * shows the project, so the notification was forged or too early. The operation must not prevent
 * the request of an administrator.
 */
const isRefuted = ({ request, startedAt, state }: Operation): boolean =>
  request === undefined && startedAt === undefined && (state === 'confirming' || state === 'held');

/** True if the newer plan `plan` replaces a held operation that carries out an earlier plan. */
const isReplacedByPlan = (
  { plan: earlier, startedAt, state }: Operation,
  plan: ApprovedPlan | undefined,
): boolean =>
  plan !== undefined && earlier !== undefined && startedAt === undefined && state === 'held';

/** Opens the suspension of a project in a recovery window, unless it is suspended already. */
function openSuspension(
  input: RequestInput,
  superseded: OpenedOperation | undefined,
): OpenedLifecycle {
  const { allOperations = [], by, mode, now, reason, scope } = input;
  const noChange = { opened: undefined, changed: [], messages: [] };
  const operations = allOperations.map((one) =>
    one.id === superseded?.operation.id ? superseded.operation : one,
  );
  if (isSuspended(operations)) return noChange;
  const opened = openLifecycle({
    action: 'suspend',
    scope,
    cause: {
      messageId: `recoverable/${scope.id}/${now}`,
      eventType: 'requested',
      at: now,
      note: `${by}: ${reason}`,
    },
    allOperations: operations,
    mode,
    now,
    protectedBecause: undefined,
    asked: { by, reason },
  });
  return opened ?? noChange;
}

/**
 * Ends an operation that the request replaces. Announces the end to the operation of the domain.
 */
function refuseReplaced(openOperation: Operation, because: string, now: number): OpenedOperation {
  const operation = refuseOperation(openOperation, because, now);
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
