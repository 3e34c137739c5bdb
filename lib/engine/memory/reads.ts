import { foldId } from '../../../events/ids.ts';
import type { AccountRecord } from '../../account/inventory.ts';
import { newestSuspicions } from '../../account/suspicion.ts';
import type { Operation } from '../../operation/model.ts';
import type {
  AccountReads,
  DecisionReads,
  OperationFilter,
  OperationReads,
  QueueReads,
  Reads,
  RecordReads,
} from '../port.ts';
import { readStepRecords } from '../step-records.ts';
import { accountKey, type MemoryStore } from './store.ts';

const DEFAULT_LIMIT = 100;

/** Implements `Reads` for a store in memory. `now` returns epoch milliseconds. */
export function readsOf(store: MemoryStore, now: () => number): Reads {
  const readsWithoutStepRecords = {
    ...operationReads(store),
    ...accountReads(store),
    ...decisionReads(store),
    ...recordReads(store),
    ...queueReads(store, now),
  };
  return {
    ...readsWithoutStepRecords,
    stepRecords: (id, query) => readStepRecords(readsWithoutStepRecords, id, query),
  };
}

function operationReads(store: MemoryStore): Omit<OperationReads, 'stepRecords'> {
  const operations = (isWanted: (operation: Operation) => boolean): Operation[] =>
    [...store.operations.values()].filter(isWanted);
  return {
    operation: async (id) => store.operations.get(id),
    operationsAbout: async (type, id) =>
      operations(({ scope }) => scope.type === type && scope.id === id).toSorted(
        (one, other) => other.generation - one.generation || other.openedAt - one.openedAt,
      ),
    operations: async (filter) =>
      operations((operation) => matchesFilter(operation, filter))
        .toSorted((one, other) => other.openedAt - one.openedAt || (one.id < other.id ? -1 : 1))
        .slice(0, filter.limit ?? DEFAULT_LIMIT),
    tasks: async (operationId) =>
      [...store.tasks.values()]
        .filter((task) => task.operationId === operationId)
        .toSorted((one, other) => (one.id < other.id ? -1 : 1)),
    task: async (id) => store.tasks.get(id),
    countStartedSince: async (since, type, action = 'cleanup') =>
      operations(
        (operation) =>
          operation.action === action &&
          operation.scope.type === type &&
          operation.mode === 'enforce' &&
          (operation.startedAt ?? -1) >= since &&
          !operation.cause.suspicious,
      ).length,
  };
}

function accountReads(store: MemoryStore): AccountReads {
  const accountsWhere = (isWanted: (record: AccountRecord) => boolean): AccountRecord[] =>
    [...store.accounts.values()]
      .filter(isWanted)
      .toSorted((one, other) => (one.account.id < other.account.id ? -1 : 1));
  return {
    account: async (type, id) => store.accounts.get(accountKey(type, id)),
    accounts: async (type, ids) => {
      const requestedIds = new Set(ids);
      return accountsWhere(
        ({ account }) =>
          account.type === type && (ids === undefined || requestedIds.has(account.id)),
      );
    },
    suspicions: async (limit) => newestSuspicions([...store.accounts.values()], limit),
    accountsWithFoldedId: async (type, foldedId) =>
      accountsWhere(({ account }) => account.type === type && foldId(account.id) === foldedId),
    accountsAfter: async (type, after, limit) =>
      accountsWhere(
        ({ account }) => account.type === type && (after === undefined || account.id > after),
      ).slice(0, limit),
    projectsOf: async (domainId) =>
      accountsWhere(({ account }) => account.type === 'project' && account.domainId === domainId),
    projectsOfMember: async (userId) =>
      accountsWhere(
        ({ account, members }) => account.type === 'project' && members?.includes(userId) === true,
      ),
    accountCount: async () => store.accounts.size,
  };
}

const decisionReads = (store: MemoryStore): DecisionReads => ({
  coverageWaivers: async () =>
    [...store.waivers.values()].toSorted((one, other) => (one.type < other.type ? -1 : 1)),
  stopDecision: async () => store.stopDecisions[0],
  stopDecisions: async (limit) => store.stopDecisions.slice(0, limit),
  decisions: async ({ operationId, limit }) =>
    store.decisions
      .filter((decision) => operationId === undefined || decision.operationId === operationId)
      .slice(0, limit),
  auditRows: async (from, limit) =>
    store.audit
      .filter(({ sequence }) => sequence >= from)
      .toSorted((one, other) => one.sequence - other.sequence)
      .slice(0, limit),
  auditHead: async () => store.auditHead,
});

const recordReads = (store: MemoryStore): RecordReads => ({
  documents: async (collection, partition, prefix = '') =>
    [...store.documents.values()]
      .filter(
        (document) =>
          document.collection === collection &&
          document.partition === partition &&
          document.id.startsWith(prefix),
      )
      .toSorted((one, other) => (one.id < other.id ? -1 : 1)),
  seenMessageIds: async (ids) => new Set(ids.filter((id) => store.seenTimesById.has(id))),
  quarantine: async (limit) => ({
    total: store.quarantineRecords.length,
    records: store.quarantineRecords.toReversed().slice(0, limit),
  }),
  counters: async () =>
    Object.fromEntries([...store.counters].toSorted(([one], [other]) => (one < other ? -1 : 1))),
});

const queueReads = (store: MemoryStore, now: () => number): QueueReads => ({
  hasUnfinished: async (queue) => {
    const depth = store.queues.depths(now()).get(queue);
    return depth !== undefined && depth.ready + depth.active > 0;
  },
  depths: async () => {
    const deadByQueue = Map.groupBy(store.deadLetters, ({ deadLetter }) => deadLetter.queue);
    return Object.fromEntries(
      [...store.queues.depths(now())].map(([queue, depth]) => [
        queue,
        { ...depth, dead: deadByQueue.get(queue)?.length ?? 0 },
      ]),
    );
  },
});

function matchesFilter(operation: Operation, filter: OperationFilter): boolean {
  const { scope, state, parentId } = operation;
  const { projectId, domainId, userId } = filter;
  const operationDomain = scope.type === 'domain' ? scope.id : scope.domainId;
  return (
    (filter.state === undefined || state === filter.state) &&
    (filter.parentId === undefined || parentId === filter.parentId) &&
    (projectId === undefined || (scope.type === 'project' && scope.id === projectId)) &&
    (userId === undefined || (scope.type === 'user' && scope.id === userId)) &&
    (domainId === undefined || operationDomain === domainId)
  );
}
