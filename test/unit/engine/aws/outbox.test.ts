import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { AwsError } from '../../../../lib/engine/aws/aws-error.ts';
import type { Aws } from '../../../../lib/engine/aws/clients.ts';
import { flushOutbox, outboxOf } from '../../../../lib/engine/aws/dynamodb/outbox.ts';
import type { Item } from '../../../../lib/engine/aws/dynamodb/rows.ts';
import { Store } from '../../../../lib/engine/aws/dynamodb/table.ts';
import { Queues } from '../../../../lib/engine/aws/messaging/queues.ts';
import { Sender } from '../../../../lib/engine/aws/messaging/sender.ts';
import { namesOf } from '../../../../lib/engine/aws/names.ts';

const keyText = ({ pk, sk }: Item): string => `${pk?.S} ${sk?.S}`;

/** A table with the three calls that a flush makes. */
function fakeTable(rows: Map<string, Item>): Pick<Aws, 'dynamodb'> {
  const leasedUntil = (row: Item | undefined): number => Number(row?.leasedUntil?.N ?? 0);
  const calls: Readonly<Record<string, (input: never) => object>> = {
    Query: ({ ExpressionAttributeValues: values }: { ExpressionAttributeValues: Item }) => ({
      Items: [...rows.values()].filter(({ pk }) => pk?.S === values[':pk']?.S),
    }),
    UpdateItem: (input: { Key: Item; ExpressionAttributeValues: Item }) => {
      const { ':until': until, ':now': now } = input.ExpressionAttributeValues;
      const row = rows.get(keyText(input.Key));
      if (row === undefined || leasedUntil(row) >= Number(now?.N)) throw conditionFailed();
      rows.set(keyText(input.Key), { ...row, leasedUntil: until ?? {} });
      return {};
    },
    BatchWriteItem: ({ RequestItems }: { RequestItems: Record<string, object[]> }) => {
      for (const request of Object.values(RequestItems).flat())
        if ('DeleteRequest' in request)
          rows.delete(keyText((request.DeleteRequest as { Key: Item }).Key));
      return {};
    },
  };
  const dynamodb = async (action: string, input: object) => calls[action]?.(input as never);
  return { dynamodb: dynamodb as unknown as Aws['dynamodb'] };
}

describe('the flush of outboxes', () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('has the lease of each outbox while it sends the outbox, even after earlier outboxes took long', async () => {
    let now = 1_000_000;
    jest.spyOn(Date, 'now').mockImplementation(() => now);
    const outboxes = ['one', 'two', 'three'].map((text) =>
      outboxOf([{ type: 'task.redriven', detail: JSON.stringify(text) }], 0),
    );
    const rows = new Map(
      outboxes.flatMap(({ items }) => items.map((item) => [keyText(item), item] as const)),
    );
    const store = new Store(fakeTable(rows), 'table');
    const sent: string[] = [];
    /** Sends each event in 20 s. Halfway, `meanwhile` runs. */
    const senderWith = (meanwhile: () => Promise<unknown>): Sender => {
      const events = async (_: string, { Entries }: { Entries: { Detail: string }[] }) => {
        sent.push(...Entries.map(({ Detail }) => JSON.parse(Detail)));
        now += 10_000;
        await meanwhile();
        now += 10_000;
        return { Entries: Entries.map(() => ({ EventId: 'id' })) };
      };
      const aws = { events, scheduler: undefined, sqs: undefined } as unknown as Aws;
      return new Sender(aws, new Queues(aws), { names: namesOf('stage'), services: [] });
    };
    const otherSender = senderWith(async () => undefined);
    // The other process flushes while this process sends its last outbox.
    const sender = senderWith(async () =>
      sent.length === outboxes.length ? flushOutbox(store, otherSender, 0) : undefined,
    );
    expect(await flushOutbox(store, sender, 0)).toBe(3);
    expect(sent.toSorted()).toEqual(['one', 'three', 'two']);
    expect(rows.size).toBe(0);
  });
});

const conditionFailed = () =>
  new AwsError('ConditionalCheckFailedException', 'The conditional request failed', 400);
