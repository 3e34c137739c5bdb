import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { QuarantineShape } from '../../lib/cli/shapes.ts';
import { until } from '../engine/engine-store.ts';
import { clientOf, PropagatorProcess } from './propagator.ts';
import { ReliabilityFixture } from './reliability-fixture.ts';

const MEGABYTES = 160;
const FULL_MILLIS = 5000;

let fixture: ReliabilityFixture;
let folder: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'propagator-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${MEGABYTES}m`, 'tmpfs', folder]);
  } catch (cause) {
    rmSync(folder, { recursive: true });
    throw new Error(
      'This test mounts a small tmpfs: run it as root, in a container with CAP_SYS_ADMIN.',
      { cause },
    );
  }
  fixture = await ReliabilityFixture.open();
});
afterEach(async () => {
  await PropagatorProcess.killAll();
  await fixture?.close();
  execFileSync('umount', [folder]);
  rmSync(folder, { recursive: true });
});

/** Leaves no byte free. */
function fill(path: string): void {
  const file = openSync(path, 'w');
  try {
    for (let size = 2 ** 20; size >= 1; ) if (!written(file, size)) size = Math.floor(size / 2);
  } finally {
    closeSync(file);
  }
}

function written(file: number, size: number): boolean {
  try {
    return writeSync(file, Buffer.alloc(size)) === size;
  } catch (error) {
    if (z.object({ code: z.literal('ENOSPC') }).safeParse(error).success) return false;
    throw error;
  }
}

const health = (api: string): Promise<number | undefined> =>
  fetch(`${api}/healthz`, { signal: AbortSignal.timeout(20_000) }).then(
    ({ status }) => status,
    () => undefined,
  );

/**
 * Sends messages for the quarantine, too random to be compressed. Returns whether they were stored.
 */
const send = (api: string): Promise<boolean> =>
  clientOf(api)
    .post(
      '/v1/notifications',
      { unread: randomBytes(100_000).toString('hex') },
      z.object({ stored: z.number() }),
    )
    .then(
      () => true,
      () => false,
    );

it('a propagator with a full disk is unhealthy, and continues after space is freed', async () => {
  const before = fixture.others();
  const store = { PROPAGATOR_DATA: join(folder, 'data') };
  const running = new PropagatorProcess(store, fixture.cloud.credentials);
  fixture.processes.push(running);
  await fixture.recorded(running);
  const api = await running.ready();
  const targets = fixture.targets(3);
  fixture.cloud.calls.length = 0;
  await fixture.deleteInKeystone(targets);
  await until('the first removals', () => fixture.removals() > 30, 150);

  const ballast = join(folder, 'ballast');
  fill(ballast);
  expect(statfsSync(folder).bavail).toBe(0);
  let [sent, stored] = [0, 0];
  const statuses: (number | undefined)[] = [];
  const filled = performance.now();
  while (performance.now() - filled < FULL_MILLIS || statuses.at(-1) !== 503) {
    if (performance.now() - filled > 90_000) throw new Error(`healthy when full: ${statuses}`);
    sent += 1;
    if (await send(api)) stored += 1;
    statuses.push(await health(api));
  }
  const unfinished = fixture.left(targets).length;
  rmSync(ballast);
  const freed = performance.now();
  await until('a healthy process', async () => (await health(api)) === 200, 90);
  const healthySeconds = ((performance.now() - freed) / 1000).toFixed(1);
  await fixture.finished(targets);
  console.log(
    `full disk: ${unfinished} resources left then; ${sent} notifications sent, ${stored} stored; health 503 in ${statuses.filter((status) => status === 503).length} of ${statuses.length} checks, 200 again after ${healthySeconds} s; finished after ${Math.round((performance.now() - freed) / 1000)} s`,
  );
  expect(unfinished).toBeGreaterThan(0);
  await fixture.verify(targets, before);
  const client = await running.client();
  const quarantined = async () => (await client.get('/v1/quarantine', QuarantineShape)).total;
  await until(
    'what was stored, in the quarantine',
    async () => (await quarantined()) >= stored,
    30,
  );
});
