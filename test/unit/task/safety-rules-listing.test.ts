import { mergeCounts, nextRunDelaySeconds } from '../../../lib/operation/counts.ts';
import { PropagatorError } from '../../../lib/shared/errors.ts';
import { runProjectCleanup } from '../../../lib/task/run.ts';
import { defineService, defineType } from '../../../lib/task/service.ts';
import { deleted, Simulation, TARGET } from '../../property/simulation.ts';
import { contextOf } from './context.ts';
import {
  CONFIRMATION,
  errorOfClass,
  type Row,
  removeRow,
  rowsOf,
  runCleanup,
  runCleanupAfterEmptySnapshots,
  storageService,
} from './safety-rules-fixture.ts';

describe('safety rule "Not listed is not empty"', () => {
  it.each(['Transient', 'Denied', 'Unexpected', 'Gone', 'Poison'] as const)(
    'a listing that fails as %s does not finish a task',
    async (errorClass) => {
      const report = await runCleanup(
        storageService([], [], removeRow, () => Promise.reject(errorOfClass(errorClass))),
      );
      expect(report.outcome.kind).not.toBe('finished');
      expect(report.counts).toEqual({});
    },
  );
  it('an API that does not exist counts as empty, and is reported', async () => {
    const report = await runCleanup(
      storageService([], [], removeRow, () => Promise.reject(errorOfClass('Unsupported'))),
    );
    expect(report.outcome.kind).toBe('finished');
    expect(report.conditions.map(({ message }) => message)).toEqual(['skipped: no', 'skipped: no']);
  });
  it('a plain 405 of a proxy does not mean that the API does not exist', async () => {
    const proxy = new PropagatorError({
      code: 'storage.http.405',
      class: 'Unsupported',
      message: 'no',
      advice: 'see',
      status: 405,
    });
    expect(
      (await runCleanup(storageService([], [], removeRow, () => Promise.reject(proxy)))).outcome
        .kind,
    ).toBe('failed');
  });
  it('a service without a supported version is unreachable, and the operation ends as unverified', async () => {
    const simulation = new Simulation({
      resources: [1, 1, 1],
      lingers: 0,
      failures: 0,
      failWith: 'Transient',
    });
    const deps = simulation.deps;
    const api: typeof deps.cloud.api = (service, region) =>
      service.name === 'middle'
        ? Promise.reject(errorOfClass('Unsupported'))
        : deps.cloud.api(service, region);
    await simulation.engine.commit({ messages: [deleted(TARGET)] });
    await simulation.settle({ ...deps, cloud: { ...deps.cloud, api } });
    expect([...simulation.engine.operations.values()].map(({ state }) => state)).toEqual([
      'unverified',
    ]);
    expect([...simulation.engine.tasks.values()].map(({ state }) => state)).toEqual([
      'finished',
      'unreachable',
      'finished',
    ]);
  });
  it('keeps the last known counts of a resource type that can no longer be listed', () => {
    const before = { 'storage.snapshot': { found: 5, removed: 2, left: 3 } };
    expect(mergeCounts(before, {})).toEqual(before);
  });
});

describe('safety rule "List again before finished"', () => {
  it('does not finish after a 202 or 204 while the resource is still listed', async () => {
    for (const answer of [{ kind: 'accepted' }, { kind: 'gone' }] as const) {
      const snapshots = rowsOf(TARGET);
      const report = await runCleanup(storageService(snapshots, [], async () => answer));
      expect(report.outcome.kind).toBe('again');
      expect(snapshots).toHaveLength(1);
    }
  });
  it('finishes after a listing that is empty after the removals', async () => {
    let listings = 0;
    const snapshots = rowsOf(TARGET, TARGET);
    const report = await runCleanup(
      storageService(snapshots, [], removeRow, async (all) => {
        listings += 1;
        return [...all];
      }),
    );
    expect(report.outcome.kind).toBe('finished');
    expect(listings).toBe(4);
    expect(Object.fromEntries(Object.entries(report.counts))['storage.snapshot']).toEqual({
      listed: 2,
      gone: 2,
      left: 0,
    });
  });
  it('does not list a verified empty type during the removals, and lists it again before it finishes', async () => {
    const [snapshots, volumes] = [rowsOf(TARGET), rowsOf(TARGET)];
    const listed: string[] = [];
    const service = storageService(snapshots, volumes, removeRow, async (all) => {
      listed.push(all === snapshots ? 'snapshots' : 'volumes');
      return [...all];
    });
    // The snapshot was created after phase plan. The volume is removed first, and the last listing finds
    // the snapshot.
    const report = await runCleanupAfterEmptySnapshots(service);
    expect(listed[0]).toBe('volumes');
    expect(report.outcome.kind).toBe('finished');
    expect([snapshots, volumes]).toEqual([[], []]);
    expect(listed.slice(-2).sort()).toEqual(['snapshots', 'volumes']);
  });
  it('does not finish while a skipped resource type still has a resource', async () => {
    const snapshots = rowsOf(TARGET);
    const service = storageService(snapshots, [], async () => ({ kind: 'accepted' }));
    const report = await runCleanupAfterEmptySnapshots(service);
    expect(report.outcome.kind).toBe('again');
    expect(snapshots).toHaveLength(1);
  });
});

describe('safety rule "Slow is not failed"', () => {
  it('requests runs with growing delays, and counts none of them as failed', async () => {
    const report = await runCleanup(
      storageService(rowsOf(TARGET), [], async () => ({ kind: 'accepted' })),
    );
    expect(report.outcome).toEqual({ kind: 'again', afterSeconds: 0, error: undefined });
    const waits = [0, 10, 60, 600, 6000].map((idle) =>
      nextRunDelaySeconds({ progressAt: 0, conditions: [] }, idle * 1000, 0),
    );
    expect(waits).toEqual([0.4, 2.5, 15, 60, 60]);
    expect(nextRunDelaySeconds({ progressAt: 0, conditions: [] }, 0, 17)).toBe(17);
  });
  it('reports each stuck resource, its age, and the actor that can help', async () => {
    const report = await runCleanup(
      storageService(rowsOf(TARGET), [], async () => ({ kind: 'accepted', stuckSince: 77 })),
    );
    expect(report.conditions).toEqual([
      expect.objectContaining({
        since: 77,
        actor: 'operator',
        resourceType: 'storage.snapshot',
        example: 'r0',
      }),
    ]);
  });
});

describe('safety rule "Workloads before their guards"', () => {
  it('removes no volume while a snapshot depends on it', async () => {
    const [snapshots, volumes] = [rowsOf(TARGET), rowsOf(TARGET)];
    const report = await runCleanup(
      storageService(snapshots, volumes, async (all, row) =>
        all === snapshots ? { kind: 'accepted' } : removeRow(all, row),
      ),
    );
    expect(volumes).toHaveLength(1);
    expect(Object.keys(report.counts)).toEqual(['storage.snapshot']);
    expect(report.outcome.kind).toBe('again');
  });
  it('removes no volume while the snapshots cannot be listed', async () => {
    const volumes = rowsOf(TARGET);
    const snapshots: Row[] = [];
    await runCleanup(
      storageService(snapshots, volumes, removeRow, (all) =>
        all === snapshots ? Promise.reject(errorOfClass('Transient')) : Promise.resolve([...all]),
      ),
    );
    expect(volumes).toHaveLength(1);
  });
});

describe('safety rule "One stuck project stops no other"', () => {
  it('continues if one resource type cannot be listed, or one resource cannot be removed', async () => {
    const [snapshots, volumes] = [rowsOf(TARGET, TARGET, TARGET), rowsOf(TARGET)];
    const service = defineService({
      name: 'storage',
      catalogTypes: ['storage'],
      resourceTypes: [
        defineType<Row>({
          name: 'volume',
          list: () => Promise.reject(errorOfClass('Transient')),
          id: ({ id }) => id,
          owner: ({ owner }) => owner,
          remove: (row) => removeRow(volumes, row),
        }),
        defineType<Row>({
          name: 'snapshot',
          list: async () => [...snapshots],
          id: ({ id }) => id,
          owner: ({ owner }) => owner,
          remove: (row) =>
            row.id === 'r1'
              ? Promise.reject(errorOfClass('Unexpected'))
              : removeRow(snapshots, row),
        }),
      ],
    });
    const report = await runCleanup(service);
    expect(snapshots.map(({ id }) => id)).toEqual(['r1']);
    expect(report.outcome).toMatchObject({ kind: 'failed', error: { code: 'storage.Unexpected' } });
  });
  it('makes no further removals in a service that has refused one', async () => {
    let asked = 0;
    const report = await runProjectCleanup({
      service: storageService(rowsOf(...Array.from({ length: 50 }, () => TARGET)), [], () => {
        asked += 1;
        return Promise.reject(errorOfClass('Denied'));
      }),
      context: contextOf(),
      phase: 'apply',
      confirmation: CONFIRMATION,
      deadline: 60_000,
      concurrency: 2,
    });
    expect(report.outcome).toMatchObject({ kind: 'failed', error: { class: 'Denied' } });
    expect(asked).toBeLessThanOrEqual(2);
  });
});
