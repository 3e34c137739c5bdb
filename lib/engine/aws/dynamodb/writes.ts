import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import type { QuarantineRecord } from '../../../account/inventory.ts';
import type { Operation, Task, Waiver } from '../../../operation/model.ts';
import type { StopDecision } from '../../../operation/stop.ts';
import { engineError } from '../../engine-error.ts';
import { storable, storableRecord } from '../../json.ts';
import type { WrittenDocument } from '../../port.ts';
import { unchanged } from './accounts.ts';
import { pack, unpack } from './codec.ts';
import {
  aboutPk,
  COUNTER_SHARES,
  childrenPk,
  documentPk,
  domainPk,
  openedSk,
  operationKey,
  quarantineKey,
  SEEN_SECONDS,
  STARTED_SECONDS,
  STOP_KEY,
  STOPS_PK,
  seenKey,
  sortable,
  startedPk,
  tasksKey,
} from './keys.ts';
import { type Item, keyOf, numberOf, textOf, type Write } from './rows.ts';
import type { Store } from './table.ts';

/**
 * The pointer of a start is written with the change that starts the operation, and again with each
 * change in the next 15 minutes (the maximum duration of a function). Later changes need not write
 * it, because an earlier change has done so.
 */
const STARTED_JUST_NOW_MILLIS = 15 * 60_000;

/**
 * Returns the rows of an operation: first the operation, then its pointers. `now` is in epoch
 * milliseconds.
 */
export function operationWrites(operation: Operation, now: number): Write[] {
  const { id, version, scope, parentId, startedAt, mode } = operation;
  const Item = {
    ...keyOf(operationKey(id)),
    version: { N: String(version + 1) },
    state: { S: operation.state },
    openedAt: { N: String(operation.openedAt) },
    body: pack({ ...operation, version: version + 1 }),
  };
  const sk = openedSk(operation);
  const pointers: Item[] = [];
  if (version === 0) pointers.push(keyOf({ pk: aboutPk(scope.type, scope.id), sk }));
  const domain = domainOf(operation);
  if (version === 0 && domain !== undefined) pointers.push(keyOf({ pk: domainPk(domain), sk }));
  if (parentId !== undefined) pointers.push(keyOf({ pk: childrenPk(parentId), sk }));
  const isCounted = mode === 'enforce' && !operation.cause.suspicious;
  if (startedAt !== undefined && isCounted && startedAt > now - STARTED_JUST_NOW_MILLIS) {
    const expires = { N: String(Math.floor(startedAt / 1000) + STARTED_SECONDS) };
    pointers.push({
      ...keyOf({ pk: startedPk(scope.type, operation.action), sk: `${sortable(startedAt)}#${id}` }),
      expires,
    });
  }
  return [
    { Put: { Item, ...unchanged('version', version === 0 ? undefined : version) } },
    ...pointers.map((pointer): Write => ({ Put: { Item: pointer } })),
  ];
}

/** The domain of an operation's account; `undefined` if unknown. */
export const domainOf = ({ scope }: Operation): string | undefined =>
  scope.type === 'domain' ? scope.id : scope.domainId;

/** The stored tasks of a row, with the fields that the version check needs. */
const KeptTasks = z.array(z.looseObject({ id: z.string(), version: z.number() }));

/**
 * Returns the rows of tasks. All tasks of one operation and region share a row, so that the largest
 * operation fits into one transaction. Returns `conflict` if another process has written a task
 * since the caller read it.
 */
export async function taskWrites(
  tasks: readonly Task[],
  store: Store,
): Promise<Write[] | 'conflict'> {
  const rows = Map.groupBy(tasks, ({ id }) => Object.values(tasksKey(id)).join('\n'));
  const keys = [...rows.values()].flatMap(([task]) => (task ? [tasksKey(task.id)] : []));
  const items = new Map(
    (await store.many(keys)).map((item) => [`${textOf(item, 'pk')}\n${textOf(item, 'sk')}`, item]),
  );
  const writes: Write[] = [];
  for (const [index, [name, changed]] of [...rows].entries()) {
    const key = keys[index];
    const item = items.get(name);
    const kept = new Map(
      (item ? KeptTasks.parse(unpack(item.body)) : []).map((task) => [task.id, task]),
    );
    for (const task of changed) {
      if ((kept.get(task.id)?.version ?? 0) !== task.version) return 'conflict';
      kept.set(task.id, { ...task, version: task.version + 1 });
    }
    const revision = numberOf(item, 'revision');
    const Item = {
      ...(key ? keyOf(key) : {}),
      revision: { N: String(revision + 1) },
      body: pack([...kept.values()]),
    };
    writes.push({ Put: { Item, ...unchanged('revision', item && revision) } });
  }
  return writes;
}

/**
 * Records an ingested notification. The condition fails for a notification that was ingested
 * before.
 */
export const seenWrite = (id: string, now: number): Write => ({
  Put: {
    Item: {
      ...keyOf(seenKey(storable(id))),
      expires: { N: String(Math.floor(now / 1000) + SEEN_SECONDS) },
    },
    ConditionExpression: 'attribute_not_exists(pk)',
  },
});

/** Rows of a quarantine record and its pointer. */
export const quarantineWrites = (record: QuarantineRecord): Write[] => [
  { Put: { Item: { ...keyOf(quarantineKey(record.id)), body: pack(storableRecord(record)) } } },
  { Put: { Item: keyOf({ pk: 'quarantine', sk: `${sortable(record.receivedAt)}#${record.id}` }) } },
];

/** Returns the rows of waivers. A waiver that the change both adds and removes is deleted. */
export function waiverWrites(
  waivers: readonly Waiver[],
  removedWaivers: readonly string[],
): Write[] {
  const newest = new Map(waivers.map((waiver) => [waiver.type, waiver]));
  const gone = new Set(removedWaivers);
  return [
    ...[...newest.values()]
      .filter(({ type }) => !gone.has(type))
      .map(
        (waiver): Write => ({
          Put: { Item: { ...keyOf({ pk: 'waiver', sk: waiver.type }), body: pack(waiver) } },
        }),
      ),
    ...[...gone].map((type): Write => ({ Delete: { Key: keyOf({ pk: 'waiver', sk: type }) } })),
  ];
}

/** Returns the rows of a decision to stop or resume: the newest decision, and the history entry. */
export const stopWrites = (decision: StopDecision): Write[] => [
  { Put: { Item: { ...keyOf(STOP_KEY), body: pack(decision) } } },
  {
    Put: {
      Item: {
        ...keyOf({ pk: STOPS_PK, sk: `${sortable(decision.at)}#${randomUUID()}` }),
        body: pack(decision),
      },
    },
  },
];

/** Writes or deletes a document. The condition fails if it was changed since it was read. */
export function documentWrite(document: WrittenDocument): Write {
  const { collection, partition, id, version, value } = document;
  const key = keyOf({ pk: documentPk(collection, storable(partition)), sk: storable(id) });
  const condition = unchanged('version', version === 0 ? undefined : version);
  if (value === undefined) return { Delete: { Key: key, ...condition } };
  const Item = { ...key, version: { N: String(version + 1) }, body: pack(value) };
  return { Put: { Item, ...condition } };
}

/** The maximum number of counters in one expression, because DynamoDB limits its length. */
const MAX_NAMES_PER_CALL = 150;
/**
 * The prefix of each counter's attribute, because a counter may have the name of another attribute.
 */
export const COUNTER_PREFIX = 'n:';
export const ACCOUNTS_COUNTER = 'accounts';

/**
 * Each counter is split over several rows. Adds to a random row, to prevent lock conflicts. Throws
 * `TypeError` for a value that is not an integer.
 */
export function counterWrites(
  counters: Readonly<Record<string, number>>,
  accounts: number,
): Write[] {
  const invalid = Object.entries(counters).find(([, value]) => !Number.isSafeInteger(value));
  if (invalid) throw new TypeError(`counter ${invalid[0]}: ${invalid[1]} is not an integer`);
  const amounts = Object.entries(counters).map(([name, value]): [string, number] => [
    COUNTER_PREFIX + name,
    value,
  ]);
  if (accounts > 0) amounts.push([ACCOUNTS_COUNTER, accounts]);
  const firstShare = Math.floor(Math.random() * COUNTER_SHARES);
  const updates = Array.from(
    { length: Math.ceil(amounts.length / MAX_NAMES_PER_CALL) },
    (_, share): Write => {
      const shareAmounts = amounts.slice(
        share * MAX_NAMES_PER_CALL,
        (share + 1) * MAX_NAMES_PER_CALL,
      );
      return {
        Update: {
          Key: keyOf({ pk: 'counters', sk: String((firstShare + share) % COUNTER_SHARES) }),
          UpdateExpression: `ADD ${shareAmounts
            .map((_, index) => `#${index} :${index}`)
            .join(', ')}`,
          ExpressionAttributeNames: Object.fromEntries(
            shareAmounts.map(([name], index) => [`#${index}`, name]),
          ),
          ExpressionAttributeValues: Object.fromEntries(
            shareAmounts.map(([, value], index) => [`:${index}`, { N: String(value) }]),
          ),
        },
      };
    },
  );
  if (updates.length > COUNTER_SHARES)
    throw engineError(
      'change.too-big',
      `${amounts.length} counters in one change exceed the limit of one transaction.`,
      'Report this defect of the propagator, with this message.',
    );
  return updates;
}
