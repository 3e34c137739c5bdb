import { jest } from '@jest/globals';
import { passesArriving, withEmulator } from './aws-emulator.ts';
import { until } from './place.ts';
import { requested, unique } from './samples.ts';

const emulator = withEmulator();
const { open } = emulator;

jest.setTimeout(60_000);

describe('A message that EventBridge could not deliver', () => {
  it('is a dead letter with the reason, and a redrive puts it on the bus again', async () => {
    const stage = await emulator.aws().stage(['nova']);
    const engine = open(stage);
    const message = requested('nova', 4);
    const { QueueUrl = '' } = await emulator.aws().aws.sqs('GetQueueUrl', { QueueName: `${stage.prefix}-undelivered` });
    const text = (StringValue: string) => ({ DataType: 'String', StringValue });
    const body = { version: '0', id: unique(), 'detail-type': message.type, source: 'keystone-propagator', detail: message.data };
    await emulator.aws().aws.sqs('SendMessage', {
      QueueUrl,
      MessageBody: JSON.stringify(body),
      MessageAttributes: {
        ERROR_CODE: text('NO_PERMISSIONS'),
        ERROR_MESSAGE: text('not allowed'),
        RULE_ARN: text('arn:rule'),
        TARGET_ARN: text(`arn:aws:sqs:eu-central-1:0:${stage.prefix}-service-nova`),
      },
    });
    await emulator.aws().aws.sqs('SendMessage', { QueueUrl, MessageBody: 'nothing of ours' });
    expect(await engine.deadLetters({ service: 'nova' })).toMatchObject([
      { queue: 'service-nova', message, error: { code: 'delivery.no_permissions', message: expect.stringContaining('not allowed') } },
    ]);
    const passes = await passesArriving(engine);
    expect(await engine.redrive({}, { by: 'ann' })).toBe(1);
    await until('it', () => passes.length === 1);
    expect(passes).toEqual([4]);
    // What is nothing of ours is shown, and can be thrown away.
    expect(await engine.deadLetters({})).toMatchObject([{ message: undefined, unreadable: 'nothing of ours' }]);
    expect(await engine.discard({}, { by: 'ann', reason: 'noise' })).toBe(1);
    expect(await engine.deadLetters({})).toEqual([]);
  });
});

describe('For a function that SQS feeds', () => {
  it('a record whose handler threw comes again after a pause, and is laid aside with the error in the end', async () => {
    const stage = await emulator.aws().stage(['nova']);
    const engine = open(stage);
    await engine.commit({ messages: [requested('nova', 1)] });
    const error = { code: 'nova.http.500', class: 'Unexpected', message: 'm', advice: 'a' } as const;
    const { QueueUrl = '' } = await emulator.aws().aws.sqs('GetQueueUrl', { QueueName: `${stage.prefix}-service-nova` });
    const again: number[] = [];
    await until('a dead letter', async () => {
      const { Messages = [] } = await emulator.aws().aws.sqs('ReceiveMessage', {
        QueueUrl,
        WaitTimeSeconds: 2,
        MessageSystemAttributeNames: ['ApproximateReceiveCount'],
      });
      const records = Messages.map(({ ReceiptHandle = '', Body = '', Attributes }) => ({
        handle: ReceiptHandle,
        body: Body,
        receiveCount: Number(Attributes?.ApproximateReceiveCount),
      }));
      again.push(...(await engine.failed('service-nova', records, error)).map(({ receiveCount }) => receiveCount));
      return (await engine.reads.depths())['service-nova']?.dead === 1;
    });
    expect(again).toEqual([1, 2]);
    expect(await engine.deadLetters({ service: 'nova' })).toMatchObject([{ error, receiveCount: 3 }]);
    expect((await engine.reads.depths())['service-nova']).toEqual({ ready: 0, delayed: 0, active: 0, dead: 1 });
  });
});
