import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AccountEvent } from '../events/account.ts';
import { ProjectId } from '../events/ids.ts';
import type { OutgoingMessage } from '../events/index.ts';
import type { AccountRecord } from '../lib/account/inventory.ts';
import type { WorkerEngine } from '../lib/engine/port.ts';
import { openPostgresEngine } from '../lib/engine/postgres/open.ts';
import { startPostgresql } from '../test/engine/postgresql.ts';

/**
 * Throughput and resource use of the engine: `node bench/engine.ts [embedded|server]`. Prints;
 * asserts nothing. `server` starts a temporary PostgreSQL, or uses DATABASE_URL.
 */
const BATCH = 100;
const newId = () => randomBytes(16).toString('hex');
const megabytes = () => Math.round(process.memoryUsage.rss() / 1024 / 1024);
const printLine = (title: string, value: string) => console.log(`  ${title.padEnd(68)} ${value}`);
const millis = (value: number) => `${value.toFixed(value < 100 ? 1 : 0)} ms`;

/**
 * Opens the engine in a new process, so that this process adds nothing to time and memory. Returns
 * the times and the memory that {@link openAndIdle} printed there.
 */
function openInNewProcess(folder: string): { millis: number; cpu: number; rss: number } {
  const child = spawnSync(process.execPath, [import.meta.filename, 'open', folder], {
    encoding: 'utf8',
  });
  if (child.status !== 0) throw new Error(child.stderr);
  return JSON.parse(child.stdout);
}

/** Opens the engine, leaves it idle for 8 s, and prints its times and memory as JSON. */
async function openAndIdle(folder: string): Promise<void> {
  const watch = stopwatch();
  const engine = await openPostgresEngine({ dataFolder: folder });
  const { wall, cpu } = watch();
  for (const queue of [
    'ingest',
    'coordinate',
    'service-nova',
    'service-cinder',
    'service-neutron',
    'service-glance',
    'service-swift',
  ] as const)
    await engine.work(queue, { concurrency: 8 }, async () => {});
  await new Promise((resolve) => setTimeout(resolve, 8000));
  console.log(JSON.stringify({ millis: wall, cpu, rss: megabytes() }));
  await engine.close();
}

const notification = (): OutgoingMessage => ({
  type: 'notification.received',
  data: {
    body: `{"message_id":"${newId()}","payload":"${'x'.repeat(900)}"}`,
    encoding: 'utf8',
    source: 'bench',
    receivedAt: 1,
  },
});
const accountEvent = (project: string): OutgoingMessage =>
  AccountEvent.parse({
    type: 'account.project.deleted',
    data: {
      account: { type: 'project', id: project, name: 'shop' },
      cause: { messageId: newId(), eventType: 'identity.project.deleted', at: 1 },
    },
  });
const accountRecord = (project: string): AccountRecord => ({
  account: { type: 'project', id: ProjectId.parse(project), name: 'shop', enabled: true },
  seenAt: 1,
  deletedAt: 1,
  members: undefined,
});
const batchOf = <T>(make: () => T): T[] => Array.from({ length: BATCH }, make);

/**
 * Starts a stopwatch. The returned function returns the wall time and the processor time of this
 * process since the start, in milliseconds. On a busy machine only the processor time is
 * meaningful.
 */
function stopwatch(): () => { wall: number; cpu: number } {
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    return { wall: performance.now() - began, cpu: (user + system) / 1000 };
  };
}
const rate = (count: number, { wall, cpu }: { wall: number; cpu: number }) =>
  `${Math.round((count * 1000) / wall)} messages/s (${Math.round((count * 1000) / cpu)} by processor time)`;

/**
 * The number of messages before the measurement. The engine compiles its WebAssembly while it
 * handles them.
 */
const WARM_UP_MESSAGES = 500;

/** Measures the time from the commit of one message to the end of its handler. */
async function measureHops(engine: WorkerEngine, count: number): Promise<void> {
  const hopMillis: number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  let watch = stopwatch();
  let lastHandledAt = performance.now();
  await engine.work('coordinate', { concurrency: 1 }, async () => {
    hopMillis.push(performance.now() - lastHandledAt);
    lastHandledAt = performance.now();
    if (hopMillis.length === WARM_UP_MESSAGES) watch = stopwatch();
    if (hopMillis.length < WARM_UP_MESSAGES + count)
      await engine.commit({ messages: [accountEvent(newId())] });
    else resolve();
  });
  await engine.commit({ messages: [accountEvent(newId())] });
  await promise;
  const { cpu } = watch();
  const sortedMillis = hopMillis.slice(WARM_UP_MESSAGES).toSorted((a, b) => a - b);
  const percentile = (share: number) => millis(sortedMillis[Math.floor(count * share)] ?? 0);
  printLine(
    'one hop: commit, receive, handle, complete',
    `${percentile(0.5)} median, ${percentile(0.95)} 95 % (${millis(cpu / count)} processor time)`,
  );
}

/** Measures how fast notifications are stored, received, and ingested. */
async function measureIngest(engine: WorkerEngine, batches: number): Promise<void> {
  const storing = stopwatch();
  for (let count = 0; count < batches; count += 1)
    await engine.commit({ messages: batchOf(notification) });
  printLine(
    `notifications stored in the queue, 1 KB each, ${BATCH} per commit`,
    rate(batches * BATCH, storing()),
  );

  const half = (batches * BATCH) / 2;
  const { promise, resolve } = Promise.withResolvers<void>();
  let [receivedCount, commitMillis] = [0, 0];
  let receiving = stopwatch();
  await engine.work('ingest', { concurrency: 1, batchSize: BATCH }, async (deliveries) => {
    if (receivedCount === half) {
      printLine(
        `received from the queue, ${BATCH} per batch, without processing`,
        rate(half, receiving()),
      );
      receiving = stopwatch();
    }
    const commitWatch = stopwatch();
    const projects = deliveries.map(newId);
    if (receivedCount >= half)
      await engine.commit({
        seen: deliveries.map(newId),
        accounts: projects.map(accountRecord),
        messages: projects.map((project) => accountEvent(project)),
        counters: { 'bench.taken': deliveries.length },
      });
    commitMillis += commitWatch().cpu;
    receivedCount += deliveries.length;
    if (receivedCount >= 2 * half) resolve();
  });
  await promise;
  printLine(
    `received, ${BATCH} per batch, each stored with its id, account and event`,
    rate(half, receiving()),
  );
  printLine(
    `  of that, the commit of ${BATCH} ids, ${BATCH} accounts, ${BATCH} events`,
    `${millis((commitMillis * BATCH) / half)} processor time`,
  );
}

/** Runs each measurement with an engine of its own. */
async function measure(open: () => Promise<WorkerEngine>): Promise<void> {
  const hopsEngine = await open();
  await measureHops(hopsEngine, 500);
  await hopsEngine.close();
  const ingestEngine = await open();
  await measureIngest(ingestEngine, 200);
  await ingestEngine.close();
}

export async function benchEmbedded(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'propagator-bench-'));
  console.log('Embedded: PGlite');
  const newFolder = openInNewProcess(folder);
  printLine(
    'open a new folder (processor time)',
    `${millis(newFolder.millis)} (${millis(newFolder.cpu)})`,
  );
  const existingFolder = openInNewProcess(folder);
  printLine(
    'open an existing folder (processor time)',
    `${millis(existingFolder.millis)} (${millis(existingFolder.cpu)})`,
  );
  printLine(
    'resident memory, idle with an existing folder, seven workers',
    `${existingFolder.rss} MB`,
  );
  await measure(() => openPostgresEngine({ dataFolder: folder }));
  rmSync(folder, { recursive: true });
}

export async function benchServer(): Promise<void> {
  const temporaryServer =
    process.env.DATABASE_URL === undefined ? await startPostgresql() : undefined;
  const databaseUrl = process.env.DATABASE_URL ?? (await temporaryServer?.createDatabase()) ?? '';
  console.log('Server: PostgreSQL');
  const began = performance.now();
  await (await openPostgresEngine({ databaseUrl })).close();
  printLine('open a new database', millis(performance.now() - began));
  await measure(() => openPostgresEngine({ databaseUrl }));
  await temporaryServer?.stop();
}

if (import.meta.main) {
  const [part, folder] = process.argv.slice(2);
  if (part === 'open' && folder !== undefined) await openAndIdle(folder);
  if (part === undefined || part === 'embedded') await benchEmbedded();
  if (part === undefined || part === 'server') await benchServer();
}
