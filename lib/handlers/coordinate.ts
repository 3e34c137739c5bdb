import type { Message } from '../../events/index.ts';
import type { Delivery, Engine } from '../engine/port.ts';
import type { Cloud } from '../openstack/cloud.ts';
import { isDeletingProjects } from '../operation/domain-advance.ts';
import type { Operation } from '../operation/model.ts';
import type { StepEvent } from '../operation/step.ts';
import type { StepChanges } from '../operation/transaction.ts';
import type { Log } from '../shared/log.ts';
import type { PluginAction } from '../shared/setting-values.ts';
import type { Service } from '../task/service.ts';
import { type CleanupDeps, cleanupConfirmation, openCleanupForDeletion } from './cleanup.ts';
import { domainProgress } from './domain-progress.ts';
import { carryOutKeystoneAction } from './keystone-action.ts';
import { lifecycleConfirmation, openOperationsForChange } from './lifecycle.ts';
import {
  type ChangeDeps,
  changeOperation,
  commitWithRetries,
  type KeystoneEventSource,
  type StoredEventSource,
} from './operation-change.ts';
import { updateAccountRecords } from './operation-end.ts';
import { restoreAccount } from './recovery.ts';
import { storedEventSourceOf } from './stored-event-source.ts';

/** The dependencies of {@link coordinate}. */
export interface CoordinateDeps extends CleanupDeps, ChangeDeps {
  readonly engine: Engine;
  readonly cloud: Cloud;
  readonly services: readonly Service[];
  readonly log?: Pick<Log, 'warn'> | undefined;
  /**
   * The actions that each HTTP plugin supports in addition to the cleanup, by the name of the
   * plugin.
   */
  readonly pluginActions?: Readonly<Record<string, readonly PluginAction[]>>;
}

/**
 * Handles messages for the coordinator: reads the state, decides (in `lib/operation`) and commits.
 * After a lock conflict the function reads the state again. Throws after too many conflicts or when
 * the engine fails.
 */
export async function coordinate(
  deliveries: readonly Delivery[],
  deps: CoordinateDeps,
): Promise<void> {
  for (const { message } of deliveries) {
    const decideOpening = openingDecision(message, deps);
    if (decideOpening) await commitWithRetries(message, decideOpening, deps);
    else await changeByMessage(message, deps);
  }
}

/**
 * Returns the function that decides which operations an account event opens. Returns `undefined`
 * for other messages, and for account events that open no operation.
 */
function openingDecision(
  message: Message,
  deps: CoordinateDeps,
): (() => Promise<StepChanges | undefined>) | undefined {
  switch (message.type) {
    case 'account.project.deleted':
    case 'account.domain.deleted':
    case 'account.user.deleted':
      return () => openCleanupForDeletion(message, deps);
    case 'account.project.created':
    case 'account.project.disabled':
    case 'account.project.enabled':
    case 'account.domain.disabled':
    case 'account.domain.enabled':
    case 'account.user.created':
    case 'account.user.disabled':
    case 'account.user.enabled':
      return () => openOperationsForChange(message, deps);
    default:
      return undefined;
  }
}

/** A message of one type. */
type MessageOf<Type extends Message['type']> = Extract<Message, { readonly type: Type }>;

/** Changes the operation that the message names. */
async function changeByMessage(message: Message, deps: CoordinateDeps): Promise<void> {
  switch (message.type) {
    case 'operation.confirm':
      return confirmOperation(message, deps);
    case 'operation.keystone-action': {
      const { operationId, number } = message.data;
      const obtainEvent = (operation: Operation) => carryOutKeystoneAction(operation, number, deps);
      return changeOperation(message, operationId, { obtainEvent, keyOf: actionKey }, deps);
    }
    case 'operation.undo': {
      const { operationId } = message.data;
      const undo = async () => {
        const endedOperation = await deps.engine.reads.operation(operationId);
        return endedOperation && restoreAccount(endedOperation, deps);
      };
      return commitWithRetries(message, undo, deps);
    }
    case 'operation.finished':
      return updateRecordsAndParent(message, deps);
    default: {
      const source = storedEventSourceOf(message, deps);
      return source && changeOperation(message, source.operationId, source.readEvent, deps);
    }
  }
}

/** Asks Keystone for the confirmation that the operation waits for. */
function confirmOperation(
  message: MessageOf<'operation.confirm'>,
  deps: CoordinateDeps,
): Promise<void> {
  const { operationId, confirmation } = message.data;
  // For a cleanup, an answer stays valid until its question changes. For the other topics, it stays
  // valid only while the operation has the same version.
  const keyOfVersion = ({ version }: Operation): string => String(version);
  const sources: Readonly<Record<ConfirmationTopic, KeystoneEventSource>> = {
    'domain-progress': {
      obtainEvent: (operation) => domainProgressEvent(operation, deps),
      keyOf: keyOfVersion,
    },
    cleanup: {
      obtainEvent: (operation) => cleanupConfirmation(operation, confirmation, deps),
      keyOf: confirmationKey,
    },
    lifecycle: {
      obtainEvent: (operation) => lifecycleConfirmation(operation, confirmation, deps),
      keyOf: keyOfVersion,
    },
  };
  const sourceOf = (operation: Operation): KeystoneEventSource =>
    sources[confirmationTopicOf(operation)];
  return changeOperation(
    message,
    operationId,
    {
      obtainEvent: (operation) => sourceOf(operation).obtainEvent(operation),
      keyOf: (operation) => sourceOf(operation).keyOf(operation),
    },
    deps,
  );
}

type ConfirmationTopic = 'domain-progress' | 'cleanup' | 'lifecycle';

/**
 * Returns what the confirmation of an operation is about:
 *
 * - `domain-progress`: the progress of the projects in a domain that is being deleted;
 * - `cleanup`: whether the cleanup of the account, or its plan, may go on;
 * - `lifecycle`: whether the account still requires its suspend, resume or provision.
 */
function confirmationTopicOf(operation: Operation): ConfirmationTopic {
  if (isDeletingProjects(operation)) return 'domain-progress';
  return operation.action === 'cleanup' || operation.action === 'plan' ? 'cleanup' : 'lifecycle';
}

/** After the end of an operation, updates the records of its account, and its parent operation. */
async function updateRecordsAndParent(
  message: MessageOf<'operation.finished'>,
  deps: CoordinateDeps,
): Promise<void> {
  const { parentId, operationId } = message.data;
  await updateAccountRecords(operationId, deps);
  if (!parentId) return;
  const readEvent: StoredEventSource = async (parent) =>
    isDeletingProjects(parent)
      ? domainProgressEvent(parent, deps)
      : {
          kind: 'child-ended',
          children: await deps.engine.reads.operations({ parentId, limit: 10_000 }),
        };
  await changeOperation(message, parentId, readEvent, deps);
}

/** Returns the event with the state of the projects in a domain that is being deleted. */
const domainProgressEvent = async (
  operation: Operation,
  deps: CoordinateDeps,
): Promise<StepEvent> => ({
  kind: 'domain-progress',
  ...(await domainProgress(operation, deps)),
});

/**
 * Returns a key of the question that a cleanup asks Keystone. When the key changes, an earlier
 * answer no longer applies.
 */
const confirmationKey = ({ state, confirmation, order }: Operation): string =>
  `${state} ${confirmation} ${order.length > 0}`;

/** Returns a key of the due Keystone action. When the key changes, an earlier result is ignored. */
const actionKey = ({ state, keystoneAction: due }: Operation): string =>
  `${state} ${due?.number} ${due?.done}`;
