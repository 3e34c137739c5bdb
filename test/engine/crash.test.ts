import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { WorkerEngine } from '../../lib/engine/port.ts';
import { openPostgresEngine, type PostgresEngineOptions } from '../../lib/engine/postgres/open.ts';
import { until } from './engine-store.ts';
import { type Postgresql, startPostgresql } from './postgresql.ts';
import { confirmation, operationId } from './samples.ts';

/** A separate process, and the lines that it printed before it was killed. */
class KilledProcess {
  static readonly #living = new Set<KilledProcess>();
  static async killAll(): Promise<void> {
    for (const target of KilledProcess.#living) await target.kill();
  }
  readonly lines: string[] = [];
  readonly process: ChildProcess;
  constructor(where: string, what: 'write' | 'work' | 'hold') {
    const script = join(import.meta.dirname, 'killed-process.ts');
    this.process = spawn(process.execPath, [script, where, what], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    KilledProcess.#living.add(this);
    if (this.process.stdout)
      createInterface(this.process.stdout).on('line', (line) => this.lines.push(line));
  }
  reported(word: string): string[] {
    return this.lines
      .filter((line) => line.startsWith(`${word} `))
      .map((line) => line.split(' ')[1] ?? '');
  }
  async kill(): Promise<void> {
    KilledProcess.#living.delete(this);
    const ended = once(this.process, 'close');
    this.process.kill('SIGKILL');
    await ended;
  }
}

/** Random, but never before the target project has resources to lose. */
const someTime = () => new Promise((resolve) => setTimeout(resolve, 50 + Math.random() * 700));

async function killAgainAndAgain(
  where: string,
  what: 'write' | 'work',
): Promise<{ committed: string[]; handled: string[] }> {
  const [committed, handled]: [string[], string[]] = [[], []];
  for (let iteration = 0; iteration < 5; iteration += 1) {
    const target = new KilledProcess(where, what);
    await until('a first commit', () => target.reported('committed').length > 0, 40);
    await someTime();
    await target.kill();
    committed.push(...target.reported('committed'));
    handled.push(...target.reported('handled'));
  }
  return { committed, handled };
}

async function drained(engine: WorkerEngine): Promise<string[]> {
  const handled: string[] = [];
  await engine.work('coordinate', { concurrency: 1, batchSize: 200 }, async (deliveries) => {
    for (const { message } of deliveries)
      if (message.type === 'operation.confirm') handled.push(message.data.operationId);
  });
  const empty = async () => {
    const depth = (await engine.reads.depths()).coordinate;
    return depth?.ready === 0 && depth.active === 0 && depth.delayed === 0;
  };
  await until('an empty queue', empty, 60);
  return handled;
}

const engines: WorkerEngine[] = [];
const folders: string[] = [];
/** Like `openPostgresEngine`, but always closed after the test. */
async function open(options: PostgresEngineOptions): Promise<WorkerEngine> {
  const engine = await openPostgresEngine(options);
  engines.push(engine);
  return engine;
}
afterEach(async () => {
  await KilledProcess.killAll();
  for (const engine of engines.splice(0)) await engine.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

describe('A process that is killed with SIGKILL', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'propagator-crash-'));
    folders.push(folder);
  });

  it('loses no state and no message that it reported as committed', async () => {
    const { committed } = await killAgainAndAgain(folder, 'write');
    expect(committed.length).toBeGreaterThan(20);
    const engine = await open({ dataFolder: folder });
    const seen = await engine.reads.seenMessageIds(committed);
    expect(committed.filter((id) => !seen.has(id))).toEqual([]);
    // A change that was committed but not yet reported may also be there, and then completely.
    const { commits = 0 } = await engine.reads.counters();
    expect(commits - committed.length).toBeLessThanOrEqual(5);
    expect((await engine.reads.depths()).coordinate?.ready).toBe(commits);
    const handled = new Set(await drained(engine));
    expect(committed.filter((id) => !handled.has(id))).toEqual([]);
    expect(handled.size).toBe(commits);
  }, 180_000);

  it('loses no message in any state', async () => {
    const { committed, handled } = await killAgainAndAgain(folder, 'work');
    const engine = await open({ dataFolder: folder });
    const all = new Set([...handled, ...(await drained(engine))]);
    expect(committed.filter((id) => !all.has(id))).toEqual([]);
    expect((await engine.reads.depths()).coordinate?.dead).toBe(0);
  }, 180_000);

  it('delivers its message again at the next start, and the first delivery counts', async () => {
    const id = operationId();
    const before = await open({ dataFolder: folder });
    await before.commit({ messages: [confirmation(id)] });
    await before.close();
    const target = new KilledProcess(folder, 'hold');
    await until('the message in hand', () => target.reported('handled').length === 1, 40);
    await target.kill();
    const engine = await open({ dataFolder: folder });
    const opened = performance.now();
    let received: number | undefined;
    await engine.work('coordinate', { concurrency: 1 }, async ([delivery]) => {
      received = delivery?.receiveCount;
    });
    await until('the message', () => received !== undefined);
    expect(received).toBe(2);
    expect(performance.now() - opened).toBeLessThan(2000);
  }, 90_000);

  it('keeps its folder locked until it ends, and the next process acquires the lock', async () => {
    const target = new KilledProcess(folder, 'hold');
    await until('an open engine', () => target.lines.includes('open'), 40);
    await expect(open({ dataFolder: folder })).rejects.toMatchObject({
      report: {
        code: 'engine.folder.in-use',
        message: `The data folder ${folder} is in use by process ${target.process.pid}.`,
      },
    });
    await target.kill();
    const engine = await open({ dataFolder: folder });
    await expect(open({ dataFolder: folder })).rejects.toMatchObject({
      report: { code: 'engine.folder.in-use' },
    });
    await engine.close();
  }, 90_000);
});

describe('A process on a PostgreSQL server that is killed with SIGKILL', () => {
  let postgresql: Postgresql;
  beforeAll(async () => {
    postgresql = await startPostgresql();
  });
  afterAll(() => postgresql.stop(), 30_000);

  it('releases its message to another process within a minute', async () => {
    const where = await postgresql.createDatabase();
    const engine = await open({ databaseUrl: where });
    const id = operationId();
    await engine.commit({ messages: [confirmation(id)] });
    const target = new KilledProcess(where, 'hold');
    await until('the message in hand', () => target.reported('handled').length === 1, 40);
    let received: number | undefined;
    await engine.work('coordinate', { concurrency: 1 }, async ([delivery]) => {
      received = delivery?.receiveCount;
    });
    // A living process keeps its message, however long it takes. This wait is longer than the
    // timeout after which a dead process loses its message.
    await new Promise((resolve) => setTimeout(resolve, 40_000));
    expect(received).toBeUndefined();
    await target.kill();
    await until('the message', () => received !== undefined, 60);
    expect(received).toBe(2);
  }, 180_000);
});
