import type { OperationId } from '../../events/ids.ts';
import type { Message } from '../../events/index.ts';
import type { Engine } from '../engine/port.ts';
import { hasEnded } from '../operation/ended.ts';
import type { Operation } from '../operation/model.ts';
import { suspendsAndResumesOf } from '../operation/operation-history.ts';
import type { StoredEventSource } from './operation-change.ts';

interface StoredEventDeps {
  readonly engine: Pick<Engine, 'reads'>;
}

/**
 * Returns the id of the operation that a message changes, and a function that returns the event of
 * the change. The function reads from the store the data that the event needs and the message does
 * not contain. Returns `undefined` if no case below handles the type of the message.
 */
export function storedEventSourceOf(
  message: Message,
  deps: StoredEventDeps,
): { readonly operationId: OperationId; readonly readEvent: StoredEventSource } | undefined {
  switch (message.type) {
    case 'operation.released': {
      const { operationId, by, reason, since } = message.data;
      const readEvent: StoredEventSource = async (operation) => ({
        kind: 'released',
        by,
        reason,
        since,
        suspendsAndResumes: await suspendsAndResumesInWindow(operation, deps),
      });
      return { operationId, readEvent };
    }
    case 'operation.window': {
      const { operationId, number } = message.data;
      const readEvent: StoredEventSource = async (operation) => ({
        kind: 'window-check',
        number,
        suspendsAndResumes: await suspendsAndResumesInWindow(operation, deps),
      });
      return { operationId, readEvent };
    }
    case 'operation.canceled': {
      const { operationId, by, reason } = message.data;
      const readEvent: StoredEventSource = async ({ children }) => ({
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
async function suspendsAndResumesInWindow(
  { scope, state }: Operation,
  { engine: { reads } }: StoredEventDeps,
): Promise<Operation[]> {
  if (state !== 'recoverable') return [];
  const suspendsAndResumesOfAccount = suspendsAndResumesOf(
    await reads.operationsAbout(scope.type, scope.id),
  );
  if (scope.type !== 'domain') return suspendsAndResumesOfAccount;
  const openOperationsOfDomain = suspendsAndResumesOfAccount.filter((one) => !hasEnded(one));
  const operationsOfProjects = await Promise.all(
    openOperationsOfDomain.map(({ id }) => reads.operations({ parentId: id, limit: 10_000 })),
  );
  return [...suspendsAndResumesOfAccount, ...suspendsAndResumesOf(operationsOfProjects.flat())];
}

/** Returns the stored operations with these ids. */
async function operationsOf(
  ids: readonly OperationId[],
  { engine }: StoredEventDeps,
): Promise<Operation[]> {
  const operations = await Promise.all(ids.map((id) => engine.reads.operation(id)));
  return operations.filter((one) => one !== undefined);
}
