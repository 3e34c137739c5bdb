import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { jest } from '@jest/globals';
import { operation } from '../../engine/samples.ts';

/** More than a pipe holds, so that the command still writes when its reader has stopped. */
const OPERATION_COUNT = 3000;
const answer = JSON.stringify({
  operations: Array.from({ length: OPERATION_COUNT }, () => ({
    operation: operation(),
    tasks: [],
    resources: { found: 0, removed: 0, left: 0 },
    waitsOn: [],
  })),
});
// The machine may be busy: each test starts a process.
jest.setTimeout(60_000);

let server: Server;
let url: string;
beforeAll(async () => {
  server = createServer((_, response) => {
    response.setHeader('content-type', 'application/json').end(answer);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  url = `http://127.0.0.1:${address.port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const run = (...words: string[]) =>
  spawn(process.execPath, ['lib/cli/propagator.ts', ...words], {
    env: { PATH: process.env.PATH, PROPAGATOR_API_URL: url },
    stdio: ['ignore', 'pipe', 'pipe'],
  });

describe('a command whose output pipe is closed', () => {
  it.each(['operation list --json', 'operation list', 'operation list -f value'])(
    '%s ends without a message',
    async (line) => {
      const child = run(...line.split(' '));
      const errorChunks: Buffer[] = [];
      child.stderr.on('data', (chunk: Buffer) => errorChunks.push(chunk));
      child.stdout.once('data', () => child.stdout.destroy());
      const [code] = await once(child, 'close');
      expect(Buffer.concat(errorChunks).toString()).toBe('');
      expect(code).toBe(141);
    },
  );

  it('ends without a message when the pipe of its error output is closed as well', async () => {
    const child = run('operation', 'list', '--state', 'nothing');
    child.stderr.destroy();
    const [code] = await once(child, 'exit');
    expect([64, 141]).toContain(code);
  });

  it('prints the version of the package', async () => {
    const child = run('--version');
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(child, 'close');
    expect(Buffer.concat(chunks).toString()).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
