import type { Cause } from '../../events/account.ts';
import type { OperationId } from '../../events/ids.ts';
import { isIndependentOf } from './domain-project.ts';
import { hasEnded } from './ended.ts';
import { type KeystoneCheck, summarizeRefusals } from './keystone-check.ts';
import { type OpenedLifecycle, openLifecycle } from './lifecycle.ts';
import type { ApprovedPlan, Mode, Operation, ProjectScope } from './model.ts';
import { type OperationWithMessages, openCleanup } from './open-cleanup.ts';
import { isSuspended } from './operation-history.ts';
import { type RecoveryWindow, withRecoveryWindow } from './recovery-window.ts';
import {
  fieldsFromReplaced,
  isRefuted,
  isReplacedByPlan,
  type ReplacedOperation,
  replaceOperation,
  withReplacedChild,
} from './replaced-operation.ts';

/** The request of an administrator, and the present state of the project. */
export interface RequestInput {
  readonly scope: ProjectScope;
  readonly by: string;
  readonly reason: string;
  /** The name that the administrator typed to confirm an enabled project. */
  readonly confirmedName: string | undefined;
  /** The present state in Keystone. */
  readonly keystoneState: { readonly name: string | undefined; readonly enabled: boolean };
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
      readonly opened: OperationWithMessages;
      /**
       * Permissions and facts that cannot be checked in advance. Keystone may refuse the deletion
       * because of them.
       */
      readonly unknown: readonly string[];
      /** The open operation that the opened operation supersedes. */
      readonly superseded?: OperationWithMessages;
      /** The operation of the domain. It now waits for the opened operation. */
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
  const { keystoneCheck, mode, now, window } = input;
  const openOperation = input.cleanups.find((operation) => !hasEnded(operation));
  const refusal = requestRefusal(input, openOperation);
  if (refusal) return refusal;
  const replaced = openOperation && replaceOperation(openOperation, input);
  const opened = openRequestedCleanup(input, replaced);
  if (!opened) return { kind: 'refused', because: 'the same request was made already' };
  const openedAnswer = {
    kind: 'opened' as const,
    unknown: keystoneCheck.unknown,
    ...(replaced ? { superseded: replaced.endedOperation } : {}),
    ...(replaced?.parent
      ? {
          parent: withReplacedChild(
            replaced.parent,
            replaced.openOperation.id,
            opened.operation.id,
          ),
        }
      : {}),
  };
  if (!window || mode !== 'enforce') return { ...openedAnswer, opened };
  const suspension = openSuspension(input, replaced);
  const suspensionId = suspension.opened?.id;
  const windowOrigin = {
    earlierRecovery: replaced?.openOperation.recovery,
    ...(suspensionId ? { suspension: suspensionId } : {}),
  };
  return {
    ...openedAnswer,
    opened: withRecoveryWindow(opened, window, windowOrigin, now),
    suspension,
  };
}

type RefusedRequest = Extract<RequestAnswer, { kind: 'refused' }>;

/** Returns the refusal of a request that must not begin, or `undefined`. */
function requestRefusal(
  { confirmedName, keystoneCheck, plan, protectedBecause, keystoneState }: RequestInput,
  openOperation: Operation | undefined,
): RefusedRequest | undefined {
  const refusal = (because: string): RefusedRequest => ({ kind: 'refused', because });
  if (protectedBecause) return refusal(`it is protected: ${protectedBecause}`);
  if (keystoneState.enabled && confirmedName === undefined)
    return refusal('the project is enabled: confirm it with its name');
  if (confirmedName !== undefined && confirmedName !== keystoneState.name)
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

/** Opens the cleanup as a new generation. `replaced`: the open operation that it replaces. */
function openRequestedCleanup(
  input: RequestInput,
  replaced: ReplacedOperation | undefined,
): OperationWithMessages | undefined {
  const { by, keystoneState, mode, now, plan, reason, rerunOf, scope } = input;
  const { openOperation, parent } = replaced ?? {};
  const cleanups = input.cleanups.map((one) =>
    one.id === replaced?.openOperation.id ? replaced.endedOperation.operation : one,
  );
  // If the operation of the domain opened the replaced operation, the new operation also belongs to
  // the domain's operation, and is canceled with it.
  const isOpenedByDomain = openOperation && parent && !isIndependentOf(openOperation, parent);
  const opener = isOpenedByDomain ? parent.id : 'requested';
  const cause: Cause = {
    messageId: `${opener}/${scope.id}/${(cleanups[0]?.generation ?? 0) + 1}`,
    eventType: 'requested',
    at: now,
    note: `${by}: ${reason}`,
  };
  const opened = openCleanup({
    scope,
    cause,
    cleanups,
    mode,
    now,
    gracePeriodMillis: 0,
    protectedBecause: undefined,
    request: { by, reason, at: now, enabled: keystoneState.enabled },
    ...(rerunOf ? { rerun: { of: rerunOf, by, reason, at: now } } : {}),
  });
  return (
    opened && {
      ...opened,
      operation: {
        ...opened.operation,
        ...(plan ? { plan } : {}),
        ...(replaced ? fieldsFromReplaced(replaced) : {}),
      },
    }
  );
}

/** Opens the suspension of a project in a recovery window, unless it is suspended already. */
function openSuspension(
  input: RequestInput,
  replaced: ReplacedOperation | undefined,
): OpenedLifecycle {
  const { allOperations = [], by, mode, now, reason, scope } = input;
  const noChange = { opened: undefined, changed: [], messages: [] };
  const operations = allOperations.map((one) =>
    one.id === replaced?.openOperation.id ? replaced.endedOperation.operation : one,
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
    request: { by, reason },
  });
  return opened ?? noChange;
}
