import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connectTo, until } from '../engine/engine-store.ts';
import { PropagatorProcess } from './propagator.ts';
import { ReliabilityFixture } from './reliability-fixture.ts';

let fixture: ReliabilityFixture;
let folder: string;
const sockets: Socket[] = [];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'propagator-refusals-'));
  fixture = await ReliabilityFixture.open(1);
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await PropagatorProcess.killAll();
  await fixture.close();
  rmSync(folder, { recursive: true });
});

const begin = () =>
  new PropagatorProcess({ PROPAGATOR_DATA: join(folder, 'data') }, fixture.cloud.credentials);
/** The output of a refused start: one line with the error, and one with the advice. */
const lines = (stderr: string) => stderr.trimEnd().split('\n');

it('a second process on the same folder ends with one error, and the first continues', async () => {
  const first = begin();
  await first.ready();
  const { code, stderr } = await begin().ended;
  expect(code).not.toBe(0);
  expect(lines(stderr)).toHaveLength(2);
  expect(lines(stderr)[0]).toBe(
    `propagator: The data folder ${join(folder, 'data')} is in use by process ${first.pid}.`,
  );
  expect((await fetch(`${first.api}/healthz`)).status).toBe(200);
});

it('a database without PG_VERSION is refused with one error, and the advice of the error works', async () => {
  const first = begin();
  await first.ready();
  await first.end('SIGTERM');
  const file = join(folder, 'data', 'postgres', 'PG_VERSION');
  rmSync(file);
  const { code, stderr } = await begin().ended;
  expect(code).not.toBe(0);
  expect(lines(stderr)).toHaveLength(2);
  expect(lines(stderr)[0]).toContain(`${file} is missing`);
  expect(lines(stderr)[1]).toContain('propagator start --begin-empty');
  const next = new PropagatorProcess(
    { PROPAGATOR_DATA: join(folder, 'data') },
    fixture.cloud.credentials,
    {},
    ['--begin-empty'],
  );
  await next.ready();
});

it('SIGTERM stops the removals within a second while clients keep connections open', async () => {
  const before = fixture.others();
  let running = begin();
  fixture.processes[0] = running;
  await fixture.recorded(running);
  const port = Number(new URL(await running.ready()).port);
  sockets.push(await connectTo(port), await connectTo(port));
  sockets[1]?.write(
    'POST /v1/notifications HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 1000\r\n\r\n',
  );
  const targets = fixture.targets(2);
  fixture.cloud.calls.length = 0;
  await fixture.deleteInKeystone(targets);
  await until('the first removals', () => fixture.removals() > 10, 150);
  const message = performance.now();
  const ended = running.end('SIGTERM');
  await delay(1000);
  const after = fixture.removals();
  expect(await ended).toMatchObject({ code: 0, signal: null });
  const seconds = (performance.now() - message) / 1000;
  console.log(`SIGTERM: ended after ${seconds.toFixed(1)} s`);
  expect(seconds).toBeLessThan(15);
  expect(fixture.removals()).toBe(after);
  expect(fixture.left(targets).length).toBeGreaterThan(0);
  running = begin();
  fixture.processes[0] = running;
  await fixture.finished(targets);
  await fixture.verify(targets, before);
});
