import { describe, expect, it } from '@jest/globals';
import type { Aws } from '../../../../lib/engine/aws/clients.ts';
import { keyOf } from '../../../../lib/engine/aws/dynamodb/rows.ts';
import { Store } from '../../../../lib/engine/aws/dynamodb/table.ts';

describe('rows that are written without a transaction', () => {
  it('occur once in a batch, because DynamoDB refuses a batch with a duplicate row', async () => {
    const asked: object[] = [];
    const dynamodb = (async (_: string, input: object) => {
      asked.push(input);
      return {};
    }) as unknown as Aws['dynamodb'];
    const store = new Store({ dynamodb }, 'table');
    const [one, other] = [
      { pk: 'a', sk: '1' },
      { pk: 'a', sk: '2' },
    ];
    await store.put([
      { ...keyOf(one), body: { S: 'old' } },
      keyOf(other),
      { ...keyOf(one), body: { S: 'new' } },
    ]);
    await store.delete([one, other, one]);
    expect(asked).toEqual([
      {
        RequestItems: {
          table: [
            { PutRequest: { Item: { ...keyOf(one), body: { S: 'new' } } } },
            { PutRequest: { Item: keyOf(other) } },
          ],
        },
      },
      {
        RequestItems: {
          table: [one, other].map((key) => ({ DeleteRequest: { Key: keyOf(key) } })),
        },
      },
    ]);
  });
});
