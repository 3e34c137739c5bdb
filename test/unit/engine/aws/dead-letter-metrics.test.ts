import { expect, it } from '@jest/globals';
import type { Aws } from '../../../../lib/engine/aws/clients.ts';
import { openAwsEngine } from '../../../../lib/engine/aws/open.ts';

it('every dead-letter queue is polled, so that SQS keeps its metrics in CloudWatch up to date', async () => {
  const asked: string[] = [];
  const sqs = async (
    action: string,
    { QueueName, QueueUrl }: { QueueName?: string; QueueUrl?: string },
  ) => {
    if (action === 'GetQueueUrl') return { QueueUrl: `https://sqs/${QueueName}` };
    asked.push(`${action} ${QueueUrl}`);
    return { Attributes: {} };
  };
  const engine = openAwsEngine({
    aws: { sqs } as unknown as Aws,
    prefix: 'propagator-test',
    services: ['nova'],
  });
  await engine.keepDeadLetterMetrics();
  expect(asked.toSorted()).toEqual(
    ['coordinate-dead', 'ingest-dead', 'service-nova-dead', 'undelivered'].map(
      (name) => `GetQueueAttributes https://sqs/propagator-test-${name}`,
    ),
  );
});
