import { createServer } from 'node:net';
import {
  failureOf,
  OWN_PROJECT,
  type ScriptedCloud,
  sendJson,
  startScriptedCloud,
} from './scripted-cloud.ts';

let cloud: ScriptedCloud;
const slept: number[] = [];
const sleep = async (seconds: number) => {
  slept.push(seconds);
};

beforeEach(async () => {
  slept.length = 0;
  cloud = await startScriptedCloud();
});
afterEach(() => cloud.close());

const calls = () => cloud.requests.filter((request) => !request.path.startsWith('/identity'));

describe('Retry-After', () => {
  const answerInOrder = (...list: [number, (string | undefined)?][]) => {
    cloud.script = (_request, response) => {
      const [status, wait] = list[Math.min(calls().length, list.length) - 1] ?? [500];
      sendJson(response, status, {}, wait === undefined ? {} : { 'retry-after': wait });
    };
  };

  it('is obeyed within the call if it is a few seconds', async () => {
    answerInOrder([429, '2'], [503, '5'], [204]);
    expect((await (await cloud.network({ sleep })).request('DELETE', '/v2.0/ports/1')).status).toBe(
      204,
    );
    expect(slept).toEqual([2, 5]);
  });

  it('is left to the queue if it is longer, or if it is the third one of a call', async () => {
    answerInOrder([429, '120']);
    const api = await cloud.network({ sleep });
    expect(await failureOf(api.request('GET', '/v2.0/ports'))).toMatchObject({
      class: 'Transient',
      retryAfterSeconds: 120,
    });
    expect(slept).toEqual([]);
    answerInOrder([503, '1']);
    expect(await failureOf(api.request('GET', '/v2.0/ports'))).toMatchObject({
      class: 'Transient',
      retryAfterSeconds: 1,
    });
    expect(slept).toEqual([1, 1]);
  });

  it.each([
    [413, '30', 'Transient', 30],
    [413, undefined, 'Unexpected', undefined],
    [498, undefined, 'Transient', undefined],
    [498, '30', 'Transient', 30],
    [429, '30', 'Transient', 30],
    [503, '3600', 'Transient', 3600],
    [503, '999999999', 'Transient', 604_800],
    [503, '99999999999999999999', 'Transient', 604_800],
    [503, 'soon', 'Transient', undefined],
    [503, '-5', 'Transient', 0],
    [423, undefined, 'Transient', undefined],
    [425, undefined, 'Transient', undefined],
  ])('%i with Retry-After %s is %s', async (status, wait, errorClass, retryAfterSeconds) => {
    answerInOrder([status, wait]);
    const api = await cloud.network({ sleep, clock: () => Date.parse('2031-01-01T00:00:00Z') });
    const failure = await failureOf(api.request('GET', '/v2.0/ports'));
    expect(failure).toMatchObject({ class: errorClass, status });
    expect(failure?.retryAfterSeconds).toBe(retryAfterSeconds);
  });

  it.each([413, 429, 498])(
    'repeats a POST within the call after %i if it is a second, because it was not carried out',
    async (status) => {
      answerInOrder([status, '1'], [201]);
      const api = await cloud.network({ sleep });
      expect((await api.request('POST', '/v2.0/ports', { json: {} })).status).toBe(201);
      expect(slept).toEqual([1]);
    },
  );

  it('may be a date', async () => {
    answerInOrder([503, 'Wed, 01 Jan 2031 00:01:30 GMT']);
    const api = await cloud.network({ sleep, clock: () => Date.parse('2031-01-01T00:00:00Z') });
    expect(await failureOf(api.request('GET', '/v2.0/ports'))).toMatchObject({
      retryAfterSeconds: 90,
    });
  });

  it('does not repeat a POST after a 503, because the first may have been carried out', async () => {
    answerInOrder([503, '1']);
    await failureOf((await cloud.network({ sleep })).request('POST', '/v2.0/ports'));
    expect(calls()).toHaveLength(1);
  });
});

describe('a connection', () => {
  const resetConnections = (times: number) => {
    cloud.script = (_request, response) =>
      calls().length <= times ? response.socket?.resetAndDestroy() : sendJson(response, 200, {});
  };

  it.each([
    ['GET', 2, 3],
    ['HEAD', 2, 3],
    ['DELETE', 1, 2],
  ] as const)('is retried if it breaks in a %s, after %i resets', async (method, times, sent) => {
    resetConnections(times);
    expect((await (await cloud.network()).request(method, '/v2.0/ports/1')).status).toBe(200);
    expect(calls()).toHaveLength(sent);
  });

  it.each([
    ['GET', 3],
    ['DELETE', 2],
    ['POST', 1],
    ['PUT', 1],
  ] as const)('is Transient if it always breaks in a %s, after %i tries', async (method, sent) => {
    resetConnections(99);
    expect(await failureOf((await cloud.network()).request(method, '/v2.0/ports/1'))).toMatchObject(
      {
        code: 'neutron.unreachable',
        class: 'Transient',
      },
    );
    expect(calls()).toHaveLength(sent);
  });

  it('is not treated as a short answer if it breaks within the body', async () => {
    cloud.script = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '500' });
      response.write('{"ports": []}');
      setImmediate(() => response.socket?.destroy());
    };
    expect(await failureOf((await cloud.network()).request('GET', '/v2.0/ports'))).toMatchObject({
      class: 'Transient',
    });
  });

  it('is Transient with the code of a timeout if no answer comes in time', async () => {
    cloud.script = () => undefined;
    const api = await cloud.network({ timeouts: { answerSeconds: 0.2 } });
    expect(await failureOf(api.request('DELETE', '/v2.0/ports/1'))).toMatchObject({
      code: 'neutron.timeout',
      class: 'Transient',
    });
    expect(calls()).toHaveLength(1);
  });

  it('reaches the time limit if its answer never ends', async () => {
    cloud.script = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const drip = setInterval(() => response.write(' '), 20);
      response.on('close', () => clearInterval(drip));
    };
    const api = await cloud.network({ timeouts: { callSeconds: 0.3 } });
    expect(await failureOf(api.request('DELETE', '/v2.0/ports/1'))).toMatchObject({
      code: 'neutron.timeout',
      class: 'Transient',
    });
  });

  it.each([
    ['no reason', undefined],
    ['an error', new Error('no answer for 20 s')],
  ])(
    'is reported as canceled, and not retried, if its caller aborts it with %s',
    async (_, reason) => {
      const caller = new AbortController();
      cloud.script = () => caller.abort(reason);
      const api = await cloud.network();
      const watch = { signal: caller.signal, answered: () => undefined };
      expect(
        await failureOf((api.withWatch?.(watch) ?? api).request('GET', '/v2.0/ports')),
      ).toEqual(
        expect.objectContaining({
          code: 'neutron.canceled',
          class: 'Transient',
          message: expect.stringContaining('the caller canceled the call (GET /v2.0/ports)'),
          advice: 'The propagator itself ended this call, and tries again.',
        }),
      );
      expect(calls()).toHaveLength(1);
    },
  );

  it('is Transient if the server does not use HTTP', async () => {
    const garbage = createServer((socket) =>
      socket.once('data', () => socket.end('SSH-2.0-OpenSSH_9\r\n\r\n')),
    );
    garbage.unref();
    await new Promise<void>((resolve) => garbage.listen(0, '127.0.0.1', resolve));
    const address = garbage.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    cloud.answerLogin = (_request, response) => {
      const endpoints = [
        { interface: 'public', region: 'RegionOne', url: `http://127.0.0.1:${port}` },
      ];
      const token = {
        user: { id: 'cleaner-user' },
        issued_at: '2030-01-01T00:00:00Z',
        expires_at: '2030-01-01T01:00:00Z',
        project: { id: OWN_PROJECT, name: 'cleaner', domain: { id: 'default' } },
        catalog: [{ type: 'network', name: 'neutron', endpoints }],
      };
      sendJson(response, 201, { token }, { 'x-subject-token': 'gAAAA' });
    };
    expect(await failureOf((await cloud.network()).request('GET', '/v2.0/ports'))).toMatchObject({
      code: 'neutron.answer.broken',
      class: 'Transient',
    });
    garbage.close();
  });

  it('is used again for the next call while it is open', async () => {
    const sockets = new Set<unknown>();
    cloud.script = (_request, response) => {
      sockets.add(response.socket);
      sendJson(response, 200, {});
    };
    const api = await cloud.network();
    for (let count = 0; count < 10; count += 1) await api.request('GET', '/v2.0/ports');
    expect(sockets.size).toBeLessThan(3);
  });
});
