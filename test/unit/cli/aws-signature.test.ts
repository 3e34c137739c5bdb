import * as z from 'zod';
import { apiFetchOf } from '../../../lib/cli/aws-signature.ts';
import { ApiClient } from '../../../lib/cli/client.ts';
import { engineError } from '../../../lib/engine/engine-error.ts';

const keys = { accessKeyId: 'AK', secretAccessKey: 'secret', sessionToken: 'session' };

function clientOf(
  base: string,
  environment: Record<string, string> = {},
  credentials = async () => keys,
) {
  const sent: { url: string; headers: Headers; method: string | undefined }[] = [];
  const send = async (url: string, init: RequestInit) => {
    sent.push({ url, headers: new Headers(init.headers), method: init.method });
    return new Response('{}');
  };
  return {
    sent,
    api: new ApiClient(base, apiFetchOf(base, environment, credentials, send)),
  };
}

describe('a call of the API on AWS', () => {
  const API_URL = 'https://abc123.execute-api.eu-central-1.amazonaws.com';

  it('has a signature over the URL, the query and the body', async () => {
    const { sent, api } = clientOf(API_URL);
    await api.get('/v1/dead-letters?service=nova&cause=nova.http.403', z.object({}));
    await api.post('/v1/dead-letters/redrive', { service: 'nova' }, z.object({}));
    await api.delete('/v1/waivers/rating', z.object({}));
    expect(sent.map(({ method }) => method)).toEqual([undefined, 'POST', 'DELETE']);
    for (const { headers } of sent) {
      expect(headers.get('authorization')).toMatch(
        /^AWS4-HMAC-SHA256 Credential=AK\/\d{8}\/eu-central-1\/execute-api\/aws4_request, SignedHeaders=[a-z0-9;-]*host[a-z0-9;-]*, Signature=[0-9a-f]{64}$/,
      );
      expect(headers.get('x-amz-security-token')).toBe('session');
      expect(JSON.stringify([...headers])).not.toContain('secret');
    }
    expect(sent[1]?.headers.get('content-type')).toBe('application/json');
    expect(new Set(sent.map(({ headers }) => headers.get('authorization'))).size).toBe(3);
  });

  it.each([
    ['cn-north-1', 'amazonaws.com.cn'],
    ['us-gov-west-1', 'amazonaws.com'],
    ['eusc-de-east-1', 'amazonaws.eu'],
  ])('is signed for the region of the URL: %s', async (region, domain) => {
    const { sent, api } = clientOf(`https://abc123.execute-api.${region}.${domain}`);
    await api.get('/v1/status', z.object({}));
    expect(sent[0]?.headers.get('authorization')).toContain(`/${region}/execute-api/aws4_request`);
  });

  it('is signed on an emulator, whose host name has no region', async () => {
    const { sent, api } = clientOf('http://127.0.0.1:4566/_aws/execute-api/abc123', {
      AWS_REGION: 'eu-central-1',
    });
    await api.get('/v1/status', z.object({}));
    expect(sent[0]?.url).toBe('http://127.0.0.1:4566/_aws/execute-api/abc123/v1/status');
    expect(sent[0]?.headers.get('authorization')).toContain(
      '/eu-central-1/execute-api/aws4_request',
    );
  });

  it('is not made without credentials, and the error names the missing setting', async () => {
    const { sent, api } = clientOf(API_URL, {}, () =>
      Promise.reject(engineError('credentials', 'no source has any', 'Set AWS_PROFILE.')),
    );
    await expect(api.get('/v1/status', z.object({}))).rejects.toThrow(/no source has any/);
    await expect(api.post('/v1/stop-all', { reason: 'a test' }, z.object({}))).rejects.toThrow(
      /no source has any/,
    );
    // These empty calls show whether the API requires a token of Keystone.
    expect(sent.map(({ method }) => method)).toEqual(['HEAD', 'HEAD']);
    for (const { headers } of sent) expect(headers.get('authorization')).toBeNull();
  });

  it.each([
    ['with', async () => keys],
    [
      'without',
      () => Promise.reject(engineError('credentials', 'no source has any', 'Set AWS_PROFILE.')),
    ],
  ])(
    'is sent with a token of Keystone, %s credentials for AWS, if the API asks for one',
    async (_title, credentials) => {
      const accepted: [string | undefined, Headers][] = [];
      const send = async (_url: string, init: RequestInit) => {
        const headers = new Headers(init.headers);
        if (headers.get('x-auth-token') !== 'of-ann')
          return Response.json(
            {},
            {
              status: 401,
              // API Gateway renames the header WWW-Authenticate.
              headers: {
                'x-amzn-remapped-www-authenticate': 'Keystone uri="https://k.example/v3"',
              },
            },
          );
        accepted.push([init.method, headers]);
        return new Response('{}');
      };
      const apiFetch = apiFetchOf(API_URL, {}, credentials, send, async () => 'of-ann');
      const api = new ApiClient(API_URL, apiFetch);
      await api.post('/v1/stop-all', { reason: 'a test' }, z.object({}));
      await api.get('/v1/status', z.object({}));
      expect(accepted.map(([method]) => method)).toEqual(['POST', undefined]);
      for (const [, headers] of accepted) expect(headers.get('authorization')).toBeNull();
    },
  );

  it.each([
    ['refuses the caller', 403, 'Forbidden', 'execute-api:Invoke'],
    [
      'has a function that fails',
      500,
      'Internal Server Error',
      'aws logs tail /aws/lambda/propagator-STAGE-api',
    ],
  ])('is an error with advice if the API %s', async (_title, status, message, advice) => {
    const send = async () => new Response(JSON.stringify({ message }), { status });
    const api = new ApiClient(
      API_URL,
      apiFetchOf(API_URL, {}, async () => keys, send),
    );
    await expect(api.get('/v1/status', z.object({}))).rejects.toMatchObject({
      report: { message: `HTTP ${status}: ${message}`, advice: expect.stringContaining(advice) },
    });
  });

  it.each([
    'http://127.0.0.1:8787',
    'https://propagator.example',
    'https://execute-api.eu-central-1.amazonaws.com.example',
  ])('is not signed for another host: %s', async (base) => {
    const { sent, api } = clientOf(base);
    await api.get('/v1/status', z.object({}));
    expect(sent[0]?.headers.get('authorization')).toBeNull();
  });
});
