import { trove as troveService } from '../../../lib/services/trove.ts';
import { trove } from '../../cloud/documented/trove.ts';
import { troveOf } from '../../cloud/documented/trove-rows.ts';
import { dependentsOf } from '../../dependencies.ts';
import { testServiceContract } from './service-contract.ts';
import {
  CONFIGURATIONS,
  callsOf,
  instanceNamed,
  left,
  openTroveForEachTest,
  preDelete,
  tables,
  timed,
  UNREACHABLE,
} from './trove-fixture.ts';

testServiceContract(troveService, {
  with: [trove],
  role: 'member',
  ownerInRow: false,
  // The fake never ends a build, and suspend waits for its end.
  prepare({ rehearsal: { state } }) {
    for (const row of troveOf(state).instances.all())
      if (row.task === 'BUILDING') row.task = 'NONE';
  },
});

openTroveForEachTest();

const sideEffects = () => timed.fixture.rehearsal.state.sideEffects;

describe('the cleanup of a deleted project in Trove', () => {
  it('removes all types except configuration groups, whose owner can no longer be listed', async () => {
    await timed.fixture.deleteProject();
    expect((await timed.applyUntilEnd(troveService)).outcome).toEqual(UNREACHABLE);
    expect(left()).toEqual(CONFIGURATIONS);
    expect(timed.controlsAreUntouched).toBe(true);
  });

  it('never reads limits, because that creates rows', async () => {
    await timed.applyUntilEnd(troveService);
    expect(sideEffects()).not.toContain('rows of usage were made by looking at limits');
    expect(callsOf('GET', /quotas/)).toEqual([]);
  });

  it('keeps the data of backups in Swift, whose cleanup runs later', async () => {
    await timed.applyUntilEnd(troveService);
    expect(left('backup')).toEqual([]);
    expect(sideEffects()).toContain('the data of backup full were left in Swift');
    expect(dependentsOf(troveService)).toEqual(
      expect.arrayContaining(['neutron', 'swift', 'nova', 'cinder']),
    );
  });

  it('changes no resource whose owner the list does not show, and is not finished', async () => {
    const before = left().filter((resource) => !resource.startsWith('trove.configuration'));
    timed.fixture.rehearsal.faults.inject({
      service: 'trove',
      method: 'GET',
      effect: { does: 'drop-owner' },
    });
    const report = await timed.applyUntilEnd(troveService);
    expect(report.outcome.kind).toBe('again');
    const ownerless = report.conditions
      .filter(({ class: of, actor }) => of === 'Blocked' && actor === 'operator')
      .map(({ resourceType }) => resourceType);
    expect([...new Set(ownerless)].sort()).toEqual(
      ['backup', 'backup-strategy', 'cluster', 'instance', 'module'].map(
        (resourceType) => `trove.${resourceType}`,
      ),
    );
    expect((await preDelete('member')).outcome.kind).toBe('again');
    expect(left().filter((resource) => !resource.startsWith('trove.configuration'))).toEqual(
      before,
    );
    expect(timed.controlsAreUntouched).toBe(true);
  });

  it('lists all pages, of 20 rows or more, by the number of rows or by the last id', async () => {
    const like = instanceNamed('stopped');
    const config = tables().configurations.where((row) => row.tenant_id === timed.project)[0];
    for (let n = 0; n < 2050; n += 1)
      tables().instances.add({ ...like, id: `instance-${n}`, name: `instance-${n}` });
    for (let n = 0; n < 70; n += 1)
      if (config)
        tables().configurations.add({
          ...config,
          id: `configuration-${n}`,
          name: `configuration-${n}`,
        });
    expect((await timed.run(troveService, 'plan')).counts).toMatchObject({
      'trove.instance': { listed: 2057 },
    });
    expect((await preDelete('member')).outcome).toEqual({ kind: 'finished' });
    expect(left()).toEqual([]);
    expect(timed.controlsAreUntouched).toBe(true);
  });
});

describe('the cleanup of an existing project in Trove', () => {
  it('deletes with the token of the project, so that the data of backups are removed, too', async () => {
    expect((await preDelete('member')).outcome).toEqual({ kind: 'finished' });
    expect(left()).toEqual([]);
    expect(sideEffects()).toEqual([]);
    expect(timed.controlsAreUntouched).toBe(true);
  });

  it('removes no configuration group with a token of an administrator, which lists those of all projects', async () => {
    const report = await preDelete('admin');
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(left()).toEqual(CONFIGURATIONS);
    expect(report.conditions).toMatchObject([
      {
        resourceType: 'trove.configuration',
        class: 'Unsupported',
        actor: 'operator',
        message: expect.stringContaining('of all projects'),
      },
    ]);
    expect(timed.controlsAreUntouched).toBe(true);
  });

  it('reports no configuration groups if the cloud has none', async () => {
    for (const row of tables().configurations.all()) tables().configurations.delete(row.id);
    timed.rememberControls();
    const report = await preDelete('admin');
    expect(report).toMatchObject({ outcome: { kind: 'finished' }, conditions: [] });
  });

  it('keeps a configuration group while an instance uses it', async () => {
    const source = instanceNamed('source');
    timed.fixture.rehearsal.faults.inject({
      service: 'trove',
      method: 'DELETE',
      path: new RegExp(`instances/${source.id}`),
      effect: { does: 'answer', status: 500 },
    });
    const report = await preDelete('member');
    expect(report.outcome.kind).toBe('again');
    expect(left()).toEqual([
      'trove.configuration tuned',
      'trove.instance source',
      'trove.module licence',
    ]);
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        resourceType: 'trove.configuration',
        class: 'Blocked',
        message: expect.stringContaining('associated with'),
      }),
    );
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        resourceType: 'trove.module',
        class: 'Blocked',
        message: expect.stringContaining('applied to'),
      }),
    );
    timed.fixture.rehearsal.faults.clear();
    expect((await preDelete('member')).outcome).toEqual({ kind: 'finished' });
    expect(left()).toEqual([]);
  });
});
