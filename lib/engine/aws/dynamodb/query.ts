import type { QueryInput } from '@aws-sdk/client-dynamodb';

/** A range of rows in one partition. */
export interface RowRange {
  readonly pk: string;
  /** The first and the last sort key. The range includes both. */
  readonly from?: string;
  readonly to?: string;
  /** The prefix of the sort keys, in place of `from` and `to`. */
  readonly prefix?: string;
  readonly newestFirst?: boolean;
  readonly limit?: number;
}

export type QueryParameters = Omit<QueryInput, 'TableName' | 'Limit' | 'ExclusiveStartKey'>;

/** Converts a range to the input of a consistent `Query`. */
export function queryParametersOf({
  pk,
  prefix,
  from,
  to,
  newestFirst,
}: RowRange): QueryParameters {
  const values = { ':pk': pk, ':prefix': prefix, ':from': from, ':to': to };
  const conditions = ['pk = :pk'];
  if (prefix !== undefined) conditions.push('begins_with(sk, :prefix)');
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
