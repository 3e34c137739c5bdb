import type { Message } from '../../events/index.ts';
import type { WorkerEngine } from '../../lib/engine/port.ts';
import type { TestStage } from './aws.ts';
import { arrivingRuns, numbers, withEmulator } from './aws-emulator.ts';
import { until } from './engine-store.ts';
import { operationId, requested, unique } from './samples.ts';

const emulator = withEmulator();
const { open } = emulator;

const text = (StringValue: string) => ({ DataType: 'String', StringValue });
const urlOf = async (stage: TestStage, name: string): Promise<string> =>
  (await emulator.aws().aws.sqs('GetQueueUrl', { QueueName: `${stage.prefix}-${name}` }))
    .QueueUrl ?? '';
const put = async (
  stage: TestStage,
  name: string,
  MessageBody: string,
  MessageAttributes = {},
): Promise<void> => {
  await emulator
    .aws()
    .aws.sqs('SendMessage', { QueueUrl: await urlOf(stage, name), MessageBody, MessageAttributes });
};
/** The message as EventBridge writes it. */
const event = (type: string, detail: object) =>
  JSON.stringify({
    version: '0',
    id: unique(),
    'detail-type': type,
    source: 'keystone-propagator',
    detail,
  });
const undeliverable = (stage: TestStage, service: string) => ({
  ERROR_CODE: text('NO_PERMISSIONS'),
  ERROR_MESSAGE: text('not allowed'),
  EXHAUSTED_RETRY_CONDITION: text('MaximumEventAgeInSeconds'),
  RULE_ARN: text('arn:rule'),
  TARGET_ARN: text(`arn:aws:sqs:eu-central-1:0:${stage.prefix}-service-${service}`),
});
const denied = (code: string) => ({ code, class: 'Denied', message: 'm', advice: 'a' }) as const;
const moveToDeadLetters = (engine: WorkerEngine, runs: readonly number[], code = 'nova.http.403') =>
  engine.commit({
    deadLetters: runs.map((run) => ({ message: requested('nova', run), error: denied(code) })),
  });

describe('Dead letters in a long queue', () => {
  it('are selected one by one: a few are redriven, and all others remain visible', async () => {
    const stage = await emulator.aws().stage(['nova']);
    const engine = open(stage);
    const all = numbers(300);
    const few = [17, 150, 299];
    for (let at = 0; at < 300; at += 50)
      await moveToDeadLetters(
        engine,
        all.slice(at, at + 50).filter((run) => !few.includes(run)),
      );
    await moveToDeadLetters(engine, few, 'nova.http.500');
    const runs = await arrivingRuns(engine);
    expect(await engine.redrive({ service: 'nova', cause: 'nova.http.500' }, { by: 'ann' })).toBe(
      3,
    );
    const left = await engine.deadLetters({ service: 'nova' });
    expect(
      left
        .map(({ message }) => (message?.type === 'service.requested' ? message.data.run : 0))
        .toSorted((a, b) => a - b),
    ).toEqual(all.filter((run) => !few.includes(run)));
    await until('the few', () => runs.length === 3);
    expect(runs.toSorted((a, b) => a - b)).toEqual(few);
    expect((await engine.reads.depths())['service-nova']).toMatchObject({ dead: 297, active: 0 });
  });

  it('are redriven once by two concurrent redrives, and two concurrent lists each show all of them', async () => {
    const stage = await emulator.aws().stage(['nova']);
    const [one, other] = [open(stage), open(stage)];
    await moveToDeadLetters(one, numbers(45));
    const seen = await Promise.all(
      [one, other, one].map((engine) => engine.deadLetters({ service: 'nova' })),
    );
    expect(seen.map(({ length }) => length)).toEqual([45, 45, 45]);
    const runs = await arrivingRuns(open(stage));
    const sent = await Promise.all(
      [one, other].map((engine) => engine.redrive({ service: 'nova' }, { by: 'ann' })),
    );
    expect(sent.toSorted((a, b) => a - b)).toEqual([0, 45]);
    await until('all', () => runs.length >= 45);
    expect(await one.deadLetters({})).toEqual([]);
    expect(runs.toSorted((a, b) => a - b)).toEqual(numbers(45));
  });

  it('are redriven only once by one redrive, even if they fail again immediately', async () => {
    const stage = await emulator.aws().stage(['nova']);
    const engine = open(stage);
    let handled = 0;
    await engine.work('service-nova', { concurrency: 2 }, async ([delivery]) => {
      handled += 1;
      if (delivery?.message.type === 'service.requested')
        await engine.commit({
          deadLetters: [{ message: delivery.message, error: denied('nova.http.403') }],
        });
    });
    await moveToDeadLetters(engine, [1, 2]);
    await put(stage, 'service-nova-dead', 'not a message');
    expect(await engine.redrive({ service: 'nova' }, { by: 'ann' })).toBe(3);
    await until(
      'the two again',
      async () => handled === 2 && (await engine.deadLetters({ service: 'nova' })).length >= 2,
    );
    expect(handled).toBe(2);
  });
});

describe('A process that lists dead-letter messages while another process does', () => {
  it('waits for the other listing, reports a long wait, and never returns an empty list', async () => {
    const stage = await emulator.aws().stage(['nova']);
    const engine = open(stage);
    await moveToDeadLetters(engine, numbers(3));
    const { promise: goOn, resolve } = Promise.withResolvers<void>();
    let isHolding = false;
    const slow = emulator.openWith(stage, (_, action, __, onwards) => {
      if (action !== 'ChangeMessageVisibilityBatch') return undefined;
      isHolding = true;
      return goOn.then(onwards);
    });
    const first = slow.deadLetters({ service: 'nova' });
    await until('a listing in progress', () => isHolding);
    const hasty = open(stage, { maxLeaseWaitMillis: 300 });
    await expect(hasty.deadLetters({ service: 'nova' })).rejects.toMatchObject({
      report: {
        code: 'engine.dead-letters.busy',
        message: expect.stringContaining('service-nova'),
      },
    });
    await expect(hasty.redrive({ service: 'nova' }, { by: 'ann' })).rejects.toMatchObject({
      report: { code: 'engine.dead-letters.busy' },
    });
    const waitingListing = engine.deadLetters({ service: 'nova' });
    resolve();
    expect([(await first).length, (await waitingListing).length]).toEqual([3, 3]);
  });

  it('lists all other queues even if one cannot be listed', async () => {
    const stage = await emulator.aws().stage(['nova', 'swift']);
    const engine = open(stage);
    await moveToDeadLetters(engine, numbers(12));
    const broken = emulator.openWith(stage, (_, action, input) =>
      action === 'ReceiveMessage' && JSON.stringify(input).includes('service-swift-dead')
        ? Promise.reject(new Error('away'))
        : undefined,
    );
    await expect(broken.deadLetters({})).rejects.toThrow('away');
    expect((await engine.reads.depths())['service-nova']).toMatchObject({ dead: 12, active: 0 });
    const { Attributes } = await emulator.aws().aws.sqs('GetQueueAttributes', {
      QueueUrl: await urlOf(stage, 'service-nova-dead'),
      AttributeNames: ['ApproximateNumberOfMessagesNotVisible'],
    });
    expect(Attributes).toEqual({ ApproximateNumberOfMessagesNotVisible: '0' });
    expect(await open(stage, { maxLeaseWaitMillis: 300 }).deadLetters({})).toHaveLength(12);
  });

  it('does not start when a listing ends after its lease, because the next listing has the lease', async () => {
    const stage = await emulator.aws().stage(['nova']);
    await moveToDeadLetters(open(stage), numbers(2));
    const [late, next] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let holding = 0;
    const standing = (until: Promise<void>) =>
      emulator.openWith(
        stage,
        (_, action, __, onwards) => {
          if (action !== 'ChangeMessageVisibilityBatch') return undefined;
          holding += 1;
          return until.then(onwards);
        },
        { visibilitySeconds: 3 },
      );
    const first = standing(late.promise).deadLetters({ service: 'nova' });
    await until('the first', () => holding === 1);
    const second = standing(next.promise).deadLetters({ service: 'nova' });
    await until('the second, when the time of the first was over', () => holding === 2);
    late.resolve();
    expect(await first).toHaveLength(2);
    await expect(
      open(stage, { maxLeaseWaitMillis: 200 }).deadLetters({ service: 'nova' }),
    ).rejects.toMatchObject({
      report: { code: 'engine.dead-letters.busy' },
    });
    next.resolve();
    expect(await second).toHaveLength(2);
  });
});

describe('A message that SQS itself moved to the dead-letter queue', () => {
  it('is shown with an explanation and redriven unchanged, even if another release wrote it', async () => {
    const stage = await emulator.aws().stage(['nova']);
    const engine = open(stage);
    const message = requested('nova', 6);
    const strange = { ...message, data: { ...message.data, run: 7, phase: 'unknown-phase' } };
    await engine.commit({ messages: [message, strange as unknown as Message] });
    const QueueUrl = await urlOf(stage, 'service-nova');
    await until('two dead-letter messages', async () => {
      await emulator
        .aws()
        .aws.sqs('ReceiveMessage', { QueueUrl, VisibilityTimeout: 0, MaxNumberOfMessages: 10 });
      return (await engine.reads.depths())['service-nova']?.dead === 2;
    });
    const found = await engine.deadLetters({ service: 'nova', cause: 'engine.gave-up' });
    const { operationId: of, taskId } = message.data;
    expect(found.map(({ task, error, operationId }) => [task, error, operationId])).toEqual(
      expect.arrayContaining([6, 7].map((run) => [{ taskId, run }, undefined, of])),
    );
    expect(found.map(({ unreadable }) => unreadable === undefined).toSorted()).toEqual([
      false,
      true,
    ]);
    expect(await engine.redrive({ service: 'nova', cause: 'engine.gave-up' }, { by: 'ann' })).toBe(
      2,
    );
    const bodies: string[] = [];
    await until('both', async () => {
      const { Messages = [] } = await emulator
        .aws()
        .aws.sqs('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 });
      bodies.push(...Messages.map(({ Body = '' }) => Body));
      return bodies.length === 2;
    });
    expect(bodies.map((body) => JSON.parse(body).detail)).toEqual(
      expect.arrayContaining([message.data, strange.data]),
    );
  });
});

describe('A message that EventBridge could not deliver', () => {
  it('remains a dead letter if no rule of this release matches it, because the bus would drop it silently', async () => {
    const stage = await emulator.aws().stage(['nova']);
    const warned: string[] = [];
    const engine = open(stage, { onWarning: (message) => warned.push(message) });
    const gone = requested('trove', 1);
    await put(stage, 'undelivered', event(gone.type, gone.data), undeliverable(stage, 'trove'));
    await put(
      stage,
      'undelivered',
      event('service.unknown', { operationId: operationId() }),
      undeliverable(stage, 'nova'),
    );
    expect(await engine.redrive({}, { by: 'ann' })).toBe(0);
    expect(warned).toHaveLength(2);
    expect(await engine.deadLetters({})).toHaveLength(2);
    expect(await engine.reads.decisions({ limit: 10 })).toEqual([]);
    expect(
      await engine.discard(
        { operationId: gone.data.operationId },
        { by: 'ann', reason: 'trove has left' },
      ),
    ).toBe(1);
    expect(await engine.discard({}, { by: 'ann', reason: 'of a release that we left' })).toBe(1);
  });

  it('is a dead letter with the reason, and a redrive sends it to the bus again', async () => {
    const stage = await emulator.aws().stage(['nova']);
    const engine = open(stage);
    const message = requested('nova', 4);
    await put(
      stage,
      'undelivered',
      event(message.type, message.data),
      undeliverable(stage, 'nova'),
    );
    await put(stage, 'undelivered', 'nothing of ours');
    expect(await engine.deadLetters({ service: 'nova' })).toMatchObject([
      {
        queue: 'service-nova',
        message,
        error: { code: 'delivery.no_permissions', message: expect.stringContaining('not allowed') },
      },
    ]);
    const runs = await arrivingRuns(engine);
    expect(await engine.redrive({}, { by: 'ann' })).toBe(1);
    await until('it', () => runs.length === 1);
    expect(runs).toEqual([4]);
    // A message that is not the propagator's own is shown and can be discarded.
    expect(await engine.deadLetters({})).toMatchObject([
      { message: undefined, unreadable: 'nothing of ours' },
    ]);
    expect(await engine.discard({}, { by: 'ann', reason: 'noise' })).toBe(1);
    expect(await engine.deadLetters({})).toEqual([]);
  });
});

describe('A function that SQS invokes', () => {
  it('receives a record whose handler threw again after a pause, and finally dead-letters it with the error', async () => {
    const stage = await emulator.aws().stage(['nova']);
    const engine = open(stage);
    await engine.commit({ messages: [requested('nova', 1)] });
    const error = {
      code: 'nova.http.500',
      class: 'Unexpected',
      message: 'm',
      advice: 'a',
    } as const;
    const { QueueUrl = '' } = await emulator
      .aws()
      .aws.sqs('GetQueueUrl', { QueueName: `${stage.prefix}-service-nova` });
    const again: number[] = [];
    await until('a dead letter', async () => {
      const { Messages = [] } = await emulator.aws().aws.sqs('ReceiveMessage', {
        QueueUrl,
        WaitTimeSeconds: 2,
        MessageSystemAttributeNames: ['ApproximateReceiveCount'],
      });
      const records = Messages.map(({ ReceiptHandle = '', Body = '', Attributes }) => ({
        receiptHandle: ReceiptHandle,
        body: Body,
        receiveCount: Number(Attributes?.ApproximateReceiveCount),
      }));
      again.push(
        ...(await engine.retryOrDeadLetter('service-nova', records, error)).map(
          ({ receiveCount }) => receiveCount,
        ),
      );
      return (await engine.reads.depths())['service-nova']?.dead === 1;
    });
    expect(again).toEqual([1, 2]);
    expect(await engine.deadLetters({ service: 'nova' })).toMatchObject([
      { error, receiveCount: 3 },
    ]);
    expect((await engine.reads.depths())['service-nova']).toEqual({
      ready: 0,
      delayed: 0,
      active: 0,
      dead: 1,
    });
  });
});
