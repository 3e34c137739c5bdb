import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { jest } from '@jest/globals';
import type { Engine } from '../../lib/engine/port.ts';
import type { Stage } from './aws.ts';
import { withEmulator } from './aws-emulator.ts';
import { until } from './place.ts';
import { operation, requested, unique } from './samples.ts';
import { passOf } from './suite-delivery.ts';

jest.setTimeout(60_000);

const emulator = withEmulator();
const { open } = emulator;
const victims: ChildProcess[] = [];
afterEach(() => {
  for (const victim of victims.splice(0)) victim.kill('SIGKILL');
});

/** A process of its own that goes as far as it says, and is killed there. Returns what it said before. */
async function killedAt(stage: Stage, service: string, what: 'commit' | 'redrive' | 'work'): Promise<string[]> {
  const script = join(import.meta.dirname, 'aws-victim.ts');
  const victim = spawn(process.execPath, [script, emulator.aws().endpoint, stage.prefix, service, what], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  victims.push(victim);
  const lines: string[] = [];
  createInterface(victim.stdout).on('line', (line) => lines.push(line));
  await until(`a victim that stands at ${what}`, () => lines.includes('stands'));
  const ended = once(victim, 'close');
  victim.kill('SIGKILL');
  await ended;
  return lines;
}

/** What arrives from now on. */
async function arriving(engine: Engine, service: string): Promise<{ passes: number[]; types: string[] }> {
  const heard: { passes: number[]; types: string[] } = { passes: [], types: [] };
  await engine.work(`service-${service}`, { concurrency: 1 }, async (deliveries) => void heard.passes.push(...deliveries.map(passOf)));
  await engine.work('coordinate', { concurrency: 1 }, async (deliveries) => {
    heard.types.push(...deliveries.map(({ message }) => message.type));
  });
  return heard;
}

describe('A process that is killed with SIGKILL', () => {
  it('between its rows and its messages leaves both to whoever commits next', async () => {
    const stage = await emulator.aws().stage(['nova']);
    const [written] = await killedAt(stage, 'nova', 'commit');
    const engine = open(stage, { forgottenMillis: 0 });
    expect(await engine.reads.operations({ state: 'confirming' })).toMatchObject([{ id: written?.split(' ')[1], version: 1 }]);
    expect((await engine.reads.depths()).coordinate?.ready).toBe(0);
    await engine.commit({ operations: [operation()] });
    const heard = await arriving(engine, 'nova');
    await until('both messages', () => heard.passes.length === 1 && heard.types.length === 1);
    expect(heard).toEqual({ passes: [7], types: ['operation.look'] });
    // And that was all.
    expect(await engine.repair()).toBe(0);
  });

  it('while its messages are young is not taken for dead', async () => {
    const stage = await emulator.aws().stage(['nova']);
    await killedAt(stage, 'nova', 'commit');
    const engine = open(stage);
    await engine.commit({ operations: [operation()] });
    expect(await engine.repair()).toBe(0);
    expect((await engine.reads.depths()).coordinate?.ready).toBe(0);
    expect(await open(stage, { forgottenMillis: 0 }).repair()).toBe(1);
    expect((await engine.reads.depths()).coordinate?.ready).toBe(1);
  });

  it('with a message in hand hands it on when its time is over, and it counts as delivered', async () => {
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

  it('in the middle of a redrive loses no letter: what it sent comes, and may be sent once more', async () => {
    const stage = await emulator.aws().stage(['nova']);
    const engine = open(stage, { visibilitySeconds: 3 });
    const error = { code: unique(), class: 'Denied', message: 'm', advice: 'a' } as const;
    const passes = Array.from({ length: 14 }, (_, index) => index + 1);
    await engine.commit({ deadLetters: passes.map((pass) => ({ message: requested('nova', pass), error })) });
    await killedAt(stage, 'nova', 'redrive');
    const heard = await arriving(engine, 'nova');
    await until('those that it had sent', () => heard.passes.length >= 10);
    // The next who looks sees all of them at once: he has waited until they can be seen again.
    expect(await engine.deadLetters({ service: 'nova' })).toHaveLength(passes.length);
    expect(await engine.redrive({ service: 'nova' }, { by: 'bob' })).toBe(passes.length);
    await until('all of them', () => passes.every((pass) => heard.passes.includes(pass)));
    await until('word of each', () => heard.types.filter((type) => type === 'task.redriven').length >= passes.length);
    expect(await engine.deadLetters({})).toEqual([]);
  });
});

describe('A worker that lives', () => {
  it('keeps its message for as long as it needs, though it is longer than a dead one would be waited for', async () => {
    const stage = await emulator.aws().stage(['nova']);
    const [one, other] = [open(stage, { visibilitySeconds: 2 }), open(stage, { visibilitySeconds: 2 })];
    const received: string[] = [];
    let ended = false;
    for (const [name, engine] of [['one', one] as const, ['other', other] as const])
      await engine.work('service-nova', { concurrency: 1 }, async () => {
        received.push(name);
        await new Promise((resolve) => setTimeout(resolve, 6000));
        ended = true;
      });
    await one.commit({ messages: [requested('nova')] });
    await until('the end of it', () => ended);
    await until('an empty queue', async () => (await one.reads.depths())['service-nova']?.active === 0);
    expect(received).toHaveLength(1);
  });
});
