import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type HttpServer, serveHttp } from '../../../lib/api/http-server.ts';
import { headersOf } from '../../api-tokens.ts';
import { apiUnderTest } from './api-under-test.ts';

/** Limits ten to fifty times shorter than in production. */
const LIMITS = {
  headersTimeout: 200,
  requestTimeout: 600,
  connectionsCheckingInterval: 50,
  keepAliveTimeout: 300,
};
const { app, engine } = apiUnderTest();
let server: HttpServer;
const sockets: Socket[] = [];
beforeEach(async () => {
  server = await serveHttp(app, 0, LIMITS);
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server.close();
});

/** Opens a connection and writes to it. `received` resolves with the response after the close. */
async function openConnection(
  ...parts: string[]
): Promise<{ socket: Socket; received: Promise<string> }> {
  const socket = connect(server.port, '127.0.0.1');
  sockets.push(socket);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  // `once` of `node:events` would reject when the server resets the connection.
  const received = new Promise<string>((resolve) => socket.once('close', () => resolve(text)));
  await once(socket, 'connect');
  for (const part of parts) socket.write(part);
  return { socket, received };
}
const healthStatus = async () => (await fetch(`http://127.0.0.1:${server.port}/healthz`)).status;
const head = (path: string, moreHeaders = '') =>
  `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\nauthorization: ${headersOf('ann').authorization}\r\n${moreHeaders}`;

describe('the HTTP server', () => {
  it.each([
    ['a connection that sends nothing', [], '408'],
    ['half a request line', ['POST /v1/wai'], '408'],
    ['headers that never end', [head('/v1/waivers')], '408'],
    ['a body that never comes', [head('/v1/waivers', 'content-length: 20\r\n\r\n')], '408'],
    ['half a body', [head('/v1/waivers', 'content-length: 20\r\n\r\n'), '{"type"'], '408'],
    [
      'a chunked body that never ends',
      [head('/v1/waivers', 'transfer-encoding: chunked\r\n\r\n'), '5\r\n{"a":\r\n'],
      '408',
    ],
  ])(
    'closes a connection that is too slow, and answers other clients at the same time: %s',
    async (_, parts, status) => {
      const { received } = await openConnection(...parts);
      expect(await healthStatus()).toBe(200);
      expect((await received).split(' ')[1]).toBe(status);
      expect(engine.waivers.size).toBe(0);
    },
  );

  it('closes a connection that sends one byte at a time', async () => {
    const { socket, received } = await openConnection(
      head('/v1/waivers', 'content-length: 5000\r\n\r\n'),
    );
    const slowWriter = setInterval(() => socket.write(' '), 20);
    const before = performance.now();
    expect(await received).toContain('408');
    clearInterval(slowWriter);
    expect(performance.now() - before).toBeLessThan(10_000);
  });

  it('closes 300 slow connections at the same time, and stays healthy', async () => {
    const slowConnections = await Promise.all(
      Array.from({ length: 300 }, () => openConnection('GET /healthz HTTP/1.1\r\nx: ')),
    );
    expect(await healthStatus()).toBe(200);
    await Promise.all(slowConnections.map(({ received }) => received));
    expect(await healthStatus()).toBe(200);
  });
});

describe('the HTTP server refuses', () => {
  it.each([
    [
      'headers of a megabyte',
      [`GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nx: ${'y'.repeat(1024 * 1024)}`],
      '431',
    ],
    [
      'many headers of 17 kB together',
      [`GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n${'a: b\r\n'.repeat(3000)}\r\n`],
      '431',
    ],
    ['a request without a host', ['GET /healthz HTTP/1.1\r\n\r\n'], '400'],
    [
      'another host in an absolute address',
      [
        'GET http://rebound.example/healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n',
      ],
      '403',
    ],
    [
      'another host behind an absolute address',
      [
        'GET http://127.0.0.1/healthz HTTP/1.1\r\nhost: rebound.example\r\nconnection: close\r\n\r\n',
      ],
      '403',
    ],
    [
      'two lengths',
      [head('/v1/waivers', 'content-length: 2\r\ncontent-length: 20\r\n\r\n{}')],
      '400',
    ],
    [
      'a length and chunks',
      [head('/v1/waivers', 'content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}')],
      '400',
    ],
    ['bytes that are not HTTP', ['\x16\x03\x01\x02\x00\x01\x00'], '400'],
  ])('%s', async (_, parts, status) => {
    const { received } = await openConnection(...parts);
    expect((await received).split(' ')[1]).toBe(status);
    expect(await healthStatus()).toBe(200);
  });

  it('a body of 600 MB after it has read a few hundred kilobytes', async () => {
    const size = 600 * 1024 * 1024;
    const before = process.memoryUsage().rss;
    const sentRequest = request({
      port: server.port,
      path: '/v1/waivers',
      method: 'POST',
      headers: { ...headersOf('ann'), 'content-length': size },
    });
    sentRequest.on('error', () => undefined);
    const status = new Promise<number | undefined>((resolve) =>
      sentRequest.once('response', (answer) => resolve(answer.statusCode)),
    );
    const chunk = Buffer.alloc(65_536, ' ');
    let sent = 0;
    const closed = new Promise((resolve) => sentRequest.once('close', resolve));
    const writeChunks = (): void => {
      while (sent < size && !sentRequest.destroyed && sentRequest.write(chunk))
        sent += chunk.length;
    };
    sentRequest.on('drain', writeChunks);
    writeChunks();
    expect(await status).toBe(413);
    await closed;
    expect(sent).toBeLessThan(size);
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
  });
});

describe('the stop of the HTTP server', () => {
  it('closes connections that clients keep open, before their time-outs', async () => {
    const unusedServer = await serveHttp(app, 0);
    const port = unusedServer.port;
    for (const parts of ['', 'GET /hea', head('/v1/waivers', 'content-length: 20\r\n\r\n')]) {
      const socket = connect(port, '127.0.0.1');
      sockets.push(socket.on('error', () => undefined));
      await once(socket, 'connect');
      socket.write(parts);
    }
    await delay(50);
    const before = performance.now();
    await unusedServer.close();
    expect(performance.now() - before).toBeLessThan(5000);
  });

  it('fails when the port is in use', async () => {
    await expect(serveHttp(app, server.port)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});
