import { OPERATION_STATES, type Operation } from '../../../operation/model.ts';
import type { OperationFilter, OperationReads } from '../../port.ts';
import { StoredOperation, StoredTask } from '../../records.ts';
import { parseBodies } from './codec.ts';
import {
  childOperationsPk,
  idIn,
  operationKey,
  operationsAboutPk,
  operationsInDomainPk,
  sortableTime,
  startedOperationsPk,
  tasksKey,
} from './keys.ts';
import { numberOf, textOf } from './rows.ts';
import type { Store } from './table.ts';
import { domainOf } from './writes.ts';

const DEFAULT_LIMIT = 100;
/** The number of operations that a filtered list reads at a time. */
const PAGE_SIZE = 100;

/** Reads operations and tasks from the table. */
export function operationReads(store: Store): Omit<OperationReads, 'stepRecords'> {
  const readOperations = async (ids: readonly string[]): Promise<Operation[]> =>
    parseBodies(StoredOperation, await store.getMany([...new Set(ids)].map(operationKey)));

  return {
    async operation(id) {
      return (await readOperations([id]))[0];
    },
    async operationsAbout(type, id) {
      const sortKeys = await store.sortKeys({ pk: operationsAboutPk(type, id) });
      const operations = await readOperations(sortKeys.map(idIn));
      return operations.toSorted(
        (one, other) => other.generation - one.generation || other.openedAt - one.openedAt,
      );
    },
    async operations(filter) {
      const { limit = DEFAULT_LIMIT } = filter;
      const ids = await candidateIds(filter, store);
      const matchingOperations: Operation[] = [];
      for (
        let start = 0;
        start < ids.length && matchingOperations.length < limit;
        start += PAGE_SIZE
      ) {
        const page = await readOperations(ids.slice(start, start + PAGE_SIZE));
        matchingOperations.push(...page.filter((operation) => matchesFilter(operation, filter)));
      }
      return matchingOperations
        .toSorted((one, other) => other.openedAt - one.openedAt || (one.id < other.id ? -1 : 1))
        .slice(0, limit);
    },
    async tasks(operationId) {
      const rows = await store.query({ pk: operationKey(operationId).pk, prefix: 'tasks#' });
      return parseBodies(StoredTask.array(), rows)
        .flat()
        .toSorted((one, other) => (one.id < other.id ? -1 : 1));
    },
    async task(id) {
      const row = await store.get(tasksKey(id));
      const tasksOfRegion = parseBodies(StoredTask.array(), row ? [row] : []).flat();
      return tasksOfRegion.find((task) => task.id === id);
    },
    async countStartedSince(since, type, action) {
      const sortKeys = await store.sortKeys({
        pk: startedOperationsPk(type, action),
        from: sortableTime(since),
      });
      return new Set(sortKeys.map(idIn)).size;
    },
  };
}

/** Reads the ids of operations that may match the filter, newest first. */
async function candidateIds(filter: OperationFilter, store: Store): Promise<string[]> {
  const pk = pointerPartitionOf(filter);
  if (pk !== undefined) return (await store.sortKeys({ pk, newestFirst: true })).map(idIn);
  const { state, limit = DEFAULT_LIMIT } = filter;
  const states = state === undefined ? OPERATION_STATES : [state];
  const keys = await Promise.all(states.map((one) => store.operationsInState(one, limit)));
  return keys
    .flat()
    .toSorted((one, other) => numberOf(other, 'openedAt') - numberOf(one, 'openedAt'))
    .map((item) => idIn(textOf(item, 'pk')));
}

/**
 * Returns a partition with pointers to all operations that may match. Returns `undefined` for a
 * filter that sets no id: the index by state then finds the operations.
 */
function pointerPartitionOf(filter: OperationFilter): string | undefined {
  const { projectId, userId, parentId, domainId } = filter;
  if (projectId !== undefined) return operationsAboutPk('project', projectId);
  if (userId !== undefined) return operationsAboutPk('user', userId);
  if (parentId !== undefined) return childOperationsPk(parentId);
  return domainId === undefined ? undefined : operationsInDomainPk(domainId);
}

const matchesFilter = (
  operation: Operation,
  { state, projectId, domainId, userId, parentId }: OperationFilter,
): boolean =>
  (state === undefined || operation.state === state) &&
  (projectId === undefined ||
    (operation.scope.type === 'project' && operation.scope.id === projectId)) &&
  (userId === undefined || (operation.scope.type === 'user' && operation.scope.id === userId)) &&
  (domainId === undefined || domainOf(operation) === domainId) &&
  (parentId === undefined || operation.parentId === parentId);
