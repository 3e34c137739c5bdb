import type { PutEventsCommandInput, PutEventsRequestEntry } from '@aws-sdk/client-eventbridge';
import {
  GetScheduleCommand,
  ListSchedulesCommand,
  SchedulerClient,
} from '@aws-sdk/client-scheduler';
import type { OutgoingMessage } from '../../events/index.ts';
import { AwsError } from '../../lib/engine/aws/aws-error.ts';
import { readBody } from '../../lib/engine/aws/messaging/envelope.ts';
import type { Delivery, WorkerEngine } from '../../lib/engine/port.ts';
import { CREDENTIALS, REGION, SCHEDULER_ROLE } from './aws.ts';
import { arrivingRuns, numbers, withEmulator } from './aws-emulator.ts';
import { until } from './engine-store.ts';
import { confirmation, operation, operationId, requested, unique } from './samples.ts';

const emulator = withEmulator();
const { open, openWith } = emulator;

describe('The sender of messages', () => {
  it('uses the result of each entry: it sends only the refused one of ten events again', async () => {
    const stage = await emulator.aws().stage(['nova']);
    const sent: number[] = [];
    const engine = openWith(stage, (service, _, input) => {
      if (service !== 'events') return undefined;
      const { Entries } = input as PutEventsCommandInput & { Entries: PutEventsRequestEntry[] };
      sent.push(Entries.length);
      if (sent.length > 1) return undefined;
      // The fourth entry is held back and answered with an error.
      const refused = { ErrorCode: 'ThrottlingException', ErrorMessage: 'slow down' };
      return emulator
        .aws()
        .aws.events('PutEvents', { Entries: Entries.toSpliced(3, 1) })
        .then(({ Entries: done = [] }) => ({
          FailedEntryCount: 1,
          Entries: done.toSpliced(3, 0, refused),
        }));
    });
    await engine.commit({ messages: numbers(10).map((run) => requested('nova', run)) });
    const runs = await arrivingRuns(engine);
    await until('ten messages', () => runs.length >= 10);
    expect(runs.toSorted((a, b) => a - b)).toEqual(numbers(10));
    expect(sent).toEqual([10, 1]);
  });

  it('throws if the bus refuses a change of messages only, and sends the messages of any other change later', async () => {
    const stage = await emulator.aws().stage(['nova']);
    let away = true;
    const warnings: string[] = [];
    const engine = openWith(
      stage,
      (service, _, input) => {
        if (service !== 'events' || !away) return undefined;
        const { Entries } = input as { Entries: object[] };
        return Promise.resolve({
          FailedEntryCount: Entries.length,
          Entries: Entries.map(() => ({ ErrorCode: 'InternalFailure' })),
        });
      },
      { outboxGraceMillis: 0, onWarning: (message) => warnings.push(message) },
    );
    await expect(engine.commit({ messages: [requested('nova', 1)] })).rejects.toMatchObject({
      report: { code: 'engine.bus.refused' },
    });
    const opened = operation();
    expect(
      await engine.commit({ operations: [opened], messages: [requested('nova', 2, opened.id)] }),
    ).toBe('committed');
    expect(warnings.some((warning) => warning.includes('of a change could not be sent'))).toBe(
      true,
    );
    expect(await engine.reads.operation(opened.id)).toMatchObject({ version: 1 });
    away = false;
    await new Promise((resolve) => setTimeout(resolve, 10));
    const runs = await arrivingRuns(engine);
    // The first attempt to send message 2 may still have its lease.
    await until(
      'the second',
      async () => {
        await engine.flushOutbox();
        return runs.includes(2);
      },
      40,
    );
    expect(runs).toEqual([2]);
  });

  it('uses the result of each entry also for a queue', async () => {
    const stage = await emulator.aws().stage(['nova']);
    let calls = 0;
    const engine = openWith(stage, (_, action, input) => {
      if (action !== 'SendMessageBatch') return undefined;
      calls += 1;
      const { Entries, QueueUrl = '' } = input as { Entries: { Id: string }[]; QueueUrl?: string };
      if (calls > 1) return undefined;
      const [first, ...others] = Entries;
      return emulator
        .aws()
        .aws.sqs('SendMessageBatch', { QueueUrl, Entries: others as never })
        .then((answer) => ({
          ...answer,
          Failed: [{ Id: first?.Id, Code: 'InternalError', SenderFault: false }],
        }));
    });
    const error = { code: 'x', class: 'Denied', message: 'm', advice: 'a' } as const;
    await engine.commit({
      deadLetters: numbers(7).map((run) => ({ message: requested('nova', run), error })),
    });
    expect(
      (await engine.deadLetters({ service: 'nova' })).map(({ message }) => message?.data),
    ).toHaveLength(7);
    expect(calls).toBe(2);
  });

  it('refuses a message for a service without a queue, which the bus would drop silently', async () => {
    const stage = await emulator.aws().stage(['nova']);
    const engine = open(stage);
    const opened = operation();
    const change = {
      operations: [opened],
      messages: [requested('nova', 1, opened.id), requested('cinder', 1, opened.id)],
    };
    await expect(engine.commit(change)).rejects.toMatchObject({
      report: { code: 'engine.queue.unknown' },
    });
    expect(await engine.reads.operation(opened.id)).toBeUndefined();
    expect((await engine.reads.depths())['service-nova']?.ready).toBe(0);
  });

  it('does not delay a stored message because another message cannot be sent', async () => {
    const stage = await emulator.aws().stage(['nova', 'cinder']);
    const stuck = openWith(stage, (service) =>
      service === 'events' ? Promise.reject(new AwsError('NoAnswer', 'away', 0)) : undefined,
    );
    const [one, other] = [operation(), operation()];
    await stuck.commit({ operations: [one], messages: [requested('cinder', 1, one.id)] });
    await stuck.commit({ operations: [other], messages: [requested('nova', 1, other.id)] });
    const engine = openWith(
      stage,
      (service, _, input) =>
        service === 'events' && JSON.stringify(input).includes('cinder')
          ? Promise.reject(new AwsError('NoAnswer', 'away', 0))
          : undefined,
      { outboxGraceMillis: 0 },
    );
    await new Promise((resolve) => setTimeout(resolve, 5));
    await expect(engine.flushOutbox()).rejects.toThrow('away');
    expect((await engine.reads.depths())['service-nova']?.ready).toBe(1);
  });

  it('sends a stored message only once if two processes find it at the same time', async () => {
    const stage = await emulator.aws().stage(['nova']);
    const stuck = openWith(stage, (service) =>
      service === 'events' ? Promise.reject(new AwsError('NoAnswer', 'away', 0)) : undefined,
    );
    for (const run of numbers(6))
      await stuck.commit({ counters: { x: 1 }, messages: [requested('nova', run)] });
    await new Promise((resolve) => setTimeout(resolve, 5));
    const found = await Promise.all(
      numbers(4).map(() => open(stage, { outboxGraceMillis: 0 }).flushOutbox()),
    );
    expect(found.reduce((sum, one) => sum + one)).toBe(6);
    expect((await open(stage).reads.depths())['service-nova']?.ready).toBe(6);
  });
});

describe('A message with a delay', () => {
  const scheduler = () =>
    new SchedulerClient({
      endpoint: emulator.aws().endpoint,
      region: REGION,
      credentials: CREDENTIALS,
    });

  it('gets one schedule that targets its queue if the delay is longer than the maximum of a queue', async () => {
    const stage = await emulator.aws().stage(['nova']);
    const engine = open(stage);
    const opened = operation();
    const before = Date.now();
    await engine.commit({
      operations: [opened],
      messages: [
        { ...confirmation(opened.id), delaySeconds: 3600.5 },
        { ...confirmation(opened.id, 2), delaySeconds: 900 },
      ],
    });
    expect((await engine.reads.depths()).coordinate).toMatchObject({ delayed: 1, ready: 0 });
    const client = scheduler();
    const { Schedules = [] } = await client.send(
      new ListSchedulesCommand({ GroupName: stage.prefix }),
    );
    expect(Schedules).toHaveLength(1);
    const [{ Name } = { Name: '' }] = Schedules;
    const schedule = await client.send(new GetScheduleCommand({ GroupName: stage.prefix, Name }));
    expect(schedule).toMatchObject({
      ActionAfterCompletion: 'DELETE',
      FlexibleTimeWindow: { Mode: 'OFF' },
      Target: {
        Arn: expect.stringMatching(new RegExp(`:${stage.prefix}-coordinate$`)),
        RoleArn: SCHEDULER_ROLE,
        DeadLetterConfig: {
          Arn: expect.stringMatching(new RegExp(`:${stage.prefix}-undelivered$`)),
        },
      },
    });
    const at = Date.parse(`${/at\((.*)\)/.exec(schedule.ScheduleExpression ?? '')?.[1]}Z`);
    expect(at).toBeGreaterThanOrEqual(before + 3_600_500);
    expect(at).toBeLessThan(Date.now() + 3_602_000);
    expect(readBody(schedule.Target?.Input ?? '')).toEqual(confirmation(opened.id));
    client.destroy();
  });

  it('needs the role of the scheduler if the delay is so long, and without this role nothing is written', async () => {
    const stage = await emulator.aws().stage();
    const engine = open(stage, { schedulerRoleArn: undefined });
    const opened = operation();
    const change = {
      operations: [opened],
      messages: [{ ...confirmation(opened.id), delaySeconds: 901 }],
    };
    await expect(engine.commit(change)).rejects.toMatchObject({
      report: { code: 'engine.scheduler.role' },
    });
    expect(await engine.reads.operation(opened.id)).toBeUndefined();
  });

  it('gets no second schedule when it is sent again', async () => {
    const stage = await emulator.aws().stage();
    let deletes = 0;
    // All messages were sent, but the outbox could not be deleted.
    const broken = openWith(stage, (_, action) => {
      if (action !== 'BatchWriteItem') return undefined;
      deletes += 1;
      return Promise.reject(new AwsError('NoAnswer', 'away', 0));
    });
    await broken.commit({
      counters: { x: 1 },
      messages: [{ ...confirmation(operationId()), delaySeconds: 3600 }],
    });
    expect(deletes).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await open(stage, { outboxGraceMillis: 0 }).flushOutbox()).toBe(1);
    const client = scheduler();
    expect(
      (await client.send(new ListSchedulesCommand({ GroupName: stage.prefix }))).Schedules,
    ).toHaveLength(1);
    client.destroy();
  });
});

describe('A large message', () => {
  const notification = (body: string): OutgoingMessage => ({
    type: 'notification.received',
    data: { id: unique(), body, encoding: 'utf8', source: 'http', receivedAt: 1 },
  });
  async function taken(engine: WorkerEngine): Promise<Delivery[]> {
    const got: Delivery[] = [];
    await engine.work(
      'ingest',
      { concurrency: 1, batchSize: 10 },
      async (deliveries) => void got.push(...deliveries),
    );
    return got;
  }

  it('is sent unchanged up to the limit of AWS, one megabyte', async () => {
    const engine = open(await emulator.aws().stage());
    const body = 'é'.repeat(450_000);
    await engine.commit({ messages: [notification(body), notification(body), notification(body)] });
    const got = await taken(engine);
    await until('all three', () => got.length === 3);
    for (const { message } of got)
      expect(message.type === 'notification.received' && message.data.body === body).toBe(true);
  });

  it('is stored with the rows of its commit, in as many rows as necessary, until it is sent', async () => {
    const stage = await emulator.aws().stage();
    // This body can't be compressed.
    const body =
      Array.from({ length: 12_000 }, unique).join('') +
      Array.from({ length: 60_000 }, unique).join('');
    const stuck = openWith(stage, (service) =>
      service === 'events' ? Promise.reject(new AwsError('NoAnswer', 'away', 0)) : undefined,
    );
    await stuck.commit({ counters: { x: 1 }, messages: [notification(body)] });
    await new Promise((resolve) => setTimeout(resolve, 5));
    const engine = open(stage, { outboxGraceMillis: 0 });
    expect(await engine.flushOutbox()).toBe(1);
    const got = await taken(engine);
    await until('it', () => got.length === 1);
    expect(got[0]?.message).toMatchObject({ data: { body } });
  });

  it('is truncated if it is a notification, and then states its original size', async () => {
    const engine = open(await emulator.aws().stage());
    const body = 'x'.repeat(1_048_000);
    await engine.commit({ messages: [notification(body)] });
    const got = await taken(engine);
    await until('it', () => got.length === 1);
    expect(got[0]?.message.data).toMatchObject({ cutFrom: 1_048_000, body: 'x'.repeat(64 * 1024) });
  });

  it('is refused if it is any other message, and nothing is written', async () => {
    const engine = open(await emulator.aws().stage(['nova']));
    const opened = operation();
    const big = requested('nova', 1, opened.id);
    const change = {
      operations: [opened],
      messages: [{ ...big, data: { ...big.data, name: 'x'.repeat(1_100_000) } }],
    };
    await expect(engine.commit(change)).rejects.toMatchObject({
      report: { code: 'engine.message.too-big' },
    });
    expect(await engine.reads.operation(opened.id)).toBeUndefined();
  });
});
