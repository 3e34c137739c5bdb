import { setTimeout as delay } from 'node:timers/promises';
import { jest } from '@jest/globals';
import { until } from '../engine/place.ts';
import { type Postgresql, startPostgresql } from '../engine/postgresql.ts';
import { PropagatorProcess } from './propagator.ts';
import { Stage } from './stage.ts';

jest.setTimeout(600_000);

const OUTAGES = 2;
const OUTAGE_MILLIS = 3000;

let postgresql: Postgresql;
let stage: Stage;
beforeAll(async () => {
  postgresql = await startPostgresql();
  stage = await Stage.open();
}, 60_000);
afterAll(async () => {
  await PropagatorProcess.killAll();
  await stage.close();
  await postgresql.stop();
}, 60_000);

it('a propagator is unhealthy while PostgreSQL is stopped, and finishes afterwards', async () => {
  const before = stage.others();
  const store = { DATABASE_URL: await postgresql.createDatabase() };
  const running = new PropagatorProcess(store, stage.cloud.credentials);
  stage.processes.push(running);
  await stage.recorded(running);
  const api = await running.ready();
  const targets = stage.targets(3);
  stage.cloud.calls.length = 0;
  await stage.deleteInKeystone(targets);
  const statuses: number[] = [];
  for (let outage = 1; outage <= OUTAGES; outage += 1) {
    await until('removals', () => stage.removals() > 20 * outage, 150);
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
  await stage.finished(targets);
  console.log(
    `outage: ${OUTAGES} of ${OUTAGE_MILLIS} ms, healthy ${healthyMillis} ms after the last, finished after ${Math.round((performance.now() - back) / 1000)} s`,
  );
  await stage.verify(targets, before);
});
