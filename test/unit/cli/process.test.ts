import { EventEmitter } from 'node:events';
import { handleUnhandledErrors, runUntilSignal } from '../../../lib/cli/process.ts';

/** A process that cannot really end. */
class FakeProcess extends EventEmitter {
  readonly exits: number[] = [];
  exit(code: number): void {
    this.exits.push(code);
  }
}

function recorder() {
  const lines: { fields: unknown; text: unknown }[] = [];
  const write = (fields: unknown, text?: unknown): void => {
    lines.push({ fields, text: text ?? fields });
  };
  return { lines, log: { debug: write, info: write, warn: write, error: write } };
}

describe('a process that receives a stop signal', () => {
  it.each(['SIGTERM', 'SIGINT'])('stops on %s and removes its signal handlers', async (signal) => {
    const on = new FakeProcess();
    let stopped = 0;
    const running = runUntilSignal(
      async () => {
        stopped += 1;
      },
      recorder().log,
      { target: on },
    );
    on.emit(signal, signal);
    await running;
    expect([stopped, on.exits, on.eventNames()]).toEqual([1, [], []]);
  });

  it.each([
    ['SIGTERM', 'SIGTERM', 143],
    ['SIGTERM', 'SIGINT', 130],
    ['SIGINT', 'SIGINT', 130],
  ])('ends immediately after %s and then %s', async (first, second, code) => {
    const on = new FakeProcess();
    const { promise, resolve } = Promise.withResolvers<void>();
    const running = runUntilSignal(() => promise, recorder().log, { target: on });
    on.emit(first, first);
    await Promise.resolve();
    on.emit(second, second);
    expect(on.exits).toEqual([code]);
    resolve();
    await running;
  });

  it('ends with exit code 1 when stopping takes too long', async () => {
    const on = new FakeProcess();
    const { promise, resolve } = Promise.withResolvers<void>();
    const { lines, log } = recorder();
    const running = runUntilSignal(() => promise, log, { target: on, stopMillis: 5 });
    on.emit('SIGTERM', 'SIGTERM');
    await new Promise((done) => setTimeout(done, 50));
    expect(on.exits).toEqual([1]);
    expect(lines.map(({ text }) => text)).toContain(
      'stopping took too long; the process ends immediately',
    );
    resolve();
    await running;
  });
});

describe('an unhandled error', () => {
  it('is logged with its cause if it is a rejected promise, and the process continues', () => {
    const on = new FakeProcess();
    const { lines, log } = recorder();
    handleUnhandledErrors(log, { target: on });
    on.emit('unhandledRejection', new Error('no region', { cause: new Error('the catalog') }));
    expect(on.exits).toEqual([]);
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
    const on = new FakeProcess();
    let now = 0;
    handleUnhandledErrors(recorder().log, { target: on, now: () => now });
    for (let count = 0; count < 10; count += 1) on.emit('unhandledRejection', 'x');
    now = 60_000;
    for (let count = 0; count < 10; count += 1) on.emit('unhandledRejection', 'x');
    expect(on.exits).toEqual([]);
    on.emit('unhandledRejection', 'x');
    expect(on.exits).toEqual([1]);
  });

  it('ends the process with exit code 1 if it is an exception outside a promise', () => {
    const on = new FakeProcess();
    const release = handleUnhandledErrors(recorder().log, { target: on });
    on.emit('uncaughtException', new TypeError('x'));
    expect(on.exits).toEqual([1]);
    release();
    expect(on.eventNames()).toEqual([]);
  });
});
