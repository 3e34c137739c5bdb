import { handle, type LambdaEvent } from 'hono/aws-lambda';
import * as z from 'zod';
import { type Caller, headersOf } from '../../api-tokens.ts';
import { apiUnderTest, BASE } from './api-under-test.ts';

const body = '{"type":"rating","reason":"carol said so"}';
const messageIn = async (answer: Response): Promise<string> =>
  z.object({ error: z.object({ message: z.string() }) }).parse(await answer.json()).error.message;
const ARN = 'arn:aws:sts::123456789012:assumed-role/Operator/ann@example.org';

describe('the identity of a decision', () => {
  it.each(['ann', 'bob'] as const)(
    'is the name that the token belongs to: %s',
    async (name: Caller) => {
      const { app, engine } = apiUnderTest();
      await app.request(`${BASE}/v1/waivers`, { method: 'POST', headers: headersOf(name), body });
      expect([...engine.waivers.values()]).toEqual([
        { type: 'rating', by: name, reason: 'carol said so', at: engine.time },
      ]);
    },
  );

  it('cannot be claimed in a body', async () => {
    const { app, engine } = apiUnderTest();
    const forged = '{"type":"rating","reason":"x","by":"root"}';
    const answer = await app.request(`${BASE}/v1/waivers`, {
      method: 'POST',
      headers: headersOf('ann'),
      body: forged,
    });
    expect([answer.status, await messageIn(answer), engine.waivers.size]).toEqual([
      400,
      'by: omit this field: the API uses the name of your token or IAM principal',
      0,
    ]);
  });
});

describe('behind API Gateway', () => {
  const call = async (
    iam: object | undefined,
    method = 'POST',
    moreHeaders: Record<string, string> = {},
  ) => {
    const { app, engine, lines } = apiUnderTest({ authentication: { by: 'iam' } });
    const event = {
      version: '2.0',
      rawPath: '/v1/waivers',
      rawQueryString: '',
      headers: { host: 'api.example.org', 'content-type': 'application/json', ...moreHeaders },
      requestContext: {
        domainName: 'api.example.org',
        requestId: 'JKJaXmPLvHcESHA=',
        http: { method, path: '/v1/waivers' },
        ...(iam ? { authorizer: { iam } } : {}),
      },
      ...(method === 'POST' ? { body } : {}),
      isBase64Encoded: false,
    };
    const answer = await handle(app)(event as unknown as LambdaEvent);
    return {
      status: answer.statusCode,
      id: answer.headers?.['x-request-id'],
      body: JSON.parse(answer.body),
      engine,
      lines,
    };
  };

  it('the identity is the IAM principal, and the request id is that of the gateway', async () => {
    const { status, id, engine } = await call({ userArn: ARN, accountId: '123456789012' });
    expect([status, id, engine.waivers.get('rating')?.by]).toEqual([201, 'JKJaXmPLvHcESHA=', ARN]);
  });

  it.each([
    ['no principal', undefined],
    ['an empty one', { userArn: '' }],
    ['one without a name', { userArn: null }],
  ])('a request with %s is refused, because the route has no authorizer', async (_, iam) => {
    for (const method of ['GET', 'POST']) {
      const { status, body: answer, engine } = await call(iam, method);
      expect([status, answer.error.code, engine.waivers.size]).toEqual([403, 'api.principal', 0]);
    }
  });

  it.each([
    [{ 'content-type': 'text/plain' }, 415],
    [{ origin: 'https://evil.example' }, 403],
  ])('a foreign web page cannot act for the operator: %j', async (headers, status) => {
    const answer = await call({ userArn: ARN }, 'POST', headers);
    expect([answer.status, answer.engine.waivers.size]).toEqual([status, 0]);
  });
});
