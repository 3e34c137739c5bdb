import type { QueryInput } from '@aws-sdk/client-dynamodb';

export interface Range {
  readonly pk: string;
  /** Range of sort keys, both ends included. */
  readonly from?: string;
  readonly to?: string;
  /** Prefix of the sort keys; use it instead of `from` and `to`. */
  readonly begins?: string;
  readonly newestFirst?: boolean;
  readonly limit?: number;
}

export type QueryParameters = Omit<QueryInput, 'TableName' | 'Limit' | 'ExclusiveStartKey'>;

/** Converts a range to the input of a consistent `Query`. */
export function queryParametersOf({ pk, begins, from, to, newestFirst }: Range): QueryParameters {
  const values = { ':pk': pk, ':begins': begins, ':from': from, ':to': to };
  const conditions = ['pk = :pk'];
  if (begins !== undefined) conditions.push('begins_with(sk, :begins)');
  if (from !== undefined)
    conditions.push(to === undefined ? 'sk >= :from' : 'sk BETWEEN :from AND :to');
  else if (to !== undefined) conditions.push('sk <= :to');
  return {
    KeyConditionExpression: conditions.join(' AND '),
    ExpressionAttributeValues: Object.fromEntries(
      Object.entries(values).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, { S: value }]],
      ),
    ),
    ConsistentRead: true,
    ScanIndexForward: newestFirst !== true,
  };
}
