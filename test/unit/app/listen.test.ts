import { createServer } from 'node:net';
import { listen } from '../../../lib/app/listen.ts';
import { startOrUndo } from '../../../lib/app/teardown.ts';

describe('the port of the API', () => {
  it('stops the start if it is in use, and the error names the port and the commands', async () => {
    const otherServer = createServer();
    await new Promise<void>((resolve) => otherServer.listen(0, '127.0.0.1', resolve));
    const address = otherServer.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    await expect(listen(port)).rejects.toMatchObject({
      report: {
        code: 'api.port',
        message:
          `Port ${port} on 127.0.0.1 cannot be used: another process uses it. ` +
          'The start failed.',
        advice: expect.stringContaining('PROPAGATOR_PORT'),
      },
    });
    await new Promise((resolve) => otherServer.close(resolve));
  });

  it('answers 503 until the API is ready', async () => {
    const server = await listen(0);
    const healthStatus = async () =>
      (await fetch(`http://127.0.0.1:${server.port}/healthz`)).status;
    expect(await healthStatus()).toBe(503);
    server.serve({ fetch: () => new Response('ready') });
    expect(await healthStatus()).toBe(200);
    await server.close();
  });
});

describe('a start that fails', () => {
  it('stops all parts that it had started, the newest first, and throws the original error', async () => {
    const stopped: string[] = [];
    const started = startOrUndo(async (undo) => {
      undo.add(() => stopped.push('port'));
      undo.add(() => Promise.reject(new Error('does not stop')));
      undo.add(async () => stopped.push('database'));
      throw new Error('no broker');
    });
    await expect(started).rejects.toThrow('no broker');
    expect(stopped).toEqual(['database', 'port']);
  });

  it('stops nothing when it succeeds', async () => {
    const stopped: string[] = [];
    const value = await startOrUndo(async (undo) => {
      undo.add(() => stopped.push('port'));
      return 1;
    });
    expect([value, stopped]).toEqual([1, []]);
  });
});
