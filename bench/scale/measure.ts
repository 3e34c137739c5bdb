import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { ENDED_OPERATION_STATES, OPERATION_STATES } from '../../lib/operation/model.ts';
import { type RehearsalCloud, startCloud } from '../../test/cloud/cloud.ts';
import type { Size } from '../../test/cloud/seed.ts';
import { Propagator } from '../../test/openstack/driver.ts';
import { customersOf, deletionsOf } from './customers.ts';

const METER_MODULE = fileURLToPath(new URL('./meter.ts', import.meta.url));
const MAX_SECONDS = 3 * 3_600;
const PROGRESS_MILLIS = 60_000;

const Meter = z.object({
  processorSeconds: z.number(),
  peakMegabytes: z.number(),
  heapMegabytes: z.number(),
  externalMegabytes: z.number(),
  p99Millis: z.number(),
  maxMillis: z.number(),
});

/** The cost of the deletion of many resources. */
export interface Cost extends z.infer<typeof Meter> {
  readonly resources: number;
  readonly seconds: number;
  /** The number of calls to the services of the cloud. */
  readonly calls: number;
  /** The number of operations in each end state, as text. */
  readonly endStates: string;
  /** The load average before and after the deletion. */
  readonly load: readonly [number, number];
}

/** Milliseconds that each service takes for a read and for a change, as on a small real cloud. */
const LATENCIES: Readonly<Record<string, readonly [number, number]>> = {
  keystone: [30, 40],
  nova: [80, 120],
  neutron: [50, 150],
  cinder: [60, 120],
  glance: [30, 80],
  swift: [10, 20],
  placement: [20, 20],
};

async function slowCloud(): Promise<RehearsalCloud> {
  const cloud = await startCloud({ durations: { server: 3_000, volume: 2_000 } });
  for (const [service, [read, change]] of Object.entries(LATENCIES)) {
    cloud.faults.add({ service, method: 'GET', effect: { does: 'slow', milliseconds: read } });
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'])
      cloud.faults.add({ service, method, effect: { does: 'slow', milliseconds: change } });
  }
  return cloud;
}

const Depth = z.object({ ready: z.number(), delayed: z.number(), active: z.number() });
const Status = z.object({ queues: z.record(z.string(), Depth) });
const OperationList = z.object({ operations: z.array(z.unknown()) });

/** Returns the number of operations in a state, at most `limit`. */
async function operationsIn(propagator: Propagator, state: string, limit: number): Promise<number> {
  const path = `/v1/operations?state=${state}&limit=${limit}`;
  return OperationList.parse((await propagator.api('GET', path)).json).operations.length;
}

/** True when no message waits and every operation has ended. */
async function isDone(propagator: Propagator): Promise<boolean> {
  const { queues } = Status.parse((await propagator.api('GET', '/v1/status')).json);
  for (const { ready, delayed, active } of Object.values(queues))
    if (ready + delayed + active > 0) return false;
  for (const state of OPERATION_STATES)
    if (!ENDED_OPERATION_STATES.includes(state) && (await operationsIn(propagator, state, 1)) > 0)
      return false;
  return true;
}

/**
 * Returns the number of operations in each end state as text. The API lists at most 1000 of a
 * state.
 */
async function endStatesOf(propagator: Propagator): Promise<string> {
  const counts = await Promise.all(
    ENDED_OPERATION_STATES.map(
      async (state) => [state, await operationsIn(propagator, state, 1000)] as const,
    ),
  );
  return counts.flatMap(([state, count]) => (count > 0 ? [`${count} ${state}`] : [])).join(', ');
}

/**
 * Waits until every operation has ended, and calls `onProgress` once a minute. Throws if this takes
 * longer than {@link MAX_SECONDS}.
 */
async function waitUntilDone(
  propagator: Propagator,
  begunAt: number,
  onProgress: () => void,
): Promise<void> {
  let nextProgressAt = begunAt + PROGRESS_MILLIS;
  do {
    if (Date.now() - begunAt > MAX_SECONDS * 1000)
      throw new Error(`the operations did not end in ${MAX_SECONDS} s`);
    await delay(1_000);
    if (Date.now() >= nextProgressAt) {
      nextProgressAt += PROGRESS_MILLIS;
      onProgress();
    }
  } while (!(await isDone(propagator)));
}

async function ingest(propagator: Propagator, notifications: string): Promise<void> {
  const { status, json } = await propagator.api('POST', '/v1/notifications', notifications);
  if (status >= 300)
    throw new Error(`the API refused the notifications: ${status} ${JSON.stringify(json)}`);
}

/** Starts the propagator, and waits until the meter in its process writes to `meterFile`. */
async function startMetered(
  propagator: Propagator,
  credentials: RehearsalCloud['credentials'],
  meterFile: string,
): Promise<void> {
  await propagator.start({
    mode: 'enforce',
    broker: 'none',
    environment: {
      ...credentials,
      OS_CLOUD: '',
      PROPAGATOR_LOG_LEVEL: 'warn',
      PROPAGATOR_MAX_OPERATIONS_PER_HOUR: '100000',
      PROPAGATOR_MAX_RESOURCES_PER_OPERATION: '1000000',
      NODE_OPTIONS: `--import=${METER_MODULE}`,
      BENCH_METER: meterFile,
    },
  });
  while (!existsSync(meterFile)) await delay(100);
}

/**
 * Deletes the projects of a new cloud with a propagator in a separate process, and waits for the
 * end of all operations.
 */
export async function measure(
  size: Size,
  projects: number,
  kind: 'projects' | 'domain',
): Promise<Cost> {
  const cloud = await slowCloud();
  const folder = mkdtempSync(join(tmpdir(), 'bench-scale-'));
  const meterFile = join(folder, 'meter.json');
  const propagator = new Propagator('bench-scale');
  const readMeter = () => Meter.parse(JSON.parse(readFileSync(meterFile, 'utf8')));
  try {
    const customers = customersOf(cloud, size, projects);
    const resources = customers.projects.reduce(
      (sum, id) => sum + cloud.store.resources(id).length,
      0,
    );
    await startMetered(propagator, cloud.credentials, meterFile);
    process.kill(propagator.pid ?? 0, 'SIGUSR2');
    const meterBefore = readMeter();
    const loadBefore = loadavg()[0] ?? 0;
    const resourcesAtStart = cloud.store.resources().length;
    cloud.calls.length = 0;
    const begunAt = Date.now();
    for await (const notifications of deletionsOf(customers, kind))
      await ingest(propagator, notifications);
    await waitUntilDone(propagator, begunAt, () => {
      const removed = resourcesAtStart - cloud.store.resources().length;
      const meter = readMeter();
      const usedMillis = (meter.processorSeconds - meterBefore.processorSeconds) * 1000;
      console.log(
        `after ${Math.round((Date.now() - begunAt) / 1000)} s: ` +
          `${removed} of ${resources} resources removed, ` +
          `${(usedMillis / Math.max(1, removed)).toFixed(2)} processor ms for each, ` +
          `peak ${meter.peakMegabytes.toFixed(0)} MB`,
      );
    });
    const seconds = (Date.now() - begunAt) / 1000;
    const meterAfter = readMeter();
    const calls = cloud.calls.length;
    return {
      ...meterAfter,
      processorSeconds: meterAfter.processorSeconds - meterBefore.processorSeconds,
      resources,
      seconds,
      calls,
      endStates: await endStatesOf(propagator),
      load: [loadBefore, loadavg()[0] ?? 0],
    };
  } finally {
    await propagator.dispose();
    await cloud.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
