import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { WorkerEngine } from '../../lib/engine/port.ts';
import type { TestStage } from './aws.ts';
import { withEmulator } from './aws-emulator.ts';
import { until } from './engine-store.ts';
import { operation, requested, unique } from './samples.ts';
import { runOf } from './suite-delivery.ts';

const emulator = withEmulator();
const { open } = emulator;
const processes: ChildProcess[] = [];
afterEach(() => {
  for (const target of processes.splice(0)) target.kill('SIGKILL');
});

/** Starts a process that runs to the given point and is killed there. Returns its output. */
async function killedAt(
  stage: TestStage,
  service: string,
  what: 'commit' | 'redrive' | 'work',
): Promise<string[]> {
  const script = join(import.meta.dirname, 'aws-killed-process.ts');
  const target = spawn(
    process.execPath,
    [script, emulator.aws().endpoint, stage.prefix, service, what],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  processes.push(target);
  const lines: string[] = [];
  createInterface(target.stdout).on('line', (line) => lines.push(line));
  await until(`a process that has reached ${what}`, () => lines.includes('stands'));
  const ended = once(target, 'close');
  target.kill('SIGKILL');
  await ended;
  return lines;
}

/** Records the messages that arrive from now on. */
async function arriving(
  engine: WorkerEngine,
  service: string,
): Promise<{ runs: number[]; types: string[] }> {
  const delivered: { runs: number[]; types: string[] } = { runs: [], types: [] };
  await engine.work(
    `service-${service}`,
    { concurrency: 1 },
    async (deliveries) => void delivered.runs.push(...deliveries.map(runOf)),
  );
  await engine.work('coordinate', { concurrency: 1 }, async (deliveries) => {
    delivered.types.push(...deliveries.map(({ message }) => message.type));
  });
  return delivered;
}

describe('A process on AWS that is killed with SIGKILL', () => {
  it('has stored messages without sending them, and the next commit sends them', async () => {
    const stage = await emulator.aws().stage(['nova']);
    const [written] = await killedAt(stage, 'nova', 'commit');
    const engine = open(stage, { outboxGraceMillis: 0 });
    expect(await engine.reads.operations({ state: 'confirming' })).toMatchObject([
      { id: written?.split(' ')[1], version: 1 },
    ]);
    expect((await engine.reads.depths()).coordinate?.ready).toBe(0);
    await engine.commit({ operations: [operation()] });
    const delivered = await arriving(engine, 'nova');
    await until('both messages', () => delivered.runs.length === 1 && delivered.types.length === 1);
    expect(delivered).toEqual({ runs: [7], types: ['operation.confirm'] });
    // No other message is waiting.
    expect(await engine.flushOutbox()).toBe(0);
  });

  it('is not treated as dead while its messages are recent', async () => {
    const stage = await emulator.aws().stage(['nova']);
    await killedAt(stage, 'nova', 'commit');
    const engine = open(stage);
    await engine.commit({ operations: [operation()] });
    expect(await engine.flushOutbox()).toBe(0);
    expect((await engine.reads.depths()).coordinate?.ready).toBe(0);
    expect(await open(stage, { outboxGraceMillis: 0 }).flushOutbox()).toBe(1);
    expect((await engine.reads.depths()).coordinate?.ready).toBe(1);
  });

  it('releases its message to another process after the visibility timeout, and the delivery counts', async () => {
    const stage = await emulator.aws().stage(['nova']);
    const engine = open(stage);
    await engine.commit({ messages: [requested('nova', 3)] });
    await killedAt(stage, 'nova', 'work');
    const received: number[] = [];
    await engine.work('service-nova', { concurrency: 1 }, async (deliveries) => {
      received.push(...deliveries.map(({ receiveCount }) => receiveCount));
    });
    await until('the message', () => received.length === 1);
    expect(received).toEqual([2]);
  });

  it('loses no dead letter of a redrive, but may send a message again', async () => {
    const stage = await emulator.aws().stage(['nova']);
    const engine = open(stage, { visibilitySeconds: 3 });
    const error = { code: unique(), class: 'Denied', message: 'm', advice: 'a' } as const;
    const runs = Array.from({ length: 14 }, (_, index) => index + 1);
    await engine.commit({
      deadLetters: runs.map((run) => ({ message: requested('nova', run), error })),
    });
    await killedAt(stage, 'nova', 'redrive');
    const delivered = await arriving(engine, 'nova');
    await until('those that it had sent', () => delivered.runs.length >= 10);
    // The next listing waits until all of them are visible again, and then shows all of them.
    expect(await engine.deadLetters({ service: 'nova' })).toHaveLength(runs.length);
    expect(await engine.redrive({ service: 'nova' }, { by: 'bob' })).toBe(runs.length);
    await until('all of them', () => runs.every((run) => delivered.runs.includes(run)));
    await until(
      'word of each',
      () => delivered.types.filter((type) => type === 'task.redriven').length >= runs.length,
    );
    expect(await engine.deadLetters({})).toEqual([]);
  });
});
