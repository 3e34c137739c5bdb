import type { OperationId } from '../../events/ids.ts';
import type { Message } from '../../events/index.ts';
import type { Delivery, Engine } from '../engine/port.ts';
import type { Cloud } from '../openstack/cloud.ts';
import { deletesProjects } from '../operation/domain-advance.ts';
import type { Operation } from '../operation/model.ts';
import { type Input, step } from '../operation/step.ts';
import type { Rules, Step } from '../operation/transaction.ts';
import type { PluginAction } from '../shared/settings.ts';
import type { Service } from '../task/service.ts';
import { type CleanupDeps, cleanupConfirmation, openForDeletion } from './cleanup.ts';
import { domainProgress } from './domain-progress.ts';
import { keystoneAction } from './keystone-action.ts';
import { lifecycleConfirmation, openForChange } from './lifecycle.ts';
import { forgetProvision, recordProvisioned } from './provision-store.ts';
import { forgetSuspension } from './suspension-store.ts';
import { forgetUser } from './user-task.ts';

/** The dependencies of {@link coordinate}. */
export interface CoordinateDeps extends CleanupDeps {
  readonly engine: Engine;
  readonly cloud: Cloud;
  readonly services: readonly Service[];
  readonly limits: Omit<Rules, 'now' | 'startedLastHour' | 'waivers'>;
  /** The actions that the HTTP plugins support in addition to the cleanup, by name. */
  readonly pluginActions?: Readonly<Record<string, readonly PluginAction[]>>;
}

/**
 * Lock conflicts rarely repeat. After this number of conflicts the function throws, and the engine
 * delivers the message again later.
 */
const MAX_CONFLICTS = 20;
const HOUR = 3_600_000;

/**
 * Handles messages for the coordinator: reads, decides (in `lib/operation`) and commits. On a lock
 * conflict it starts again with a fresh read. Throws when the conflicts do not end or the engine
 * fails.
 */
export async function coordinate(
  deliveries: readonly Delivery[],
  deps: CoordinateDeps,
): Promise<void> {
  for (const { message } of deliveries) {
    for (let tries = 1; ; tries += 1) {
      const decided = await decide(message, deps);
      if (!decided || (await deps.engine.commit(decided)) === 'committed') break;
      if (tries >= MAX_CONFLICTS)
        throw new Error(
          `${message.type}: the operation was changed by another process ${tries} times`,
        );
    }
  }
}

async function decide(message: Message, deps: CoordinateDeps): Promise<Step | undefined> {
  switch (message.type) {
    case 'account.project.deleted':
    case 'account.domain.deleted':
    case 'account.user.deleted':
      return openForDeletion(message, deps);
    case 'account.project.created':
    case 'account.project.disabled':
    case 'account.project.enabled':
    case 'account.domain.disabled':
    case 'account.domain.enabled':
    case 'account.user.created':
    case 'account.user.disabled':
    case 'account.user.enabled':
      return openForChange(message, deps);
    case 'operation.confirm':
      return withOperation(message.data.operationId, deps, async (operation) => {
        if (deletesProjects(operation)) return progressOf(operation, deps);
        return operation.action === 'cleanup' || operation.action === 'plan'
          ? cleanupConfirmation(operation, message.data.confirmation, deps)
          : lifecycleConfirmation(operation, message.data.confirmation, deps);
      });
    case 'operation.keystone-action':
      return withOperation(message.data.operationId, deps, (operation) =>
        keystoneAction(operation, message.data.number, deps),
      );
    case 'operation.released':
      return withOperation(message.data.operationId, deps, async () => ({
        kind: 'released',
        by: message.data.by,
        reason: message.data.reason,
        since: message.data.since,
      }));
    case 'operation.canceled':
      return withOperation(message.data.operationId, deps, async () => ({
        kind: 'canceled',
        by: message.data.by,
        reason: message.data.reason,
      }));
    case 'task.redriven':
      return withOperation(message.data.operationId, deps, async () => ({
        kind: 'redriven',
        taskId: message.data.taskId,
      }));
    case 'task.discarded': {
      const { operationId, ...discarded } = message.data;
      return withOperation(operationId, deps, async () => ({ kind: 'discarded', ...discarded }));
    }
    case 'service.progressed':
    case 'service.finished':
    case 'service.failed':
      return withOperation(message.data.operationId, deps, async () => ({
        kind: 'report',
        report: message,
      }));
    case 'operation.finished': {
      const { parentId, operationId } = message.data;
      await recordEnd(operationId, deps);
      if (!parentId) return undefined;
      return withOperation(parentId, deps, async (parent) =>
        deletesProjects(parent)
          ? progressOf(parent, deps)
          : {
              kind: 'child-ended',
              children: await deps.engine.reads.operations({ parentId, limit: 10_000 }),
            },
      );
    }
    default:
      // Account events that open no operation yet are published for other subscribers only.
      return undefined;
  }
}

const progressOf = async (operation: Operation, deps: CoordinateDeps): Promise<Input> => ({
  kind: 'domain-progress',
  ...(await domainProgress(operation, deps)),
});

async function withOperation(
  id: OperationId,
  deps: CoordinateDeps,
  input: (operation: Operation) => Promise<Input | undefined>,
) {
  const { reads } = deps.engine;
  const operation = await reads.operation(id);
  if (!operation) return undefined;
  const [tasks, happened, startedLastHour, waivers] = await Promise.all([
    reads.tasks(id),
    input(operation),
    reads.startedSince(deps.now() - HOUR, operation.scope.type, operation.action),
    reads.waivers(),
  ]);
  return (
    happened &&
    step(operation, tasks, happened, { ...deps.limits, now: deps.now(), startedLastHour, waivers })
  );
}

/**
 * Records a project that was provisioned. An account that was cleaned up is not resumed, and not
 * compared. So everything that is stored about it is removed.
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
  await forgetSuspension(scope.id, engine);
  await forgetProvision(scope.id, engine);
}
