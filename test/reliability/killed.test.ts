import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { jest } from '@jest/globals';
import { type Postgresql, startPostgresql } from '../engine/postgresql.ts';
import { PropagatorProcess, type Store } from './propagator.ts';
import { ReliabilityFixture, seeded } from './reliability-fixture.ts';

/**
 * The test repeats rounds of new targets for this long on each database, and makes at least one
 * round.
 */
const SECONDS = Number(process.env.RELIABILITY_SECONDS ?? 0);
const SEED = Number(process.env.RELIABILITY_SEED ?? Date.now() % 1_000_000);
const TARGETS = 3;
const KILLS = 5;
/** The moment of the kill: after the start of the process, or after it was ready. */
const MAX_LIFETIME_MILLIS = 2000;

jest.setTimeout((SECONDS + 600) * 1000);

let fixture: ReliabilityFixture;
beforeEach(async () => {
  fixture = await ReliabilityFixture.open();
});
afterEach(async () => {
  await PropagatorProcess.killAll();
  await fixture.close();
});

/** Kills a random process again and again while the targets are cleaned up. */
async function killDuringCleanup(where: string, store: Store, processes: number): Promise<void> {
  const random = seeded(SEED);
  const begin = () => new PropagatorProcess(store, fixture.cloud.credentials);
  const before = fixture.others();
  const start = performance.now();
  let [batches, killsInTheMiddle, kills] = [0, 0, 0];
  const doubled: string[] = [];
  for (let number = 0; number < processes; number += 1) fixture.processes.push(begin());
  const [first] = fixture.processes;
  if (first) await fixture.recorded(first);
  do {
    const targets = fixture.targets(TARGETS);
    fixture.cloud.calls.length = 0;
    await fixture.deleteInKeystone(targets);
    for (let kill = 0; kill < KILLS; kill += 1) {
      // Every second kill is at the start of a process, the others during the removals.
      if (kill % 2 === 0) await Promise.all(fixture.processes.map((process) => process.ready()));
      await delay(random() * MAX_LIFETIME_MILLIS);
      const place = Math.floor(random() * processes);
      if (fixture.left(targets).length > 0) killsInTheMiddle += 1;
      await fixture.processes[place]?.end('SIGKILL');
      fixture.processes[place] = begin();
      kills += 1;
    }
    await fixture.finished(targets);
    await fixture.verify(targets, before);
    doubled.push(...fixture.doubledRemovals());
    batches += 1;
  } while (performance.now() - start < SECONDS * 1000);
  const seconds = Math.round((performance.now() - start) / 1000);
  console.log(
    `${where}: seed ${SEED}, ${batches} batches of ${TARGETS} targets, ${kills} kills (${killsInTheMiddle} before the targets were empty), ${doubled.length} addresses deleted twice, ${seconds} s`,
  );
  expect(killsInTheMiddle).toBeGreaterThan(1);
}

describe(`a propagator that is killed at random times (RELIABILITY_SEED=${SEED})`, () => {
  it('removes all resources of the target projects and no others, on the embedded database', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'propagator-killed-'));
    try {
      await killDuringCleanup('embedded', { PROPAGATOR_DATA: join(folder, 'data') }, 1);
    } finally {
      await PropagatorProcess.killAll();
      rmSync(folder, { recursive: true });
    }
  });

  describe('on a PostgreSQL server', () => {
    let postgresql: Postgresql;
    beforeAll(async () => {
      postgresql = await startPostgresql();
    });
    afterAll(() => postgresql.stop(), 30_000);

    it('removes all resources of the target projects and no others, while another process continues', async () => {
      await killDuringCleanup('PostgreSQL', { DATABASE_URL: await postgresql.createDatabase() }, 2);
    });
  });
});
