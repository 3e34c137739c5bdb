import { describe, expect, it } from '@jest/globals';
import { AwsError } from '../../../../lib/engine/aws/aws-error.ts';
import type { Aws } from '../../../../lib/engine/aws/clients.ts';
import { commit } from '../../../../lib/engine/aws/dynamodb/commit.ts';
import type { Item } from '../../../../lib/engine/aws/dynamodb/rows.ts';
import { Store } from '../../../../lib/engine/aws/dynamodb/table.ts';
import { Queues } from '../../../../lib/engine/aws/messaging/queues.ts';
import { Sender } from '../../../../lib/engine/aws/messaging/sender.ts';
import { namesOf } from '../../../../lib/engine/aws/names.ts';
import { confirmation, operation } from '../../../engine/samples.ts';

type Transaction = { TransactItems: { Put?: { Item: Item } }[] };

/** An AWS whose transactions answer in this order. The last answer repeats. */
function awsWith(...answers: readonly (readonly string[] | 'done')[]) {
  const actions: string[] = [];
  const transactions: Transaction[] = [];
  const call = async (action: string, input: object) => {
    actions.push(action);
    if (action === 'PutEvents') return { Entries: [{ EventId: 'one' }] };
    if (action !== 'TransactWriteItems') return {};
    const answer = answers[Math.min(transactions.length, answers.length - 1)] ?? 'done';
    transactions.push(input as Transaction);
    if (answer === 'done') return {};
    const reasons = answer.map((Code) => ({ Code }));
    throw new AwsError('TransactionCanceledException', 'canceled', 400, reasons);
  };
  const aws = { dynamodb: call, sqs: call, events: call, scheduler: call } as unknown as Aws;
  const sender = new Sender(aws, new Queues(aws), { names: namesOf('stage'), services: [] });
  const deps = { store: new Store(aws, 'table'), sender, warn: () => undefined };
  return { actions, transactions, deps };
}

const document = { collection: 'plan', partition: 'p', id: 'one', version: 0 } as const;

describe('a change that writes one document twice', () => {
  it('is a conflict, and writes nothing: DynamoDB would refuse its transaction as invalid', async () => {
    const { actions, deps } = awsWith();
    const documents = [
      { ...document, value: 1 },
      { ...document, value: 2 },
    ];
    expect(await commit({ documents }, deps)).toBe('conflict');
    expect(actions).toEqual([]);
  });
});

describe('a transaction that DynamoDB cancels', () => {
  const failed = 'ConditionalCheckFailed';
  const documents = [{ ...document, value: 1 }];
  const counters = { n: 1 };

  it('is a conflict without a retry if a row has another version', async () => {
    const { transactions, deps } = awsWith([failed, 'None']);
    expect(await commit({ documents, counters }, deps)).toBe('conflict');
    expect(transactions).toHaveLength(1);
  });

  it('is written again if only a row fails that the commit merges', async () => {
    const { transactions, deps } = awsWith(
      ['None', failed],
      ['None', 'TransactionConflict'],
      'done',
    );
    expect(await commit({ documents, counters }, deps)).toBe('committed');
    expect(transactions).toHaveLength(3);
  });

  it('is written again with its messages, which are sent once', async () => {
    const { transactions, actions, deps } = awsWith(['None', failed], 'done');
    const opened = operation();
    const change = { operations: [opened], messages: [confirmation(opened.id)] };
    expect(await commit(change, deps)).toBe('committed');
    const outboxes = transactions.map(({ TransactItems }) =>
      TransactItems.filter(({ Put }) => Put?.Item.pk?.S?.startsWith('outbox')),
    );
    expect(outboxes.map(({ length }) => length)).toEqual([1, 1]);
    expect(actions.filter((action) => action === 'PutEvents')).toHaveLength(1);
  });

  it('is given up after 15 attempts: as a conflict if its caller decides again, else as an error', async () => {
    const [guarded, merging] = [awsWith(['TransactionConflict']), awsWith(['TransactionConflict'])];
    await Promise.all([
      expect(commit({ documents, counters }, guarded.deps)).resolves.toBe('conflict'),
      expect(commit({ counters }, merging.deps)).rejects.toMatchObject({
        report: { code: 'engine.busy' },
      }),
    ]);
    expect(guarded.transactions).toHaveLength(15);
    expect(merging.transactions).toHaveLength(15);
  });
});
