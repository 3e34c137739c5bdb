import middy from '@middy/core';
import type { QueueName } from '../../../../events/index.ts';
import type { LambdaContext } from '../../../../lib/engine/aws/lambda/context.ts';
import { beginInvocation, functionLog } from '../../../../lib/engine/aws/lambda/log.ts';
import { meteredEngine, metricLine, metricsOf } from '../../../../lib/engine/aws/lambda/metrics.ts';
import {
  type MessageHandler,
  type RecordsOptions,
  recordsHandler,
  sqsMiddlewares,
} from '../../../../lib/engine/aws/lambda/sqs.ts';
import type { Engine } from '../../../../lib/engine/port.ts';
import { PropagatorError } from '../../../../lib/shared/errors.ts';
import { operation, quarantined, requested } from '../../../engine/samples.ts';
import { SECRET_PART, SECRET_TEXTS } from '../../shared/secrets.ts';

const toEventBody = ({ type, data }: { type: string; data: object }) =>
  JSON.stringify({ 'detail-type': type, source: 'x', detail: data });
const record = (id: string, body: string, count = 1) => ({
  messageId: id,
  receiptHandle: `handle of ${id}`,
  body,
  attributes: { ApproximateReceiveCount: String(count) },
});

/** The parts of the context of a function that its middlewares need. */
function testContext() {
  const [counted, failed, lines]: [Record<string, number>, [string, string[], string][], string[]] =
    [{}, [], []];
  const lambda = {
    engine: {
      retryOrDeadLetter: async (
        queue: string,
        records: { id: string; receiveCount: number }[],
        { code }: { code: string },
      ) => {
        failed.push([queue, records.map(({ id }) => id), code]);
        return records.filter(({ receiveCount }) => receiveCount < 9);
      },
    },
    log: functionLog('info', (line) => lines.push(line)),
    countMetrics: (values: object) => Object.assign(counted, values),
    flushMetrics: () => undefined,
  } as unknown as LambdaContext;
  return { lambda, counted, failed, lines, open: async () => lambda };
}
/** The handler of a deployed function, with the context of the test. */
const sqsHandler = (
  queue: QueueName,
  open: () => Promise<LambdaContext>,
  work: MessageHandler,
  options: RecordsOptions = {},
) =>
  middy()
    .use(sqsMiddlewares(queue, open))
    .handler(recordsHandler(queue, work, options));
const context = { awsRequestId: 'request-1' } as Parameters<ReturnType<typeof sqsHandler>>[1];

describe('a function that a queue invokes', () => {
  it('returns only the records that must be delivered again', async () => {
    const { open, failed, counted, lines } = testContext();
    const handler = sqsHandler('service-nova', open, async ([delivery]) => {
      if (delivery?.message.type === 'service.requested' && delivery.message.data.run === 2)
        throw new TypeError('two');
    });
    const message = requested('nova', 2);
    const Records = [
      record('a', toEventBody(requested('nova', 1))),
      record('b', toEventBody(message)),
      record('c', 'no JSON'),
    ];
    expect(await handler({ Records }, context)).toEqual({
      batchItemFailures: [{ itemIdentifier: 'b' }, { itemIdentifier: 'c' }],
    });
    expect(failed.toSorted()).toEqual([
      ['service-nova', ['b'], 'handler.failed'],
      ['service-nova', ['c'], 'engine.message.unreadable'],
    ]);
    expect(counted).toEqual({ Failed: 2 });
    const logged = lines.map((line): { code: string } => JSON.parse(line));
    expect(logged).toHaveLength(2);
    expect(logged).toContainEqual(
      expect.objectContaining({
        operation: message.data.operationId,
        code: 'handler.failed',
        message: 'TypeError: two',
        lambdaRequestId: 'request-1',
      }),
    );
    expect(logged.map(({ code }) => code)).toContain('engine.message.unreadable');
  });

  it('fails as a whole, with an error report, when its context cannot be opened', async () => {
    const secret = new PropagatorError({
      code: 'openstack.secret',
      class: 'Denied',
      message: 'The secret cannot be read.',
      advice: 'Check its ARN.',
    });
    const handler = sqsHandler(
      'service-nova',
      () => Promise.reject(secret),
      async () => {},
    );
    const invoked = handler({ Records: [record('a', '{}')] }, context);
    await expect(invoked).rejects.toMatchObject({
      name: 'openstack.secret',
      message: 'The secret cannot be read. Check its ARN.',
    });
  });

  it('fails as a whole for an event that is not from SQS, and still writes its metrics', async () => {
    const { lambda } = testContext();
    let flushed = 0;
    const handler = sqsHandler(
      'service-nova',
      async () => ({ ...lambda, flushMetrics: () => (flushed += 1) }) as unknown as LambdaContext,
      async () => {},
    );
    await expect(handler({ records: [] }, context)).rejects.toMatchObject({
      name: 'function.failed',
    });
    expect(flushed).toBe(1);
  });

  it('processes new records together, and records that failed before separately', async () => {
    const { open } = testContext();
    const batches: number[] = [];
    const handler = sqsHandler(
      'ingest',
      open,
      async (deliveries) => void batches.push(deliveries.length),
      { inOneCall: true },
    );
    const body = toEventBody(requested('nova'));
    const Records = [
      record('a', body),
      record('b', body),
      record('c', body, 2),
      record('d', body, 3),
    ];
    expect(await handler({ Records }, context)).toEqual({ batchItemFailures: [] });
    expect(batches.toSorted()).toEqual([1, 1, 2]);
  });

  it('does not return a record that was dead-lettered after the last delivery', async () => {
    const { open } = testContext();
    const handler = sqsHandler('coordinate', open, async () => {
      throw new Error('always');
    });
    expect(
      await handler({ Records: [record('a', toEventBody(requested('nova')), 9)] }, context),
    ).toEqual({ batchItemFailures: [] });
  });

  it('returns the record if the failure could not be stored', async () => {
    const { lambda } = testContext();
    const handler = sqsHandler(
      'coordinate',
      async () =>
        ({
          ...lambda,
          engine: {
            ...lambda.engine,
            retryOrDeadLetter: () => Promise.reject(new Error('SQS does not answer')),
          },
        }) as unknown as LambdaContext,
      async () => {
        throw new Error('always');
      },
    );
    expect(
      await handler({ Records: [record('a', toEventBody(requested('nova')), 9)] }, context),
    ).toEqual({
      batchItemFailures: [{ itemIdentifier: 'a' }],
    });
  });

  it('counts a heartbeat as received, and does not process it', async () => {
    const { open, counted } = testContext();
    const handler = sqsHandler(
      'ingest',
      open,
      async () => {
        throw new Error('none');
      },
      { inOneCall: true, isIgnored: (body: string) => body === 'beat' },
    );
    expect(await handler({ Records: [record('a', 'beat')] }, context)).toEqual({
      batchItemFailures: [],
    });
    expect(counted).toEqual({ NotificationsReceived: 1 });
  });
});

describe('the log of a function', () => {
  beforeEach(() => beginInvocation(undefined));

  it('has one JSON object per line, from its level on, without secrets', () => {
    const lines: string[] = [];
    const log = functionLog('warn', (line) => lines.push(line));
    log.info({ operation: 'op-1' }, 'not logged');
    log.warn({ operation: 'op-1', nested: { token: 'gAAAA', fine: 1 } }, 'logged');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'warn',
      time: expect.any(String),
      operation: 'op-1',
      nested: { token: '[redacted]', fine: 1 },
      msg: 'logged',
    });
  });
});

describe.each(SECRET_TEXTS)('%s', (_, text) => {
  it('is redacted in every field and in the message of the log', () => {
    const lines: string[] = [];
    functionLog('warn', (line) => lines.push(line)).warn(
      { cause: text, error: { list: [text] } },
      text,
    );
    expect(lines.join('')).toContain('[redacted]');
    expect(lines.join('')).not.toContain(SECRET_PART);
  });

  it('is neither in the log nor in the dead letter if an error of a handler contains it', async () => {
    const { lambda, lines } = testContext();
    const reports: unknown[] = [];
    const retryOrDeadLetter = async (...failure: unknown[]) => {
      reports.push(failure);
      throw new Error(text);
    };
    const handler = sqsHandler(
      'service-nova',
      async () => ({ ...lambda, engine: { retryOrDeadLetter } }) as unknown as LambdaContext,
      async () => {
        throw new Error(text);
      },
    );
    await handler({ Records: [record('a', toEventBody(requested('nova')), 9)] }, context);
    expect([lines.length, reports.length]).toEqual([2, 1]);
    expect(lines.join('')).toContain('[redacted]');
    expect(JSON.stringify([lines, reports])).not.toContain(SECRET_PART);
  });
});

describe('metrics', () => {
  it('are one line in the format of CloudWatch, with the stage as dimension and the queue as field', () => {
    expect(
      JSON.parse(
        metricLine(
          { NotificationsReceived: 3, Failed: 12 },
          { stage: 'propagator-dev', queue: 'ingest', at: 1000 },
        ),
      ),
    ).toEqual({
      _aws: {
        Timestamp: 1000,
        CloudWatchMetrics: [
          {
            Namespace: 'KeystonePropagator',
            Dimensions: [['stage']],
            Metrics: [
              { Name: 'NotificationsReceived', Unit: 'Count' },
              { Name: 'Failed', Unit: 'Count' },
            ],
          },
        ],
      },
      stage: 'propagator-dev',
      queue: 'ingest',
      NotificationsReceived: 3,
      Failed: 12,
    });
  });

  it('count committed changes: holds by a cap, quarantined messages, and resources removed by an ended run', async () => {
    const error = { code: 'x', class: 'Denied', message: 'no', advice: 'ask' } as const;
    const { operationId, taskId, service, region, phase, run } = requested('nova').data;
    const counts = { 'nova.server': { listed: 5, gone: 3, left: 2 } };
    const progress = { operationId, taskId, service, region, phase, run, counts, conditions: [] };
    const change = {
      operations: [
        operation({
          state: 'held',
          hold: { reason: 'too many', since: 1, advice: 'confirmation', about: 'cap' },
        }),
        operation({ endedAt: 5 }),
      ],
      quarantine: [quarantined()],
      deadLetters: [{ message: requested('nova'), error }],
      messages: [
        { type: 'service.progressed', data: { ...progress, sequence: 1 } },
        {
          type: 'service.progressed',
          data: { ...progress, sequence: 0, again: { afterSeconds: 1 } },
        },
      ],
    } as unknown as Parameters<typeof metricsOf>[0];
    expect(metricsOf(change)).toEqual({
      Capped: 1,
      Finished: 1,
      Quarantined: 1,
      Removed: 3,
    });
    const counted: object[] = [];
    const answers: ('committed' | 'conflict')[] = ['conflict', 'committed'];
    const engine = meteredEngine<Pick<Engine, 'commit'>>(
      { commit: async () => answers.shift() ?? 'committed' },
      (values) => counted.push(values),
    );
    await engine.commit(change);
    expect(counted).toEqual([]);
    await engine.commit(change);
    expect(counted).toHaveLength(1);
  });
});
