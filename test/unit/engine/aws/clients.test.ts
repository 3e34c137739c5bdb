import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from '@jest/globals';
import { AwsError } from '../../../../lib/engine/aws/aws-error.ts';
import { type AwsOptions, createAws } from '../../../../lib/engine/aws/clients.ts';
import { SECRET_PART, SECRET_TEXTS } from '../../shared/secrets.ts';

const credentials = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
};

const shortLived = { ...credentials, sessionToken: `IQoJb3JpZ2luX2VjE-${SECRET_PART}/+=` };

describe('a call of AWS', () => {
  type Answer = readonly [status: number, body: string, headers?: Record<string, string>];
  const got: { url: string | undefined; headers: IncomingHttpHeaders; body: string }[] = [];
  let server: Server | undefined;
  afterEach(() => {
    server?.close();
    got.length = 0;
  });

  /** Sends these answers in order, and repeats the last one. */
  async function aws(...answers: Answer[]) {
    return createAws({ ...(await listen(...answers)), credentials: async () => shortLived });
  }

  async function listen(...answers: Answer[]): Promise<Pick<AwsOptions, 'region' | 'endpoint'>> {
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (part) => {
        body += part;
      });
      request.on('end', () => {
        got.push({ url: request.url, headers: request.headers, body });
        const [status, text, headers] = answers[Math.min(got.length, answers.length) - 1] ?? [
          500,
          '',
        ];
        response.writeHead(status, headers).end(text);
      });
    });
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return { region: 'eu-central-1', endpoint: `http://127.0.0.1:${port}` };
  }

  it('sends its action, and returns the answer', async () => {
    const { sqs } = await aws([200, '{"QueueUrl":"here"}']);
    expect(await sqs('GetQueueUrl', { QueueName: 'one' })).toMatchObject({ QueueUrl: 'here' });
    expect(got[0]?.headers).toMatchObject({
      'x-amz-target': 'AmazonSQS.GetQueueUrl',
      'content-type': 'application/x-amz-json-1.0',
    });
    expect(JSON.parse(got[0]?.body ?? '')).toEqual({ QueueName: 'one' });
  });

  it('carries the trace of its function, which EventBridge and SQS pass on', async () => {
    const trace = 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1';
    const variables = { AWS_LAMBDA_FUNCTION_NAME: 'propagator-test-api', _X_AMZN_TRACE_ID: trace };
    const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
    Object.assign(process.env, variables);
    try {
      const { events, sqs } = await aws([200, '{}']);
      await events('PutEvents', { Entries: [] });
      await sqs('SendMessageBatch', { QueueUrl: 'https://sqs.example/1/ingest', Entries: [] });
    } finally {
      for (const [name, value] of before)
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
    }
    expect(got.map(({ headers }) => headers['x-amzn-trace-id'])).toEqual([trace, trace]);
  });

  it('is retried after it was throttled, and a transaction keeps its token', async () => {
    const { dynamodb } = await aws(
      [400, '{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException"}'],
      [503, ''],
      [200, '{}'],
    );
    await dynamodb('TransactWriteItems', { TransactItems: [] });
    expect(got).toHaveLength(3);
    const tokens = new Set(got.map(({ body }) => JSON.parse(body).ClientRequestToken));
    expect([...tokens]).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/)]);
  });

  it('is retried after a transaction conflict, but not after a failed condition', async () => {
    const cancelled = (...codes: string[]) =>
      [
        400,
        JSON.stringify({
          __type: 'x#TransactionCanceledException',
          CancellationReasons: codes.map((Code) => ({ Code })),
        }),
      ] as const;
    const { dynamodb } = await aws(
      cancelled('None', 'TransactionConflict'),
      cancelled('TransactionConflict', 'ConditionalCheckFailed'),
    );
    const thrown = await dynamodb('TransactWriteItems', { TransactItems: [] }).catch(
      (error: unknown) => error,
    );
    expect(thrown).toBeInstanceOf(AwsError);
    expect(thrown).toMatchObject({
      name: 'TransactionCanceledException',
      status: 400,
      cancellationReasons: [{ Code: 'TransactionConflict' }, { Code: 'ConditionalCheckFailed' }],
    });
    expect(got).toHaveLength(2);
  });

  it('throws the message of AWS, without a retry, if AWS refuses it', async () => {
    const { secrets } = await aws([
      400,
      '{"Message":"not yours"}',
      { 'x-amzn-ErrorType': 'AccessDeniedException:http://x/' },
    ]);
    await expect(secrets('GetSecretValue', { SecretId: 'cloud' })).rejects.toMatchObject({
      name: 'AccessDeniedException',
      message: 'not yours',
    });
    expect(got).toHaveLength(1);
  });

  it.each([
    ...SECRET_TEXTS,
    ['its own session token', `not the token IQoJb3JpZ2luX2VjE-${SECRET_PART}/+= again`],
    ['its own secret key', `not the key ${credentials.secretAccessKey} again`],
  ])('redacts %s in the message of AWS if it is refused', async (_, message) => {
    const reasons = [
      { Code: 'ConditionalCheckFailed', Message: message, Item: { body: { S: message } } },
    ];
    const { secrets } = await aws([
      400,
      JSON.stringify({
        __type: 'x#InvalidSignatureException',
        message,
        CancellationReasons: reasons,
      }),
    ]);
    const thrown = await secrets('GetSecretValue', { SecretId: 'cloud' }).catch(
      (error: unknown) => error,
    );
    expect(thrown).toMatchObject({
      name: 'InvalidSignatureException',
      message: expect.stringContaining('[redacted]'),
    });
    const all = inspect(thrown, { depth: 20, showHidden: true });
    for (const secret of [SECRET_PART, credentials.secretAccessKey])
      expect(all).not.toContain(secret);
  });

  it('creates a schedule with its name in the path', async () => {
    const { scheduler } = await aws([200, '{"ScheduleArn":"arn"}']);
    await scheduler('CreateSchedule', {
      Name: 'a b',
      GroupName: 'propagator-dev',
      ScheduleExpression: 'at(2030-01-01T00:00:00)',
      FlexibleTimeWindow: { Mode: 'OFF' },
      Target: { Arn: 'queue', RoleArn: 'role', Input: '{}' },
    });
    expect(got[0]?.url).toBe('/schedules/a%20b');
    expect(JSON.parse(got[0]?.body ?? '')).toMatchObject({
      GroupName: 'propagator-dev',
      ClientToken: expect.any(String),
    });
  });

  it('throws after its last attempt if AWS does not answer within the time limits', async () => {
    server = createServer(() => undefined);
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const { dynamodb } = createAws({
      region: 'eu-central-1',
      endpoint: `http://127.0.0.1:${port}`,
      credentials: async () => shortLived,
      answerTimeoutMillis: 100,
      maxTries: 3,
    });
    const before = performance.now();
    const thrown = await dynamodb('GetItem', { TableName: 'x', Key: {} }).catch(
      (error: unknown) => error,
    );
    expect(thrown).toMatchObject({ name: 'NoAnswer', status: 0 });
    expect(performance.now() - before).toBeLessThan(5000);
    server.closeAllConnections();
  });
});
