import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from '@jest/globals';
import { AwsError, createAws } from '../../../../lib/engine/aws/call.ts';
import { signed } from '../../../../lib/engine/aws/sign.ts';
import { SILENT_LOG, TELLINGS } from '../../shared/secrets.ts';

const credentials = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
};

describe('the signature', () => {
  it("is that of AWS's own example", () => {
    const { authorization } = signed(
      {
        method: 'GET',
        url: new URL('https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08'),
        headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
        body: '',
      },
      { service: 'iam', region: 'us-east-1', credentials, at: Date.UTC(2015, 7, 30, 12, 36, 0) },
    );
    expect(authorization).toBe(
      'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, ' +
        'Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
    );
  });

  it('covers the session token of a function', () => {
    const headers = signed(
      {
        method: 'POST',
        url: new URL('https://sqs.eu-central-1.amazonaws.com/'),
        headers: {},
        body: '{}',
      },
      {
        service: 'sqs',
        region: 'eu-central-1',
        credentials: { ...credentials, sessionToken: 'token' },
        at: 0,
      },
    );
    expect(headers['x-amz-security-token']).toBe('token');
    expect(headers.authorization).toContain('SignedHeaders=host;x-amz-date;x-amz-security-token,');
  });
});

describe('the address', () => {
  it.each([
    ['eu-central-1', 'https://events.eu-central-1.amazonaws.com/'],
    ['us-gov-west-1', 'https://events.us-gov-west-1.amazonaws.com/'],
    ['cn-north-1', 'https://events.cn-north-1.amazonaws.com.cn/'],
    ['eusc-de-east-1', 'https://events.eusc-de-east-1.amazonaws.eu/'],
  ])('is that of the partition: %s', async (region, address) => {
    const asked: string[] = [];
    const really = globalThis.fetch;
    globalThis.fetch = async (url) => {
      asked.push(String(url));
      return new Response('{}');
    };
    await createAws({ region, credentials: () => credentials })
      .events('PutEvents', { Entries: [] })
      .finally(() => {
        globalThis.fetch = really;
      });
    expect(asked).toEqual([address]);
  });
});

describe('a call', () => {
  type Answer = readonly [status: number, body: string, headers?: Record<string, string>];
  const got: { url: string | undefined; headers: IncomingHttpHeaders; body: string }[] = [];
  let server: Server | undefined;
  afterEach(() => {
    server?.close();
    got.length = 0;
  });

  /** Answers one after the other, the last one for ever. */
  async function aws(...answers: Answer[]) {
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
    const shortLived = { ...credentials, sessionToken: `IQoJb3JpZ2luX2VjE-${SILENT_LOG}/+=` };
    return createAws({
      region: 'eu-central-1',
      endpoint: `http://127.0.0.1:${port}`,
      credentials: () => shortLived,
    });
  }

  it('names its action, and gives back what came', async () => {
    const { sqs } = await aws([200, '{"QueueUrl":"here"}']);
    expect(await sqs('GetQueueUrl', { QueueName: 'one' })).toEqual({ QueueUrl: 'here' });
    expect(got[0]?.headers).toMatchObject({
      'x-amz-target': 'AmazonSQS.GetQueueUrl',
      'content-type': 'application/x-amz-json-1.0',
    });
    expect(JSON.parse(got[0]?.body ?? '')).toEqual({ QueueName: 'one' });
  });

  it('that was throttled is made again, a transaction with the token that it had', async () => {
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

  it('whose transaction met another one is made again; one whose condition failed is not', async () => {
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
      reasons: [{ Code: 'TransactionConflict' }, { Code: 'ConditionalCheckFailed' }],
    });
    expect(got).toHaveLength(2);
  });

  it('that is refused says why, in the words of AWS, once', async () => {
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
    ...TELLINGS,
    ['its own session token', `not the token IQoJb3JpZ2luX2VjE-${SILENT_LOG}/+= again`],
    ['its own secret key', `not the key ${credentials.secretAccessKey} again`],
  ])('that is refused with %s in the words of AWS tells nothing of it', async (_, message) => {
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
      message: expect.stringContaining('[cut out]'),
    });
    const all = inspect(thrown, { depth: 20, showHidden: true });
    for (const secret of [SILENT_LOG, credentials.secretAccessKey])
      expect(all).not.toContain(secret);
  });

  it('makes a schedule where the scheduler wants it: its name in the path', async () => {
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
});
