import { jest } from '@jest/globals';
import * as z from 'zod';
import {
  allResourceStatesOf,
  customerOf,
  newProjectIn,
  PROVISIONED,
  provisionedIn,
  rehearsalCloud,
  setEnabledIn,
  TRIAL_POLICY,
} from '../aws/cloud.ts';
import type { RehearsalCloud } from '../cloud/cloud.ts';
import { type Started, startPropagator } from '../cloud/propagator.ts';
import { until } from './engine-store.ts';
import { type Postgresql, startPostgresql } from './postgresql.ts';

jest.setTimeout(600_000);

describe('suspend, resume and provision on a PostgreSQL server', () => {
  let postgresql: Postgresql;
  let databaseUrl: string;
  let cloud: RehearsalCloud;
  let started: Started;
  beforeAll(async () => {
    postgresql = await startPostgresql();
    databaseUrl = await postgresql.createDatabase();
    cloud = await rehearsalCloud();
    started = await start();
  });
  afterAll(async () => {
    await started?.stop();
    await cloud?.close();
    await postgresql?.stop();
  });

  const start = () =>
    startPropagator(
      cloud,
      { DATABASE_URL: databaseUrl, PROPAGATOR_TOKEN_CACHE_TIME: '1s' },
      TRIAL_POLICY,
    );
  const reads = () => started.propagator.engine.reads;
  const notify = (notification: string) =>
    started.client.post('/v1/notifications', JSON.parse(notification), z.unknown());
  const ended = (project: string, action: string) =>
    until(
      `the end of ${action}`,
      async () => {
        const all = await reads().operationsAbout('project', project);
        return all.some((one) => one.action === action && one.state === 'finished');
      },
      240,
    );

  it('restores the exact state of before a suspension by another process, and changes no other project', async () => {
    const [target, control] = [customerOf(cloud, 'trial-one'), customerOf(cloud, 'trial-two')];
    for (const { created } of [target, control]) await notify(created);
    await until(
      'the record of the project',
      async () => (await reads().account('project', target.id)) !== undefined,
      60,
    );
    const [before, untouched] = [
      allResourceStatesOf(cloud, target.id),
      allResourceStatesOf(cloud, control.id),
    ];
    await notify(await setEnabledIn(cloud, target.id, false));
    await ended(target.id, 'suspend');
    const suspended = allResourceStatesOf(cloud, target.id);
    expect(suspended.servers.filter((row) => row.vm_state === 'active')).toEqual([]);
    expect(JSON.stringify(before.swift)).toContain('.r:*');
    expect(JSON.stringify(suspended.swift)).not.toContain('.r:*');
    expect(await reads().documents('suspension', target.id)).not.toEqual([]);
    await started.stop();
    started = await start();
    await notify(await setEnabledIn(cloud, target.id, true));
    await ended(target.id, 'resume');
    expect(allResourceStatesOf(cloud, target.id)).toEqual(before);
    expect(allResourceStatesOf(cloud, control.id)).toEqual(untouched);
    expect(await reads().documents('suspension', target.id)).toEqual([]);
  });

  it('provisions new projects without duplicates while two processes share the work, also after one stops', async () => {
    const other = await start();
    try {
      const projects = ['new-one', 'new-two', 'new-three'].map((name) => newProjectIn(cloud, name));
      const control = newProjectIn(cloud, 'other');
      const untouched = provisionedIn(cloud, control.id);
      // Both processes receive each notification.
      for (const { created } of [...projects, control]) {
        await notify(created);
        await other.client.post('/v1/notifications', JSON.parse(created), z.unknown());
      }
      await until(
        'the first network',
        async () =>
          projects.some(({ id }) => provisionedIn(cloud, id).networks.includes('default')),
        60,
      );
      await other.stop();
      for (const { id } of projects) await ended(id, 'provision');
      for (const { id } of projects) expect(provisionedIn(cloud, id)).toEqual(PROVISIONED);
      const [first] = projects;
      const id = first?.id ?? '';
      const again = await started.client.post(
        `/v1/projects/${id}/provision`,
        { reason: 'once more' },
        z.looseObject({ opened: z.string() }),
      );
      await until(
        'the second provision',
        async () => {
          const all = await reads().operationsAbout('project', id);
          return all.some((one) => one.id === again.opened && one.state === 'finished');
        },
        240,
      );
      expect(provisionedIn(cloud, id)).toEqual(PROVISIONED);
      expect(provisionedIn(cloud, control.id)).toEqual(untouched);
      expect(await reads().operationsAbout('project', control.id)).toEqual([]);
    } finally {
      await other.stop();
    }
  });
});
