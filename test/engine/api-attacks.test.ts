import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { jest } from '@jest/globals';
import * as z from 'zod';
import { MAX_NOTIFICATIONS } from '../../lib/api/notifications.ts';
import type { EmbeddedPropagator } from '../../lib/app/embedded.ts';
import { apiFetchOf } from '../../lib/cli/aws-signature.ts';
import type { ApiClient } from '../../lib/cli/client.ts';
import { OperationsShape } from '../../lib/cli/shapes.ts';
import { type RehearsalCloud, startCloud } from '../cloud/cloud.ts';
import { deleteProject } from '../cloud/keystone-projects.ts';
import { type Started, startPropagator } from '../cloud/propagator.ts';
import { until } from './engine-store.ts';

/** Use a larger number for a manual measurement: API_FLOOD=50000. */
const FLOOD = Number(process.env.API_FLOOD ?? 2000);
/**
 * Far above the time of an idle machine, and below the minute in which the health check once gave
 * no answer.
 */
const MAX_HEALTH_MILLIS = 30_000;

/** The flood must be read, and the real deletion carried out, within this time. */
const FLOOD_SECONDS = 120 + FLOOD / 25;

jest.setTimeout(2 * FLOOD_SECONDS * 1000);

let cloud: RehearsalCloud;
let propagator: EmbeddedPropagator;
let started: Started;
let base: string;
let send: ReturnType<typeof apiFetchOf>;
let client: ApiClient;
let domain: string;
let control: string;

beforeAll(async () => {
  cloud = await startCloud();
  domain = cloud.seed.makeDomain('customers');
  control = cloud.seed.makeProject(domain, 'control');
  cloud.seed.fill(control, 'tiny');
  started = await startPropagator(cloud);
  ({ propagator, url: base, client } = started);
  send = apiFetchOf(base, { PROPAGATOR_DATA: started.data });
});
afterAll(async () => {
  await started.stop();
  await cloud.close();
});

it('serves the console to this machine only, and the console reads the API', async () => {
  const page = await fetch(`${base}/console/`);
  expect([page.status, page.headers.get('x-frame-options')]).toEqual([200, 'DENY']);
  const script = await fetch(`${base}/console/console.js`);
  expect(script.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
  // `fetch` does not send another host.
  const rebound = await new Promise<number | undefined>((resolve, reject) => {
    const headers = { host: 'rebound.example' };
    request(`${base}/console/`, { headers }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    })
      .on('error', reject)
      .end();
  });
  expect(rebound).toBe(403);
  const own = { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors' };
  expect((await fetch(`${base}/v1/status`, { headers: own })).status).toBe(200);
  const foreign = { ...own, 'sec-fetch-site': 'cross-site' };
  for (const path of ['/console/console.js', '/v1/status'])
    expect((await fetch(`${base}${path}`, { headers: foreign })).status).toBe(403);
});

const forged = (id: string, messageId: string, timestamp = '2026-03-01 12:00:00.000000') => ({
  event_type: 'identity.project.deleted',
  message_id: messageId,
  publisher_id: 'identity.host',
  priority: 'INFO',
  timestamp,
  payload: { resource_info: id },
});
const idOf = (n: number): string => n.toString(16).padStart(32, '0');
const notify = (body: string, contentType = 'application/x-ndjson') =>
  send(`${base}/v1/notifications`, {
    method: 'POST',
    headers: { 'content-type': contentType },
    body,
  });

/** Requests the health continuously while `attack` runs. Returns the time of the slowest answer. */
async function slowestHealth(attack: () => Promise<void>): Promise<number> {
  const ended = new AbortController();
  let slowest = 0;
  const watching = (async () => {
    while (!ended.signal.aborted) {
      const before = performance.now();
      expect((await fetch(`${base}/healthz`)).status).toBe(200);
      slowest = Math.max(slowest, performance.now() - before);
      await delay(50);
    }
  })();
  await attack();
  ended.abort();
  await watching;
  return slowest;
}

/** A project that Keystone and the propagator have recorded, with resources, and its deletion. */
async function knownProject(name: string): Promise<{ id: string; deletion: object }> {
  const id = cloud.seed.makeProject(domain, name);
  cloud.seed.fill(id, 'tiny');
  const created = { ...forged(id, `${name}-created`), event_type: 'identity.project.created' };
  expect((await notify(JSON.stringify([created]), 'application/json')).status).toBe(202);
  await until('its creation is read', isIngested, 120);
  const project = cloud.state.identity.projects.get(id);
  if (project === undefined) throw new Error(`there is no project ${name}`);
  deleteProject(cloud.state, project, undefined);
  return { id, deletion: forged(id, `${name}-deleted`) };
}

async function isIngested(): Promise<boolean> {
  const { ingest } = await propagator.engine.reads.depths();
  return ingest === undefined || ingest.ready + ingest.delayed + ingest.active === 0;
}

it(`during a flood of ${FLOOD} forged deletions the health check answers, a living project is not changed, and a real deletion is carried out`, async () => {
  const before = cloud.store.resources(control);
  const real = await knownProject('ends');
  expect(cloud.store.resources(real.id).length).toBeGreaterThan(0);
  const started = performance.now();
  let stored = 0;
  let announcedAt = 0;
  let emptyAfter = 0;
  const middle = Math.floor(FLOOD / MAX_NOTIFICATIONS / 2) * MAX_NOTIFICATIONS;
  const slowest = await slowestHealth(async () => {
    for (let from = 0; from < FLOOD; from += MAX_NOTIFICATIONS) {
      const size = Math.min(MAX_NOTIFICATIONS, FLOOD - from);
      const lines = Array.from({ length: size }, (_, n) => {
        const isLiving = n % 10 === 0;
        return JSON.stringify(forged(isLiving ? control : idOf(from + n), `forged-${from + n}`));
      });
      if (from === middle) {
        announcedAt = performance.now();
        lines[Math.floor(size / 2)] = JSON.stringify(real.deletion);
      }
      const answer = await notify(lines.join('\n'));
      expect(answer.status).toBe(202);
      stored += z.object({ stored: z.number() }).parse(await answer.json()).stored;
    }
    const path = `/v1/operations?project=${real.id}`;
    await until(
      'the real deletion is carried out',
      async () => {
        const { operations } = await client.get(path, OperationsShape);
        return operations.some(({ operation }) => operation.state === 'finished');
      },
      FLOOD_SECONDS,
    );
    emptyAfter = performance.now() - announcedAt;
    await until('all are read', isIngested, FLOOD_SECONDS);
  });
  const { rss } = process.memoryUsage();
  const seconds = (millis: number) => `${(millis / 1000).toFixed(1)} s`;
  console.log(
    `${stored} read after ${seconds(performance.now() - started)}; the real deletion finished after ${seconds(emptyAfter)}; slowest health check ${seconds(slowest)}; ${Math.round(rss / 2 ** 20)} MB; ${cloud.calls.length} calls to OpenStack`,
  );
  expect(stored).toBe(FLOOD);
  expect(slowest).toBeLessThan(MAX_HEALTH_MILLIS);
  expect(cloud.store.resources(real.id)).toEqual([]);
  expect(cloud.store.resources(control)).toEqual(before);
  const { operations } = await client.get('/v1/operations?state=finished', OperationsShape);
  expect(operations.map(({ operation }) => operation.scope.id)).toEqual([real.id]);
});

it('replayed ids, and times in the far past and future, delete no project that Keystone still has', async () => {
  const before = cloud.store.resources(control);
  const times = [
    '0001-01-01 00:00:00',
    '1969-12-31 23:59:59',
    '9999-12-31 23:59:59',
    'tomorrow',
    '',
  ];
  const notifications = times.flatMap((time, n) => [
    forged(control, `time-${n}`, time),
    forged(control, 'the-same-id', time),
    forged(control.toUpperCase(), `upper-${n}`, time),
  ]);
  expect((await notify(JSON.stringify(notifications), 'application/json')).status).toBe(202);
  await until('they are read', isIngested, 120);
  const { operations } = await client.get(`/v1/operations?project=${control}`, OperationsShape);
  expect(operations.filter(({ operation }) => operation.state === 'finished')).toEqual([]);
  expect(cloud.store.resources(control)).toEqual(before);
});

it('bodies of 600 MB and of 200,000 short lines are refused while the health check answers', async () => {
  const statuses: (number | undefined)[] = [];
  const before = process.memoryUsage().rss;
  const slowest = await slowestHealth(async () => {
    statuses.push((await notify('{}\n'.repeat(200_000))).status);
    statuses.push((await notify(' '.repeat(17_000_000))).status);
    statuses.push(await pour('/v1/waivers', 600 * 2 ** 20));
    statuses.push(await pour('/v1/notifications', 600 * 2 ** 20));
  });
  console.log(
    `refused with ${statuses}; slowest health check ${Math.round(slowest)} ms; ${Math.round((process.memoryUsage().rss - before) / 2 ** 20)} MB more`,
  );
  expect(statuses).toEqual([413, 413, 413, 413]);
  expect(slowest).toBeLessThan(MAX_HEALTH_MILLIS);
});

/** Sends endless chunks without a declared length until it is stopped. */
async function pour(path: string, size: number): Promise<number | undefined> {
  const { authorization = '' } = await headersOfChange();
  const headers = {
    authorization,
    'content-type': 'application/json',
    'transfer-encoding': 'chunked',
  };
  const pouring = request(`${base}${path}`, { method: 'POST', headers });
  pouring.on('error', () => undefined);
  const status = new Promise<number | undefined>((resolve) => {
    pouring.once('response', (answer) => resolve(answer.statusCode));
    pouring.once('close', () => resolve(undefined));
  });
  const chunk = Buffer.alloc(65_536, ' ');
  let sent = 0;
  const pump = (): void => {
    while (sent < size && !pouring.destroyed && pouring.write(chunk)) sent += chunk.length;
  };
  pouring.on('drain', pump);
  pump();
  return status;
}

/** Returns the headers that a command would send. */
async function headersOfChange(): Promise<Record<string, string>> {
  const environment = { PROPAGATOR_DATA: started.data };
  let seen: Record<string, string> = {};
  const catching = apiFetchOf(base, environment, undefined, async (_, init) => {
    seen = Object.fromEntries(new Headers(init.headers));
    return new Response();
  });
  await catching(base, { method: 'POST' });
  return seen;
}
