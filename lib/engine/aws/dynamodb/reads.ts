import type * as z from 'zod';
import type { QueueName } from '../../../../events/index.ts';
import type { AccountRecord } from '../../../account/inventory.ts';
import { newestSuspicions } from '../../../account/suspicion.ts';
import { OPERATION_STATES, type Operation } from '../../../operation/model.ts';
import { storable } from '../../json.ts';
import { MAX_QUARANTINED, type OperationFilter, type Reads } from '../../port.ts';
import {
  StoredAccount,
  StoredDecision,
  StoredOperation,
  StoredQuarantine,
  StoredStopDecision,
  StoredTask,
  StoredWaiver,
} from '../../records.ts';
import type { Queues } from '../messaging/queues.ts';
import type { Names } from '../names.ts';
import { readAuditHead, readAuditRows } from './audit.ts';
import { unpack } from './codec.ts';
import {
  aboutPk,
  accountKey,
  accountPk,
  childrenPk,
  decisionsPk,
  documentPk,
  domainPk,
  foldedIdPk,
  idIn,
  memberPk,
  operationKey,
  projectsPk,
  quarantineKey,
  STOP_KEY,
  STOPS_PK,
  SUSPICION_PK,
  seenKey,
  sortable,
  startedPk,
  tasksKey,
} from './keys.ts';
import { type Item, numberOf, textOf } from './rows.ts';
import type { Store } from './table.ts';
import { ACCOUNTS_COUNTER, COUNTER_PREFIX, domainOf } from './writes.ts';

const MAX_LISTED = 100;
const MAX_READS_PER_CALL = 100;

const bodies = <Schema extends z.ZodType>(
  schema: Schema,
  items: readonly Item[],
): z.output<Schema>[] => items.map(({ body }) => schema.parse(unpack(body)));

/**
 * Implements `Reads` on the table and the queues. Throws a ZodError for a row that this release
 * cannot read.
 */
export function readsOf(
  store: Store,
  queues: Queues,
  names: Names,
  services: readonly string[],
): Reads {
  const operationsOf = async (ids: readonly string[]): Promise<Operation[]> =>
    bodies(StoredOperation, await store.many([...new Set(ids)].map(operationKey)));

  const accountsOf = async (
    type: AccountRecord['account']['type'],
    ids: readonly string[],
  ): Promise<AccountRecord[]> =>
    bodies(
      StoredAccount,
      await store.many([...new Set(ids)].map((id) => accountKey(type, id))),
    ).toSorted((one, other) => (one.account.id < other.account.id ? -1 : 1));

  /** Ids of operations that may pass the filter, newest first. */
  async function candidates({
    state,
    projectId,
    domainId,
    userId,
    parentId,
    limit = MAX_LISTED,
  }: OperationFilter): Promise<string[]> {
    const pk =
      projectId !== undefined
        ? aboutPk('project', projectId)
        : userId !== undefined
          ? aboutPk('user', userId)
          : parentId !== undefined
            ? childrenPk(parentId)
            : domainId !== undefined
              ? domainPk(domainId)
              : undefined;
    if (pk !== undefined) return (await store.sortKeys({ pk, newestFirst: true })).map(idIn);
    const found = await Promise.all(
      (state === undefined ? OPERATION_STATES : [state]).map((one) => store.byState(one, limit)),
    );
    return found
      .flat()
      .toSorted((one, other) => numberOf(other, 'openedAt') - numberOf(one, 'openedAt'))
      .map((item) => idIn(textOf(item, 'pk')));
  }

  async function counters(): Promise<Map<string, number>> {
    const sums = new Map<string, number>();
    for (const { pk: _, sk: __, ...numbers } of await store.query({ pk: 'counters' }))
      for (const [name, value] of Object.entries(numbers))
        sums.set(name, (sums.get(name) ?? 0) + Number(value.N));
    return sums;
  }

  return {
    async operation(id) {
      return (await operationsOf([id]))[0];
    },
    async operationsAbout(type, id) {
      const found = await operationsOf((await store.sortKeys({ pk: aboutPk(type, id) })).map(idIn));
      return found.toSorted(
        (one, other) => other.generation - one.generation || other.openedAt - one.openedAt,
      );
    },
    async operations(filter) {
      const { limit = MAX_LISTED } = filter;
      const ids = await candidates(filter);
      const found: Operation[] = [];
      for (let at = 0; at < ids.length && found.length < limit; at += MAX_READS_PER_CALL)
        found.push(
          ...(await operationsOf(ids.slice(at, at + MAX_READS_PER_CALL))).filter(
            matchesFilter(filter),
          ),
        );
      return found
        .toSorted((one, other) => other.openedAt - one.openedAt || (one.id < other.id ? -1 : 1))
        .slice(0, limit);
    },
    async tasks(operationId) {
      const rows = await store.query({ pk: operationKey(operationId).pk, begins: 'tasks#' });
      return bodies(StoredTask.array(), rows)
        .flat()
        .toSorted((one, other) => (one.id < other.id ? -1 : 1));
    },
    async task(id) {
      const row = await store.get(tasksKey(id));
      return (
        row &&
        bodies(StoredTask.array(), [row])
          .flat()
          .find((task) => task.id === id)
      );
    },
    async countStartedSince(at, type, action) {
      const started = await store.sortKeys({ pk: startedPk(type, action), from: sortable(at) });
      return new Set(started.map(idIn)).size;
    },
    async account(type, id) {
      return (await accountsOf(type, [id]))[0];
    },
    async accounts(type, ids) {
      return ids
        ? accountsOf(type, ids)
        : bodies(StoredAccount, await store.query({ pk: accountPk(type) }));
    },
    async suspicions(limit) {
      const keys = (await store.sortKeys({ pk: SUSPICION_PK })).map((sk) => ({
        pk: `account#${sk.slice(0, sk.indexOf('#'))}`,
        sk: idIn(sk),
      }));
      const found = bodies(StoredAccount, await store.many(keys)).filter((one) => one.suspicion);
      return newestSuspicions(found, limit);
    },
    async accountsWithFoldedId(type, folded) {
      if (folded === '') return [];
      return accountsOf(type, [
        folded,
        ...(await store.sortKeys({ pk: foldedIdPk(type, folded) })),
      ]);
    },
    async accountsAfter(type, after, limit) {
      // The key range includes `after` itself.
      const range = after === undefined ? {} : { from: after };
      const rows = await store.query({ pk: accountPk(type), ...range, limit: limit + 1 });
      return bodies(StoredAccount, rows)
        .filter(({ account }) => account.id !== after)
        .slice(0, limit);
    },
    async projectsOf(domainId) {
      const found = await accountsOf('project', await store.sortKeys({ pk: projectsPk(domainId) }));
      return found.filter(
        ({ account }) => account.type === 'project' && account.domainId === domainId,
      );
    },
    async projectsOfMember(userId) {
      const found = await accountsOf('project', await store.sortKeys({ pk: memberPk(userId) }));
      return found.filter(({ members }) => members?.includes(userId));
    },
    async coverageWaivers() {
      return bodies(StoredWaiver, await store.query({ pk: 'waiver' }));
    },
    async stopDecision() {
      const [found] = bodies(StoredStopDecision, await store.many([STOP_KEY]));
      return found;
    },
    async stopDecisions(limit) {
      return bodies(
        StoredStopDecision,
        await store.query({ pk: STOPS_PK, limit, newestFirst: true }),
      );
    },
    async documents(collection, partition, prefix = '') {
      const pk = documentPk(collection, storable(partition));
      const begins = storable(prefix);
      const rows = await store.query({ pk, ...(begins === '' ? {} : { begins }) });
      return rows.map((item) => ({
        collection,
        partition,
        id: textOf(item, 'sk'),
        version: numberOf(item, 'version'),
        value: unpack(item.body),
      }));
    },
    auditRows: (from, limit) => readAuditRows(store, from, limit),
    auditHead: () => readAuditHead(store),
    async accountCount() {
      return (await counters()).get(ACCOUNTS_COUNTER) ?? 0;
    },
    async seen(messageIds) {
      const found = await store.many([...new Set(messageIds.map(storable))].map(seenKey));
      const known = new Set(found.map((item) => idIn(textOf(item, 'pk'))));
      return new Set(messageIds.filter((id) => known.has(storable(id))));
    },
    async decisions({ operationId, limit }) {
      return bodies(
        StoredDecision,
        await store.query({ pk: decisionsPk(operationId), newestFirst: true, limit }),
      );
    },
    async quarantine(limit) {
      const ids = (
        await store.sortKeys({ pk: 'quarantine', newestFirst: true, limit: MAX_QUARANTINED })
      ).map(idIn);
      const found = bodies(
        StoredQuarantine,
        await store.many(ids.slice(0, limit).map(quarantineKey)),
      );
      const position = new Map(ids.map((id, index) => [id, index]));
      return {
        total: ids.length,
        records: found.toSorted(
          (one, other) => (position.get(one.id) ?? 0) - (position.get(other.id) ?? 0),
        ),
      };
    },
    async counters() {
      const ours = [...(await counters())].filter(([name]) => name.startsWith(COUNTER_PREFIX));
      return Object.fromEntries(
        ours
          .map(([name, value]): [string, number] => [name.slice(COUNTER_PREFIX.length), value])
          .toSorted(),
      );
    },
    async hasDue(name) {
      const { ready, active } = await queues.depth(names.queue(name));
      return ready + active > 0;
    },
    async depths() {
      const all: QueueName[] = [
        'ingest',
        'coordinate',
        ...services.map((service) => `service-${service}` as const),
      ];
      const depths = all.map(async (name) => {
        const [depth, dead] = await Promise.all([
          queues.depth(names.queue(name)),
          queues.depth(names.dead(name)),
        ]);
        return [name, { ...depth, dead: dead.ready + dead.active }] as const;
      });
      return Object.fromEntries(await Promise.all(depths));
    },
  };
}

const matchesFilter =
  ({ state, projectId, domainId, userId, parentId }: OperationFilter) =>
  (operation: Operation): boolean =>
    (state === undefined || operation.state === state) &&
    (projectId === undefined ||
      (operation.scope.type === 'project' && operation.scope.id === projectId)) &&
    (userId === undefined || (operation.scope.type === 'user' && operation.scope.id === userId)) &&
    (domainId === undefined || domainOf(operation) === domainId) &&
    (parentId === undefined || operation.parentId === parentId);
