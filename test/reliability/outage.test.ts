import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../engine/engine-store.ts';
import { type Postgresql, startPostgresql } from '../engine/postgresql.ts';
import { PropagatorProcess } from './propagator.ts';
import { ReliabilityFixture } from './reliability-fixture.ts';

const OUTAGES = 2;
const OUTAGE_MILLIS = 3000;

let postgresql: Postgresql;
let fixture: ReliabilityFixture;
beforeAll(async () => {
  postgresql = await startPostgresql();
  fixture = await ReliabilityFixture.open();
});
afterAll(async () => {
  await PropagatorProcess.killAll();
  await fixture.close();
  await postgresql.stop();
});

it('a propagator is unhealthy while PostgreSQL is stopped, and finishes afterwards', async () => {
  const before = fixture.others();
  const store = { DATABASE_URL: await postgresql.createDatabase() };
  const running = new PropagatorProcess(store, fixture.cloud.credentials);
  fixture.processes.push(running);
  await fixture.recorded(running);
  const api = await running.ready();
  const targets = fixture.targets(3);
  fixture.cloud.calls.length = 0;
  await fixture.deleteInKeystone(targets);
  const statuses: number[] = [];
  for (let outage = 1; outage <= OUTAGES; outage += 1) {
    await until('removals', () => fixture.removals() > 20 * outage, 150);
    await postgresql.whileDown(async () => {
      await delay(OUTAGE_MILLIS);
      const lines = () => `${running.log.slice(-20).join('\n')} ${running.pid}`;
      const answer = await fetch(`${api}/healthz`).catch((cause: unknown) => {
        throw new Error(`the API does not answer: ${lines()}`, { cause });
      });
      statuses.push(answer.status);
    });
  }
  expect(statuses).toEqual(Array(OUTAGES).fill(503));
  const back = performance.now();
  const healthy = async () => (await fetch(`${api}/healthz`)).status === 200;
  await until('a healthy process', healthy, 60);
  const healthyMillis = Math.round(performance.now() - back);
  await fixture.finished(targets);
  console.log(
    `outage: ${OUTAGES} of ${OUTAGE_MILLIS} ms, healthy ${healthyMillis} ms after the last, finished after ${Math.round((performance.now() - back) / 1000)} s`,
  );
  await fixture.verify(targets, before);
});
