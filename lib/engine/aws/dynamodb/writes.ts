import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import type { QuarantineRecord } from '../../../account/inventory.ts';
import type { Operation, Task, Waiver } from '../../../operation/model.ts';
import type { StopDecision } from '../../../operation/stop.ts';
import { storableRecord, storableText } from '../../json.ts';
import type { WrittenDocument } from '../../port.ts';
import { pack, unpack } from './codec.ts';
import {
  childOperationsPk,
  documentPk,
  NEWEST_STOP_DECISION_KEY,
  openedSk,
  operationKey,
  operationsAboutPk,
  operationsInDomainPk,
  quarantineKey,
  SEEN_ID_RETENTION_SECONDS,
  STARTED_POINTER_RETENTION_SECONDS,
  STOP_DECISIONS_PK,
  seenKey,
  sortableTime,
  startedOperationsPk,
  tasksKey,
} from './keys.ts';
import { type Item, ifUnchanged, keyOf, numberOf, textOf, type Write } from './rows.ts';
import type { Store } from './table.ts';

/**
 * The record of an operation does not show which change sets `startedAt`. Every change within this
 * time after `startedAt` therefore writes the pointer to the started operation. A function runs for
 * at most 15 minutes, so the change that sets `startedAt` is always written within this time.
 */
const STARTED_JUST_NOW_MILLIS = 15 * 60_000;

/**
 * Returns the row of an operation, and the rows of its pointers. `now` is in epoch milliseconds.
 */
export function operationWrites(
  operation: Operation,
  now: number,
): { readonly row: Write; readonly pointers: readonly Write[] } {
  const { id, version } = operation;
  const Item = {
    ...keyOf(operationKey(id)),
    version: { N: String(version + 1) },
    state: { S: operation.state },
    openedAt: { N: String(operation.openedAt) },
    body: pack({ ...operation, version: version + 1 }),
  };
  const pointers = [...lookupPointers(operation), ...startedOperationPointers(operation, now)];
  return {
    row: { Put: { Item, ...ifUnchanged('version', version === 0 ? undefined : version) } },
    pointers: pointers.map((pointer): Write => ({ Put: { Item: pointer } })),
  };
}

/**
 * Returns the pointers by which an operation is found: by account, by domain and by parent. The
 * account and the domain never change, so their pointers are written with the first version. An
 * existing cleanup may get a parent later, so the pointer from the parent is written with each
 * version.
 */
function lookupPointers(operation: Operation): Item[] {
  const { version, scope, parentId } = operation;
  const domain = domainOf(operation);
  const partitions = [
    ...(version === 0 ? [operationsAboutPk(scope.type, scope.id)] : []),
    ...(version === 0 && domain !== undefined ? [operationsInDomainPk(domain)] : []),
    ...(parentId === undefined ? [] : [childOperationsPk(parentId)]),
  ];
  return partitions.map((pk) => keyOf({ pk, sk: openedSk(operation) }));
}

/** Returns the pointer by which `countStartedSince` finds an operation that started just now. */
function startedOperationPointers(operation: Operation, now: number): Item[] {
  const { id, mode, cause, startedAt, scope, action } = operation;
  const isCounted = mode === 'enforce' && !cause.suspicious;
  if (!isCounted || startedAt === undefined) return [];
  if (startedAt <= now - STARTED_JUST_NOW_MILLIS) return [];
  return [
    {
      ...keyOf({
        pk: startedOperationsPk(scope.type, action),
        sk: `${sortableTime(startedAt)}#${id}`,
      }),
      expires: { N: String(Math.floor(startedAt / 1000) + STARTED_POINTER_RETENTION_SECONDS) },
    },
  ];
}

/** Returns the domain of the account of an operation; `undefined` if it is unknown. */
export const domainOf = ({ scope }: Operation): string | undefined =>
  scope.type === 'domain' ? scope.id : scope.domainId;

/** The tasks in a stored row, with the fields that the version check needs. */
const StoredTasks = z.array(z.looseObject({ id: z.string(), version: z.number() }));

/**
 * Returns the rows of tasks. All tasks of one operation and region are in one row, so that the
 * largest operation fits into one transaction. Returns `conflict` if another process has written
 * one of these tasks since the caller read it.
 */
export async function taskWrites(
  tasks: readonly Task[],
  store: Store,
): Promise<Write[] | 'conflict'> {
  const keyTextOf = ({ id }: Task): string => Object.values(tasksKey(id)).join('\n');
  const groups = Map.groupBy(tasks, keyTextOf);
  const keys = [...groups.values()].flatMap(([task]) => (task ? [tasksKey(task.id)] : []));
  const itemsByKeyText = new Map(
    (await store.getMany(keys)).map((item) => [
      `${textOf(item, 'pk')}\n${textOf(item, 'sk')}`,
      item,
    ]),
  );
  const writes = [...groups].map(([keyText, group]) =>
    taskWrite(group, itemsByKeyText.get(keyText)),
  );
  return writes.some((write) => write === 'conflict')
    ? 'conflict'
    : writes.filter((write) => write !== 'conflict');
}

/** Merges tasks of one operation and region into their stored row `item`. */
function taskWrite(tasks: readonly Task[], item: Item | undefined): Write | 'conflict' {
  const [firstTask] = tasks;
  const storedTasks = item ? StoredTasks.parse(unpack(item.body)) : [];
  const taskById = new Map(storedTasks.map((task) => [task.id, task]));
  for (const task of tasks) {
    if ((taskById.get(task.id)?.version ?? 0) !== task.version) return 'conflict';
    taskById.set(task.id, { ...task, version: task.version + 1 });
  }
  const revision = numberOf(item, 'revision');
  const Item = {
    ...(firstTask ? keyOf(tasksKey(firstTask.id)) : {}),
    revision: { N: String(revision + 1) },
    body: pack([...taskById.values()]),
  };
  return { Put: { Item, ...ifUnchanged('revision', item && revision) } };
}

/**
 * Returns the row that records an ingested notification. Its condition fails if the notification
 * was ingested before.
 */
export const seenWrite = (id: string, now: number): Write => ({
  Put: {
    Item: {
      ...keyOf(seenKey(storableText(id))),
      expires: { N: String(Math.floor(now / 1000) + SEEN_ID_RETENTION_SECONDS) },
    },
    ConditionExpression: 'attribute_not_exists(pk)',
  },
});

/** Returns the rows of a quarantine record and its pointer. */
export const quarantineWrites = (record: QuarantineRecord): Write[] => [
  { Put: { Item: { ...keyOf(quarantineKey(record.id)), body: pack(storableRecord(record)) } } },
  {
    Put: {
      Item: keyOf({ pk: 'quarantine', sk: `${sortableTime(record.receivedAt)}#${record.id}` }),
    },
  },
];

/** Returns the rows of waivers. A waiver that the change both adds and removes is deleted. */
export function waiverWrites(
  waivers: readonly Waiver[],
  removedWaiverTypes: readonly string[],
): Write[] {
  const newWaiverByType = new Map(waivers.map((waiver) => [waiver.type, waiver]));
  const removedTypes = new Set(removedWaiverTypes);
  return [
    ...[...newWaiverByType.values()]
      .filter(({ type }) => !removedTypes.has(type))
      .map(
        (waiver): Write => ({
          Put: { Item: { ...keyOf({ pk: 'waiver', sk: waiver.type }), body: pack(waiver) } },
        }),
      ),
    ...[...removedTypes].map(
      (type): Write => ({ Delete: { Key: keyOf({ pk: 'waiver', sk: type }) } }),
    ),
  ];
}

/** Returns the rows of a decision to stop or resume: the newest decision, and the history entry. */
export const stopWrites = (decision: StopDecision): Write[] => [
  { Put: { Item: { ...keyOf(NEWEST_STOP_DECISION_KEY), body: pack(decision) } } },
  {
    Put: {
      Item: {
        ...keyOf({ pk: STOP_DECISIONS_PK, sk: `${sortableTime(decision.at)}#${randomUUID()}` }),
        body: pack(decision),
      },
    },
  },
];

/**
 * Returns the write or the deletion of a document. Its condition fails if another process has
 * written the document since the caller read it.
 */
export function documentWrite(document: WrittenDocument): Write {
  const { collection, partition, id, version, value } = document;
  const key = keyOf({ pk: documentPk(collection, storableText(partition)), sk: storableText(id) });
  const condition = ifUnchanged('version', version === 0 ? undefined : version);
  if (value === undefined) return { Delete: { Key: key, ...condition } };
  const Item = { ...key, version: { N: String(version + 1) }, body: pack(value) };
  return { Put: { Item, ...condition } };
}
