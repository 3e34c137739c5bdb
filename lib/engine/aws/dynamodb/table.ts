import { AwsError } from '../aws-error.ts';
import type { Aws } from '../clients.ts';
import { pause } from '../pause.ts';
import { inBatches } from './call-batches.ts';
import { type QueryParameters, queryParametersOf, type Range } from './query.ts';
import { type Item, type Key, keyOf, textOf, type Write } from './rows.ts';

/**
 * `refused`: the conditions of the rows `which` failed. `busy`: after all retries, another
 * transaction still locked a row.
 */
export type Written =
  | { readonly kind: 'done' }
  | { readonly kind: 'refused'; readonly which: readonly number[] }
  | { readonly kind: 'busy' };

/** DynamoDB's limits for one call. */
const MAX_READS_PER_CALL = 100;

const MAX_WRITES_PER_CALL = 25;

/** The table. Every read is consistent, except reads of the index. */
export class Store {
  readonly #dynamodb: (action: string, input: object) => Promise<object>;
  readonly #table: string;

  constructor({ dynamodb }: Pick<Aws, 'dynamodb'>, table: string) {
    // The SDK's types expect a Uint8Array where this class passes base64 text.
    this.#dynamodb = dynamodb as (action: string, input: object) => Promise<object>;
    this.#table = table;
  }

  async get(key: Key): Promise<Item | undefined> {
    const { Item }: { Item?: Item } = await this.#dynamodb('GetItem', {
      TableName: this.#table,
      Key: keyOf(key),
      ConsistentRead: true,
    });
    return Item;
  }

  /** Reads the existing rows in any order. `keys` must not contain duplicates. */
  async many(keys: readonly Key[]): Promise<Item[]> {
    const found = await inBatches(keys, MAX_READS_PER_CALL, async (batch) => {
      const items: Item[] = [];
      let wanted: readonly Item[] = batch.map(keyOf);
      for (let tries = 0; wanted.length > 0; tries += 1) {
        if (tries > 0) await pause(tries);
        const RequestItems = { [this.#table]: { Keys: wanted, ConsistentRead: true } };
        const answer: Batched = await this.#dynamodb('BatchGetItem', { RequestItems });
        items.push(...(answer.Responses?.[this.#table] ?? []));
        // DynamoDB leaves out throttled rows, and all rows beyond 16 MB in total.
        wanted = answer.UnprocessedKeys?.[this.#table]?.Keys ?? [];
      }
      return items;
    });
    return found.flat();
  }

  /** Reads a range of rows in the order of their sort keys. */
  query(range: Range): Promise<Item[]> {
    return this.#take(range.limit, queryParametersOf(range));
  }

  /** Reads only the sort keys of a range. */
  async sortKeys(range: Range): Promise<string[]> {
    const items = await this.#take(range.limit, {
      ...queryParametersOf(range),
      ProjectionExpression: 'sk',
    });
    return items.map((item) => textOf(item, 'sk'));
  }

  /**
   * Keys of the operations in a state, newest first, from the index. The index is eventually
   * consistent: it may lack a recent write.
   */
  byState(state: string, limit: number): Promise<Item[]> {
    return this.#take(limit, {
      IndexName: 'operations-by-state',
      KeyConditionExpression: '#state = :state',
      ExpressionAttributeNames: { '#state': 'state' },
      ExpressionAttributeValues: { ':state': { S: state } },
      ScanIndexForward: false,
    });
  }

  /**
   * Writes all rows or no row. The SDK repeats a call without an answer with the same token, so
   * that DynamoDB does not apply it twice.
   */
  async transact(writes: readonly Write[]): Promise<Written> {
    const TransactItems = writes.map((write) =>
      Object.fromEntries(
        Object.entries(write).map(([action, row]) => [action, { ...row, TableName: this.#table }]),
      ),
    );
    try {
      await this.#dynamodb('TransactWriteItems', { TransactItems });
      return { kind: 'done' };
    } catch (error) {
      if (!(error instanceof AwsError) || error.name !== 'TransactionCanceledException')
        throw error;
      const codes = error.reasons.map(({ Code }) => Code);
      const which = codes.flatMap((code, index) =>
        code === 'ConditionalCheckFailed' ? [index] : [],
      );
      if (which.length > 0) return { kind: 'refused', which };
      if (codes.includes('TransactionConflict')) return { kind: 'busy' };
      throw error;
    }
  }

  /**
   * Writes rows one by one, without conditions, and replaces existing rows. If a key occurs twice,
   * the last row is stored.
   */
  put(items: readonly Item[]): Promise<void> {
    const newest = new Map(
      items.map((Item) => [JSON.stringify([textOf(Item, 'pk'), textOf(Item, 'sk')]), Item]),
    );
    return this.#batch([...newest.values()].map((Item) => ({ PutRequest: { Item } })));
  }

  delete(keys: readonly Key[]): Promise<void> {
    const keysByText = new Map(keys.map((key) => [JSON.stringify([key.pk, key.sk]), key]));
    return this.#batch(
      [...keysByText.values()].map((key) => ({ DeleteRequest: { Key: keyOf(key) } })),
    );
  }

  /**
   * Takes the lease of a row for `millis`. Returns false if another process has the lease.
   * `exists`: the row must exist already.
   */
  async lease(key: Key, now: number, millis: number, exists: boolean): Promise<boolean> {
    try {
      await this.#dynamodb('UpdateItem', {
        TableName: this.#table,
        Key: keyOf(key),
        UpdateExpression: 'SET leasedUntil = :until',
        ConditionExpression:
          `${exists ? 'attribute_exists(pk) AND ' : ''}(attribute_not_exists(leasedUntil) OR ` +
          'leasedUntil < :now)',
        ExpressionAttributeValues: {
          ':until': { N: String(now + millis) },
          ':now': { N: String(now) },
        },
      });
      return true;
    } catch (error) {
      if (error instanceof AwsError && error.name === 'ConditionalCheckFailedException')
        return false;
      throw error;
    }
  }

  /** Releases a lease. A lease that another process has taken since stays. */
  async release(key: Key, until: number): Promise<void> {
    try {
      await this.#dynamodb('DeleteItem', {
        TableName: this.#table,
        Key: keyOf(key),
        ConditionExpression: 'leasedUntil = :until',
        ExpressionAttributeValues: { ':until': { N: String(until) } },
      });
    } catch (error) {
      if (!(error instanceof AwsError) || error.name !== 'ConditionalCheckFailedException')
        throw error;
    }
  }

  /** `requests` must name each row once: DynamoDB refuses a batch with duplicates. */
  async #batch(requests: readonly object[]): Promise<void> {
    await inBatches(requests, MAX_WRITES_PER_CALL, async (batch) => {
      let wanted: readonly object[] = batch;
      for (let tries = 0; wanted.length > 0; tries += 1) {
        if (tries > 0) await pause(tries);
        const answer: Batched = await this.#dynamodb('BatchWriteItem', {
          RequestItems: { [this.#table]: wanted },
        });
        wanted = answer.UnprocessedItems?.[this.#table] ?? [];
      }
    });
  }

  async #take(limit: number | undefined, parameters: QueryParameters): Promise<Item[]> {
    const items: Item[] = [];
    let ExclusiveStartKey: Item | undefined;
    do {
      const input = {
        ...parameters,
        TableName: this.#table,
        Limit: limit === undefined ? undefined : limit - items.length,
        ExclusiveStartKey,
      };
      const answer: { Items?: Item[]; LastEvaluatedKey?: Item } = await this.#dynamodb(
        'Query',
        input,
      );
      items.push(...(answer.Items ?? []));
      ExclusiveStartKey = answer.LastEvaluatedKey;
    } while (ExclusiveStartKey && (limit === undefined || items.length < limit));
    return items;
  }
}

interface Batched {
  readonly Responses?: Readonly<Record<string, Item[]>>;
  readonly UnprocessedKeys?: Readonly<Record<string, { readonly Keys?: Item[] }>>;
  readonly UnprocessedItems?: Readonly<Record<string, object[]>>;
}
