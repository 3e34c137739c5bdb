import type { OperationId } from '../../events/ids.ts';
import type { Message } from '../../events/index.ts';
import type { Delivery, Engine } from '../engine/port.ts';
import type { Cloud } from '../openstack/cloud.ts';
import { deletesProjects } from '../operation/domain-advance.ts';
import { suspendsAndResumesOf } from '../operation/lifecycle.ts';
import type { Operation } from '../operation/model.ts';
import { hasEnded } from '../operation/open.ts';
import type { StepEvent } from '../operation/step.ts';
import type { Step } from '../operation/transaction.ts';
import type { Log } from '../shared/log.ts';
import type { PluginAction } from '../shared/setting-values.ts';
import type { Service } from '../task/service.ts';
import { type CleanupDeps, cleanupConfirmation, openForDeletion } from './cleanup.ts';
import { domainProgress } from './domain-progress.ts';
import { keystoneAction } from './keystone-action.ts';
import { lifecycleConfirmation, openForChange } from './lifecycle.ts';
import {
  type ChangeDeps,
  changeOperation,
  commitDecided,
  type StoredInput,
} from './operation-change.ts';
import { forgetProvision, recordProvisioned } from './provision-store.ts';
import { recordRates } from './rates.ts';
import { undoSuspension } from './recovery.ts';
import { forgetSuspension } from './suspension-store.ts';
import { forgetUser } from './user-task.ts';

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
    const opened = openingOf(message, deps);
    if (opened) await commitDecided(message, opened, deps);
    else await handle(message, deps);
  }
}

/** Returns the decision about an account event, which opens an operation. */
function openingOf(
  message: Message,
  deps: CoordinateDeps,
): (() => Promise<Step | undefined>) | undefined {
  switch (message.type) {
    case 'account.project.deleted':
    case 'account.domain.deleted':
    case 'account.user.deleted':
      return () => openForDeletion(message, deps);
    case 'account.project.created':
    case 'account.project.disabled':
    case 'account.project.enabled':
    case 'account.domain.disabled':
    case 'account.domain.enabled':
    case 'account.user.created':
    case 'account.user.disabled':
    case 'account.user.enabled':
      return () => openForChange(message, deps);
    default:
      return undefined;
  }
}

async function handle(message: Message, deps: CoordinateDeps): Promise<void> {
  const applyEvent = (id: OperationId, input: StoredInput): Promise<void> =>
    changeOperation(message, id, input, deps);
  switch (message.type) {
    case 'operation.confirm': {
      const { operationId, confirmation } = message.data;
      const isCleanup = ({ action }: Operation) => action === 'cleanup' || action === 'plan';
      return changeOperation(
        message,
        operationId,
        {
          ask: (operation) => {
            if (deletesProjects(operation)) return progressOf(operation, deps);
            return isCleanup(operation)
              ? cleanupConfirmation(operation, confirmation, deps)
              : lifecycleConfirmation(operation, confirmation, deps);
          },
          questionOf: (operation) =>
            isCleanup(operation) && !deletesProjects(operation)
              ? confirmationQuestion(operation)
              : String(operation.version),
        },
        deps,
      );
    }
    case 'operation.keystone-action': {
      const { operationId, number } = message.data;
      const ask = (operation: Operation) => keystoneAction(operation, number, deps);
      return changeOperation(message, operationId, { ask, questionOf: actionQuestion }, deps);
    }
    case 'operation.released': {
      const { operationId, by, reason, since } = message.data;
      return applyEvent(operationId, async (operation) => ({
        kind: 'released',
        by,
        reason,
        since,
        lifecycles: await lifecyclesAbout(operation, deps),
      }));
    }
    case 'operation.window': {
      const { operationId, number } = message.data;
      return applyEvent(operationId, async (operation) => ({
        kind: 'window',
        number,
        lifecycles: await lifecyclesAbout(operation, deps),
      }));
    }
    case 'operation.undo': {
      const { operationId } = message.data;
      const undo = async () => {
        const ended = await deps.engine.reads.operation(operationId);
        return ended && undoSuspension(ended, deps);
      };
      return commitDecided(message, undo, deps);
    }
    case 'operation.canceled': {
      const { operationId, by, reason } = message.data;
      return applyEvent(operationId, async ({ children }) => ({
        kind: 'canceled',
        by,
        reason,
        children: await operationsOf(children, deps),
      }));
    }
    case 'task.redriven': {
      const { operationId, taskId } = message.data;
      return applyEvent(operationId, async () => ({ kind: 'redriven', taskId }));
    }
    case 'task.discarded': {
      const { operationId, ...discarded } = message.data;
      return applyEvent(operationId, async () => ({ kind: 'discarded', ...discarded }));
    }
    case 'service.progressed':
    case 'service.finished':
    case 'service.failed':
      return applyEvent(message.data.operationId, async () => ({
        kind: 'report',
        report: message,
      }));
    case 'operation.finished': {
      const { parentId, operationId } = message.data;
      await recordEnd(operationId, deps);
      if (!parentId) return undefined;
      return applyEvent(parentId, async (parent) =>
        deletesProjects(parent)
          ? progressOf(parent, deps)
          : {
              kind: 'child-ended',
              children: await deps.engine.reads.operations({ parentId, limit: 10_000 }),
            },
      );
    }
    default:
      // The other account events are for external subscribers.
      return undefined;
  }
}

const progressOf = async (operation: Operation, deps: CoordinateDeps): Promise<StepEvent> => ({
  kind: 'domain-progress',
  ...(await domainProgress(operation, deps)),
});

/**
 * Returns a key of the question about a cleanup. When the key changes, an earlier answer no longer
 * applies.
 */
const confirmationQuestion = ({ state, confirmation, order }: Operation): string =>
  `${state} ${confirmation} ${order.length > 0}`;

/**
 * Returns a key of the Keystone action. When the key changes, an earlier result no longer applies.
 */
const actionQuestion = ({ state, keystoneAction: due }: Operation): string =>
  `${state} ${due?.number} ${due?.done}`;

/**
 * Returns the suspensions and resumes of an account in its recovery window. For a domain, the
 * result includes the suspensions and resumes of its projects.
 */
async function lifecyclesAbout(
  { scope, state }: Operation,
  { engine: { reads } }: CoordinateDeps,
): Promise<Operation[]> {
  if (state !== 'recoverable') return [];
  const ownLifecycles = suspendsAndResumesOf(await reads.operationsAbout(scope.type, scope.id));
  const open = ownLifecycles.filter((one) => scope.type === 'domain' && !hasEnded(one));
  const below = open.map(({ id }) => reads.operations({ parentId: id, limit: 10_000 }));
  return [...ownLifecycles, ...suspendsAndResumesOf((await Promise.all(below)).flat())];
}

/** Returns the stored operations with these ids. */
async function operationsOf(
  ids: readonly OperationId[],
  { engine }: CoordinateDeps,
): Promise<Operation[]> {
  const operations = await Promise.all(ids.map((id) => engine.reads.operation(id)));
  return operations.filter((one) => one !== undefined);
}

/**
 * Updates the stored records after the end of an operation. A provision records the project. A
 * cleanup removes all records of the account, because the account no longer exists.
 */
async function recordEnd(id: OperationId, { engine, now }: CoordinateDeps): Promise<void> {
  const operation = await engine.reads.operation(id);
  if (operation?.scope.type === 'user') await forgetUser(operation, engine);
  if (operation?.scope.type !== 'project') return;
  const { action, lifecycle, scope, state } = operation;
  if (state !== 'finished' && state !== 'unverified') return;
  if (action === 'provision' && lifecycle?.provision) {
    const { profile } = lifecycle.provision;
    const provisioned = { project: scope.id, profile, operationId: id, at: now() };
    await recordProvisioned(provisioned, engine);
  }
  if (action !== 'cleanup') return;
  await recordRates(await engine.reads.tasks(id), engine);
  await forgetSuspension(scope.id, engine);
  await forgetProvision(scope.id, engine);
}
