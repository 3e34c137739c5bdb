import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Message } from '../../events/index.ts';
import type { WorkerEngine } from '../../lib/engine/port.ts';
import { openPostgresEngine } from '../../lib/engine/postgres/open.ts';
import { sweepAccounts } from '../../lib/handlers/sweep.ts';
import { syncInventory } from '../../lib/handlers/sync-inventory.ts';
import { createLogger } from '../../lib/shared/log.ts';
import { domain, FakeKeystone, project, role, user } from '../unit/account/ingest-fixture.ts';
import { QUICK_RETRY, until } from './engine-store.ts';

let folder: string;
let engine: WorkerEngine;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'propagator-sweep-'));
  engine = await openPostgresEngine({ dataFolder: folder, retry: QUICK_RETRY });
});
afterEach(async () => {
  await engine.close();
  rmSync(folder, { recursive: true });
});

it('With a real store, the sweep finds deletions that had no notification, and holds those above the limit', async () => {
  const keystone = new FakeKeystone();
  keystone.put(domain('d1'));
  keystone.put(user('u1'));
  for (let n = 0; n < 20; n += 1) keystone.put(project(`p${n}`));
  keystone.roles.push(role('p1', 'u1'));
  let time = 1_000_000;
  const deps = {
    engine,
    keystone,
    log: createLogger('silent'),
    mode: 'enforce',
    gracePeriodMillis: 0,
    protectedIds: { projects: [], domains: [] },
    now: () => time,
  } as const;
  await syncInventory(deps);
  const received: Message[] = [];
  await engine.work('coordinate', { concurrency: 1 }, async (deliveries) => {
    received.push(...deliveries.map(({ message }) => message));
  });

  time += 60_000;
  keystone.remove('project', 'p1');
  keystone.enable('project', 'p2', false);
  expect(await sweepAccounts(deps)).toMatchObject({ deleted: 1, announcedChanges: 1, held: 0 });
  await until('both events', () => received.length === 2);
  expect(received.map(({ type }) => type).toSorted()).toEqual([
    'account.project.deleted',
    'account.project.disabled',
  ]);
  expect(await engine.reads.account('project', 'p1')).toMatchObject({
    deletedAt: time,
    members: ['u1'],
  });
  expect((await engine.reads.account('project', 'p2'))?.account.enabled).toBe(false);

  time += 60_000;
  for (let n = 3; n < 13; n += 1) keystone.remove('project', `p${n}`);
  expect(await sweepAccounts(deps)).toMatchObject({ deleted: 0, held: 10 });
  expect(await sweepAccounts(deps)).toMatchObject({ deleted: 0, held: 10 });
  const held = await engine.reads.operations({ state: 'held' });
  expect(held.map(({ hold }) => hold?.about)).toEqual(Array(10).fill('listing'));
  expect(received).toHaveLength(2);

  // Only one of several processes may do a sweep.
  expect(await engine.commit({ seen: ['sweep/3600000/7'] })).toBe('committed');
  expect(await engine.commit({ seen: ['sweep/3600000/7'] })).toBe('conflict');
});
