import type { ApiDeps } from '../../../lib/api/deps.ts';
import { PropagatorError } from '../../../lib/shared/errors.ts';
import { headersOf } from '../../api-tokens.ts';
import { apiUnderTest, BASE } from './api-under-test.ts';

const waiver = {
  method: 'POST',
  headers: headersOf('bob'),
  body: '{"type":"rating","reason":"checked"}',
};

describe('an unexpected error of the API', () => {
  it('is logged with its cause and the request id of the response, and is counted', async () => {
    const unexpectedErrors: string[] = [];
    const { app, engine, lines } = apiUnderTest({
      onUnexpectedError: () => void unexpectedErrors.push('one'),
    });
    engine.commit = () =>
      Promise.reject(
        new Error('the row is lost', { cause: new Error('disk full at /secret/path') }),
      );
    const answer = await app.request(`${BASE}/v1/waivers`, waiver);
    const body = await answer.json();
    const id = answer.headers.get('x-request-id');
    expect(answer.status).toBe(500);
    expect(body).toEqual({
      error: {
        code: 'api.unexpected',
        message: 'the request failed with an unexpected error',
        advice: `Read the log of the propagator. The entry with the request id ${id} has the cause.`,
      },
      requestId: id,
    });
    expect(lines).toEqual([
      {
        level: 'error',
        message: 'an API request ended in an unexpected error',
        fields: {
          requestId: id,
          method: 'POST',
          path: '/v1/waivers',
          caller: 'bob',
          causes: ['Error: the row is lost', 'Error: disk full at /secret/path'],
          stack: expect.arrayContaining([expect.stringContaining('errors.test.ts')]),
        },
      },
    ]);
    expect(unexpectedErrors).toEqual(['one']);
  });

  it('is handled in the same way on every route, including read routes', async () => {
    const { app, engine, lines } = apiUnderTest();
    const broken = () => Promise.reject(new TypeError('nothing works'));
    for (const name of Object.keys(engine.reads)) Object.assign(engine.reads, { [name]: broken });
    engine.deadLetters = broken;
    // `/healthz` and the OpenAPI document read nothing. A stream begins its answer before it reads.
    const excludedPaths = ['/healthz', '/v1/openapi.json', '/v1/operations/events', '/*'];
    const reads = app.routes.filter(
      ({ method, path }) => method === 'GET' && !excludedPaths.includes(path),
    );
    for (const { path } of reads) {
      const answer = await app.request(`${BASE}${path.replace(/:\w+/, 'op-0123456789ab')}`);
      expect([path, answer.status]).toEqual([path, 500]);
    }
    expect(lines.map(({ fields }) => fields.causes)).toEqual(
      reads.map(() => ['TypeError: nothing works']),
    );
  });

  it('has the request id of the caller, except an id that could forge log lines', async () => {
    const { app } = apiUnderTest();
    const idOf = async (sentId: string) =>
      (
        await app.request(`${BASE}/v1/nothing`, { headers: { 'x-request-id': sentId } })
      ).headers.get('x-request-id');
    expect(await idOf('my-request-1')).toBe('my-request-1');
    expect(await idOf('a b "c"')).toMatch(/^[0-9a-f-]{36}$/);
    expect(await idOf('x'.repeat(65))).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('a known error', () => {
  it('is returned unchanged with status 503 and logged as a warning', async () => {
    const report = {
      code: 'keystone.http.503',
      class: 'Transient',
      message: 'Keystone is away',
      advice: 'Wait.',
    } as const;
    const registry = () =>
      Promise.reject(new PropagatorError(report, { cause: new Error('ECONNREFUSED') }));
    const { app, lines } = apiUnderTest({ cloud: { registry } as unknown as ApiDeps['cloud'] });
    const answer = await app.request(`${BASE}/v1/services`);
    expect([answer.status, await answer.json()]).toEqual([
      503,
      { error: report, requestId: answer.headers.get('x-request-id') },
    ]);
    expect(lines).toMatchObject([
      { level: 'warn', fields: { error: report, causes: ['Error: ECONNREFUSED'] } },
    ]);
  });
});

it('a client that disconnects while it sends its body causes no error of the API', async () => {
  const { app, lines } = apiUnderTest();
  const disconnect = new AbortController();
  const body = new ReadableStream({
    pull(controller) {
      disconnect.abort();
      controller.error(new Error('premature close'));
    },
  });
  const request = new Request(`${BASE}/v1/waivers`, {
    ...waiver,
    body,
    duplex: 'half',
    signal: disconnect.signal,
  } as RequestInit);
  expect((await app.request(request)).status).toBe(400);
  expect(lines).toEqual([]);
});
