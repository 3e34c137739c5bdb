import { EventEmitter } from 'node:events';
import { handleUnhandledErrors, runUntilSignal } from '../../../lib/cli/process.ts';

/** A process that cannot really end. */
class FakeProcess extends EventEmitter {
  readonly exits: number[] = [];
  exit(code: number): void {
    this.exits.push(code);
  }
}

function recordingLog() {
  const lines: { fields: unknown; text: unknown }[] = [];
  const write = (fields: unknown, text?: unknown): void => {
    lines.push({ fields, text: text ?? fields });
  };
  return { lines, log: { debug: write, info: write, warn: write, error: write } };
}

describe('a process that receives a stop signal', () => {
  it.each(['SIGTERM', 'SIGINT'])('stops on %s and removes its signal handlers', async (signal) => {
    const fakeProcess = new FakeProcess();
    let stopped = 0;
    const running = runUntilSignal(
      async () => {
        stopped += 1;
      },
      recordingLog().log,
      { processPort: fakeProcess },
    );
    fakeProcess.emit(signal, signal);
    await running;
    expect([stopped, fakeProcess.exits, fakeProcess.eventNames()]).toEqual([1, [], []]);
  });

  it.each([
    ['SIGTERM', 'SIGTERM', 143],
    ['SIGTERM', 'SIGINT', 130],
    ['SIGINT', 'SIGINT', 130],
  ])('ends immediately after %s and then %s', async (first, second, code) => {
    const fakeProcess = new FakeProcess();
    const { promise, resolve } = Promise.withResolvers<void>();
    const running = runUntilSignal(() => promise, recordingLog().log, { processPort: fakeProcess });
    fakeProcess.emit(first, first);
    await Promise.resolve();
    fakeProcess.emit(second, second);
    expect(fakeProcess.exits).toEqual([code]);
    resolve();
    await running;
  });

  it('ends with exit code 1 when stopping takes too long', async () => {
    const fakeProcess = new FakeProcess();
    const { promise, resolve } = Promise.withResolvers<void>();
    const { lines, log } = recordingLog();
    const running = runUntilSignal(() => promise, log, {
      processPort: fakeProcess,
      stopTimeoutMillis: 5,
    });
    fakeProcess.emit('SIGTERM', 'SIGTERM');
    await new Promise((done) => setTimeout(done, 50));
    expect(fakeProcess.exits).toEqual([1]);
    expect(lines.map(({ text }) => text)).toContain(
      'stopping took too long; the process ends immediately',
    );
    resolve();
    await running;
  });
});

describe('an unhandled error', () => {
  it('is logged with its cause if it is a rejected promise, and the process continues', () => {
    const fakeProcess = new FakeProcess();
    const { lines, log } = recordingLog();
    handleUnhandledErrors(log, { processPort: fakeProcess });
    fakeProcess.emit(
      'unhandledRejection',
      new Error('no region', { cause: new Error('the catalog') }),
    );
    expect(fakeProcess.exits).toEqual([]);
    expect(lines).toMatchObject([
      {
        fields: {
          error: { code: 'process.unhandled', message: 'Error: no region' },
          cause: 'Error: the catalog',
          stack: expect.stringContaining('process.test.ts'),
        },
      },
    ]);
  });

  it('ends the process when more than ten promises are rejected within a minute', () => {
    const fakeProcess = new FakeProcess();
    let now = 0;
    handleUnhandledErrors(recordingLog().log, { processPort: fakeProcess, now: () => now });
    for (let count = 0; count < 10; count += 1) fakeProcess.emit('unhandledRejection', 'x');
    now = 60_000;
    for (let count = 0; count < 10; count += 1) fakeProcess.emit('unhandledRejection', 'x');
    expect(fakeProcess.exits).toEqual([]);
    fakeProcess.emit('unhandledRejection', 'x');
    expect(fakeProcess.exits).toEqual([1]);
  });

  it('ends the process with exit code 1 if it is an exception outside a promise', () => {
    const fakeProcess = new FakeProcess();
    const removeHandlers = handleUnhandledErrors(recordingLog().log, { processPort: fakeProcess });
    fakeProcess.emit('uncaughtException', new TypeError('x'));
    expect(fakeProcess.exits).toEqual([1]);
    removeHandlers();
    expect(fakeProcess.eventNames()).toEqual([]);
  });
});
