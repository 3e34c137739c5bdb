import { AwsError } from '../aws-error.ts';
import type { Aws } from '../clients.ts';
import { pause } from '../pause.ts';
import { callInBatches } from './call-batches.ts';
import { type QueryParameters, queryParametersOf, type RowRange } from './query.ts';
import { type Item, type Key, keyOf, textOf, type Write } from './rows.ts';

/**
 * The result of a transaction. `refused`: the conditions of the rows with the indexes
 * `refusedIndexes` failed. `busy`: at the last retry, another transaction still had a row locked.
 */
export type TransactionResult =
  | { readonly kind: 'done' }
  | { readonly kind: 'refused'; readonly refusedIndexes: readonly number[] }
  | { readonly kind: 'busy' };

/** The limit of BatchGetItem. */
const MAX_READS_PER_CALL = 100;
/** The limit of BatchWriteItem. */
const MAX_WRITES_PER_CALL = 25;

/** The table. Every read is consistent, except {@link Store.operationsInState}. */
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

  /**
   * Reads rows. The result lacks rows that do not exist, and its order is not the order of `keys`.
   * `keys` must not contain duplicates.
   */
  async getMany(keys: readonly Key[]): Promise<Item[]> {
    const itemsByBatch = await callInBatches(keys, MAX_READS_PER_CALL, async (batch) => {
      const items: Item[] = [];
      let remainingKeys: readonly Item[] = batch.map(keyOf);
      for (let tries = 0; remainingKeys.length > 0; tries += 1) {
        if (tries > 0) await pause(tries);
        const RequestItems = { [this.#table]: { Keys: remainingKeys, ConsistentRead: true } };
        const answer: BatchAnswer = await this.#dynamodb('BatchGetItem', { RequestItems });
        items.push(...(answer.Responses?.[this.#table] ?? []));
        // DynamoDB leaves out throttled rows, and rows beyond 16 MB in total.
        remainingKeys = answer.UnprocessedKeys?.[this.#table]?.Keys ?? [];
      }
      return items;
    });
    return itemsByBatch.flat();
  }

  /** Reads a range of rows in the order of their sort keys. */
  query(range: RowRange): Promise<Item[]> {
    return this.#queryPages(range.limit, queryParametersOf(range));
  }

  /** Reads only the sort keys of a range. */
  async sortKeys(range: RowRange): Promise<string[]> {
    const items = await this.#queryPages(range.limit, {
      ...queryParametersOf(range),
      ProjectionExpression: 'sk',
    });
    return items.map((item) => textOf(item, 'sk'));
  }

  /**
   * Reads the keys of the operations in a state, newest first, from the index. The index is
   * eventually consistent: it may lack a recent write.
   */
  operationsInState(state: string, limit: number): Promise<Item[]> {
    return this.#queryPages(limit, {
      IndexName: 'operations-by-state',
      KeyConditionExpression: '#state = :state',
      ExpressionAttributeNames: { '#state': 'state' },
      ExpressionAttributeValues: { ':state': { S: state } },
      ScanIndexForward: false,
    });
  }

  /**
   * Writes all rows or no row. If DynamoDB does not answer, the SDK repeats the call with the same
   * token, so that DynamoDB does not write the rows twice.
   */
  async transact(writes: readonly Write[]): Promise<TransactionResult> {
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
      const codes = error.cancellationReasons.map(({ Code }) => Code);
      const refusedIndexes = codes.flatMap((code, index) =>
        code === 'ConditionalCheckFailed' ? [index] : [],
      );
      if (refusedIndexes.length > 0) return { kind: 'refused', refusedIndexes };
      if (codes.includes('TransactionConflict')) return { kind: 'busy' };
      throw error;
    }
  }

  /**
   * Writes rows without a transaction and without conditions, and replaces existing rows. If two
   * rows have the same key, the last row is stored.
   */
  put(items: readonly Item[]): Promise<void> {
    const itemsByKey = new Map(
      items.map((Item) => [JSON.stringify([textOf(Item, 'pk'), textOf(Item, 'sk')]), Item]),
    );
    return this.#writeInBatches([...itemsByKey.values()].map((Item) => ({ PutRequest: { Item } })));
  }

  /** Deletes rows without a transaction and without conditions. */
  delete(keys: readonly Key[]): Promise<void> {
    const keysByText = new Map(keys.map((key) => [JSON.stringify([key.pk, key.sk]), key]));
    return this.#writeInBatches(
      [...keysByText.values()].map((key) => ({ DeleteRequest: { Key: keyOf(key) } })),
    );
  }

  /**
   * Acquires the lease of a row for `leaseMillis`. Returns false if another process has the lease.
   * If the row is missing: with `mustExist: true` returns false, with `mustExist: false` creates
   * the row.
   */
  async acquireLease(
    key: Key,
    now: number,
    leaseMillis: number,
    { mustExist }: { readonly mustExist: boolean },
  ): Promise<boolean> {
    try {
      await this.#dynamodb('UpdateItem', {
        TableName: this.#table,
        Key: keyOf(key),
        UpdateExpression: 'SET leasedUntil = :until',
        ConditionExpression:
          `${mustExist ? 'attribute_exists(pk) AND ' : ''}(attribute_not_exists(leasedUntil) OR ` +
          'leasedUntil < :now)',
        ExpressionAttributeValues: {
          ':until': { N: String(now + leaseMillis) },
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

  /**
   * Releases a lease that ends at `leasedUntilMillis`, by deleting its row. If the lease has ended
   * and another process has acquired it since, this function does nothing.
   */
  async releaseLease(key: Key, leasedUntilMillis: number): Promise<void> {
    try {
      await this.#dynamodb('DeleteItem', {
        TableName: this.#table,
        Key: keyOf(key),
        ConditionExpression: 'leasedUntil = :until',
        ExpressionAttributeValues: { ':until': { N: String(leasedUntilMillis) } },
      });
    } catch (error) {
      if (!(error instanceof AwsError) || error.name !== 'ConditionalCheckFailedException')
        throw error;
    }
  }

  /**
   * Each request must be about a different row, because DynamoDB refuses a batch with duplicates.
   */
  async #writeInBatches(requests: readonly object[]): Promise<void> {
    await callInBatches(requests, MAX_WRITES_PER_CALL, async (batch) => {
      let remainingRequests: readonly object[] = batch;
      for (let tries = 0; remainingRequests.length > 0; tries += 1) {
        if (tries > 0) await pause(tries);
        const answer: BatchAnswer = await this.#dynamodb('BatchWriteItem', {
          RequestItems: { [this.#table]: remainingRequests },
        });
        remainingRequests = answer.UnprocessedItems?.[this.#table] ?? [];
      }
    });
  }

  async #queryPages(limit: number | undefined, parameters: QueryParameters): Promise<Item[]> {
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

/** The answer of BatchGetItem or BatchWriteItem. */
interface BatchAnswer {
  readonly Responses?: Readonly<Record<string, Item[]>>;
  readonly UnprocessedKeys?: Readonly<Record<string, { readonly Keys?: Item[] }>>;
  readonly UnprocessedItems?: Readonly<Record<string, object[]>>;
}
