import { describe, expect, it } from '@jest/globals';
import type { Aws } from '../../../../lib/engine/aws/clients.ts';
import { commit } from '../../../../lib/engine/aws/dynamodb/commit.ts';
import { Store } from '../../../../lib/engine/aws/dynamodb/table.ts';
import { Queues } from '../../../../lib/engine/aws/messaging/queues.ts';
import { Sender } from '../../../../lib/engine/aws/messaging/sender.ts';
import { namesOf } from '../../../../lib/engine/aws/names.ts';

describe('a change that writes one document twice', () => {
  it('is a conflict, and writes nothing: DynamoDB would refuse its transaction as invalid', async () => {
    const actions: string[] = [];
    const call = async (action: string) => {
      actions.push(action);
      return {};
    };
    const aws = { dynamodb: call, sqs: call, events: call, scheduler: call } as unknown as Aws;
    const sender = new Sender(aws, new Queues(aws), { names: namesOf('stage'), services: [] });
    const document = { collection: 'plan', partition: 'p', id: 'one', version: 0 } as const;
    const documents = [
      { ...document, value: 1 },
      { ...document, value: 2 },
    ];
    const deps = { store: new Store(aws, 'table'), sender, warn: () => undefined };
    expect(await commit({ documents }, deps)).toBe('conflict');
    expect(actions).toEqual([]);
  });
});
