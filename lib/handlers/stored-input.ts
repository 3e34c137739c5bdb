import type { OperationId } from '../../events/ids.ts';
import type { Message } from '../../events/index.ts';
import type { Engine } from '../engine/port.ts';
import { hasEnded } from '../operation/ended.ts';
import { suspendsAndResumesOf } from '../operation/lifecycle.ts';
import type { Operation } from '../operation/model.ts';
import type { StoredInput } from './operation-change.ts';

interface StoredInputDeps {
  readonly engine: Pick<Engine, 'reads'>;
}

/**
 * Returns the id of the operation that a message changes, and a function that returns the event of
 * the change. The function reads the missing data of the event from the store. Returns `undefined`
 * for account events that only external subscribers use.
 */
export function storedInputOf(
  message: Message,
  deps: StoredInputDeps,
): { readonly operationId: OperationId; readonly readEvent: StoredInput } | undefined {
  switch (message.type) {
    case 'operation.released': {
      const { operationId, by, reason, since } = message.data;
      const readEvent: StoredInput = async (operation) => ({
        kind: 'released',
        by,
        reason,
        since,
        lifecycles: await lifecyclesInWindow(operation, deps),
      });
      return { operationId, readEvent };
    }
    case 'operation.window': {
      const { operationId, number } = message.data;
      const readEvent: StoredInput = async (operation) => ({
        kind: 'window-check',
        number,
        lifecycles: await lifecyclesInWindow(operation, deps),
      });
      return { operationId, readEvent };
    }
    case 'operation.canceled': {
      const { operationId, by, reason } = message.data;
      const readEvent: StoredInput = async ({ children }) => ({
        kind: 'canceled',
        by,
        reason,
        children: await operationsOf(children, deps),
      });
      return { operationId, readEvent };
    }
    case 'task.redriven': {
      const { operationId, taskId } = message.data;
      return { operationId, readEvent: async () => ({ kind: 'redriven', taskId }) };
    }
    case 'task.discarded': {
      const { operationId, ...discarded } = message.data;
      return { operationId, readEvent: async () => ({ kind: 'discarded', ...discarded }) };
    }
    case 'service.progressed':
    case 'service.finished':
    case 'service.failed': {
      const { operationId } = message.data;
      return { operationId, readEvent: async () => ({ kind: 'report', report: message }) };
    }
    default:
      return undefined;
  }
}

/**
 * Returns the suspend and resume operations of an account in its recovery window. For a domain, the
 * result includes the suspend and resume operations of its projects.
 */
async function lifecyclesInWindow(
  { scope, state }: Operation,
  { engine: { reads } }: StoredInputDeps,
): Promise<Operation[]> {
  if (state !== 'recoverable') return [];
  const ownLifecycles = suspendsAndResumesOf(await reads.operationsAbout(scope.type, scope.id));
  if (scope.type !== 'domain') return ownLifecycles;
  const openLifecycles = ownLifecycles.filter((one) => !hasEnded(one));
  const ofProjects = await Promise.all(
    openLifecycles.map(({ id }) => reads.operations({ parentId: id, limit: 10_000 })),
  );
  return [...ownLifecycles, ...suspendsAndResumesOf(ofProjects.flat())];
}

/** Returns the stored operations with these ids. */
async function operationsOf(
  ids: readonly OperationId[],
  { engine }: StoredInputDeps,
): Promise<Operation[]> {
  const operations = await Promise.all(ids.map((id) => engine.reads.operation(id)));
  return operations.filter((one) => one !== undefined);
}
