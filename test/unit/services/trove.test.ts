import { trove as troveService } from '../../../lib/services/trove.ts';
import type { RunReport } from '../../../lib/task/run.ts';
import type { ProjectContext } from '../../../lib/task/service.ts';
import { trove } from '../../cloud/documented/trove.ts';
import { type Backup, type Instance, troveOf } from '../../cloud/documented/trove-rows.ts';
import { dependentsOf } from '../../dependencies.ts';
import { testServiceContract } from './service-contract.ts';
import { TimedFixture } from './timed-fixture.ts';

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

const MINUTE = 60_000;
let timed: TimedFixture;
beforeEach(async () => {
  timed = await TimedFixture.open({ with: [trove], durations: { documented: 5000 } });
});
afterEach(() => timed.fixture.close());

const tables = () => troveOf(timed.fixture.rehearsal.state);
const left = (resourceType?: string): string[] =>
  timed.fixture
    .left('trove')
    .filter(
      (resource) => resourceType === undefined || resource.startsWith(`trove.${resourceType} `),
    )
    .sort();
const sideEffects = () => timed.fixture.rehearsal.state.sideEffects;
const instanceNamed = (name: string, owner = timed.project): Instance => {
  const [row] = tables().instances.where((one) => one.name === name && one.tenant_id === owner);
  if (!row) throw new TypeError(`no instance ${name}`);
  return row;
};
const backupNamed = (name: string, owner = timed.project): Backup => {
  const [row] = tables().backups.where((one) => one.name === name && one.tenant_id === owner);
  if (!row) throw new TypeError(`no backup ${name}`);
  return row;
};
const calls = (method: string, path: RegExp) =>
  timed.fixture.rehearsal.calls.filter(
    (call) => call.service === 'trove' && call.method === method && path.test(call.path),
  );
/** After the deletion of the project configuration groups cannot be listed; the rest is removed. */
const UNREACHABLE = {
  kind: 'unreachable',
  because: expect.stringContaining('configuration groups'),
};
const CONFIGURATIONS = ['trove.configuration tuned', 'trove.configuration unused'];
/** Runs on the existing project, ten seconds apart. */
const preDelete = async (role: string, more: Partial<ProjectContext> = {}): Promise<RunReport> => {
  await timed.fixture.grantCleaner(role);
  for (let runs = 1; ; runs += 1) {
    const report = await timed.fixture.preDelete(troveService, {
      now: () => timed.clock.now(),
      ...more,
    });
    if (report.outcome.kind !== 'again' || runs === 12) return report;
    timed.clock.advance(10_000);
  }
};

describe('Trove, emptied after the project is deleted', () => {
  it('removes everything but configuration groups, whose owner cannot be listed any more', async () => {
    await timed.fixture.deleteProject();
    expect((await timed.empty(troveService)).outcome).toEqual(UNREACHABLE);
    expect(left()).toEqual(CONFIGURATIONS);
    expect(timed.controlsAreUntouched).toBe(true);
  });

  it('never reads limits, because that creates rows', async () => {
    await timed.empty(troveService);
    expect(sideEffects()).not.toContain('rows of usage were made by looking at limits');
    expect(calls('GET', /quotas/)).toEqual([]);
  });

  it('leaves the data of backups to Swift, which is emptied later', async () => {
    await timed.empty(troveService);
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
    const report = await timed.empty(troveService);
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

describe('Trove, emptied while the project lives', () => {
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
    timed.remember();
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

describe('Instances of Trove', () => {
  it('are removed after their replicas, and members only with their cluster, without refused calls', async () => {
    await timed.empty(troveService);
    expect(left('instance')).toEqual([]);
    expect(calls('DELETE', /\/instances\//).filter(({ status }) => status >= 400)).toEqual([]);
    for (const name of ['member-0', 'member-1'])
      expect(calls('DELETE', new RegExp(instanceNamed(name).id))).toEqual([]);
    expect(calls('DELETE', /\/clusters\//)).toHaveLength(1);
  });

  it('are left for an hour in state BUILD, and are then reset and deleted', async () => {
    const row = instanceNamed('half-built');
    row.updated = timed.clock.now();
    const report = await timed.empty(troveService);
    expect(report.outcome.kind).toBe('again');
    expect(left('instance')).toEqual(['trove.instance half-built']);
    expect(report.conditions).toContainEqual(
      expect.objectContaining({ class: 'Blocked', actor: 'none', example: row.id }),
    );
    timed.clock.advance(61 * MINUTE);
    expect((await timed.empty(troveService)).outcome).toEqual(UNREACHABLE);
    expect(left('instance')).toEqual([]);
  });

  it('are deleted again and reported if their deletion hangs', async () => {
    const row = instanceNamed('stopped');
    Object.assign(row, { task: 'DELETING', updated: timed.clock.now() });
    await timed.empty(troveService);
    expect(left('instance')).toEqual(['trove.instance stopped']);
    expect(calls('DELETE', new RegExp(row.id))).toEqual([]);
    timed.clock.advance(16 * MINUTE);
    const since = row.updated;
    const report = await timed.run(troveService);
    expect(report.conditions).toContainEqual(
      expect.objectContaining({ class: 'InProgress', actor: 'operator', example: row.id, since }),
    );
    expect((await timed.empty(troveService)).outcome).toEqual(UNREACHABLE);
  });

  it('are left to the operator if they are members of a deleted cluster', async () => {
    const row = instanceNamed('stopped');
    row.cluster_id = 'gone';
    const report = await timed.empty(troveService);
    expect(left('instance')).toEqual(['trove.instance stopped']);
    expect(report.conditions).toContainEqual(
      expect.objectContaining({ class: 'Blocked', actor: 'operator', example: row.id }),
    );
  });

  it('are removed after a replica that was created meanwhile, although Trove answers 403', async () => {
    timed.fixture.rehearsal.faults.inject({
      service: 'trove',
      method: 'DELETE',
      path: /\/instances\//,
      times: 1,
      effect: {
        does: 'answer',
        status: 403,
        message: 'Detach replicas before deleting replica source.',
      },
    });
    expect((await timed.run(troveService)).outcome).toMatchObject({
      kind: 'again',
      error: undefined,
    });
    timed.clock.advance(10_000);
    timed.fixture.rehearsal.faults.inject({
      service: 'trove',
      method: 'DELETE',
      path: /\/instances\//,
      times: 1,
      effect: { does: 'answer', status: 403 },
    });
    expect((await timed.run(troveService)).outcome).toMatchObject({
      kind: 'failed',
      error: { class: 'Denied' },
    });
  });
});

describe('Clusters of Trove', () => {
  const galera = () => {
    const [row] = tables().clusters.where((one) => one.tenant_id === timed.project);
    if (!row) throw new TypeError('no cluster');
    return row;
  };

  it('are left for an hour while they are busy, and are then reset and deleted with their members', async () => {
    Object.assign(galera(), { task: 'BUILDING', updated: timed.clock.now() });
    instanceNamed('member-0').task = 'BUILDING';
    const report = await timed.empty(troveService);
    expect(report.outcome.kind).toBe('again');
    expect(
      report.conditions
        .filter(({ actor }) => actor === 'none')
        .map(({ resourceType, count }) => [resourceType, count]),
    ).toEqual(
      expect.arrayContaining([
        ['trove.cluster', 1],
        ['trove.instance', 2],
      ]),
    );
    expect(left('cluster')).toEqual(['trove.cluster galera']);
    expect(left('instance')).toEqual(['trove.instance member-0', 'trove.instance member-1']);
    timed.clock.advance(61 * MINUTE);
    expect((await timed.empty(troveService)).outcome).toEqual(UNREACHABLE);
    expect(left()).toEqual(CONFIGURATIONS);
  });

  it('are reset if their deletion waits for a member that is not ready', async () => {
    instanceNamed('member-0').task = 'BUILDING';
    const report = await timed.run(troveService);
    expect(report.outcome).toMatchObject({ kind: 'again', error: undefined });
    expect(galera().task).toBe('DELETING');
    timed.clock.advance(16 * MINUTE);
    expect((await timed.empty(troveService)).outcome).toEqual(UNREACHABLE);
    expect(left()).toEqual(CONFIGURATIONS);
  });
});

describe('Backups of Trove', () => {
  it('are set to failed through their instance in the project while they run', async () => {
    await timed.run(troveService);
    expect(calls('POST', /mgmt\/instances/).map(({ path }) => path)).toEqual([
      expect.stringContaining(`/mgmt/instances/${instanceNamed('source').id}/action`),
    ]);
    expect((await timed.empty(troveService)).outcome).toEqual(UNREACHABLE);
  });

  it('do not change an instance of another project on which they run', async () => {
    const foreign = instanceNamed('half-built', timed.stranger);
    tables().backups.add({
      ...backupNamed('running'),
      id: 'of-a-foreign-instance',
      instance_id: foreign.id,
    });
    timed.remember();
    const report = await timed.empty(troveService);
    expect(left('backup')).toEqual(['trove.backup running']);
    expect(foreign.task).toBe('BUILDING');
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        class: 'Blocked',
        actor: 'operator',
        message: expect.stringContaining('it is running'),
      }),
    );
    expect(timed.controlsAreUntouched).toBe(true);
  });

  it('are kept if a backup of another project is based on them, because Trove would remove that one too', async () => {
    tables().backups.add({
      ...backupNamed('full', timed.stranger),
      id: 'foreign-child',
      parent_id: backupNamed('incremental').id,
    });
    timed.remember();
    const report = await timed.empty(troveService);
    expect(left('backup')).toEqual(['trove.backup full', 'trove.backup incremental']);
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        class: 'Blocked',
        actor: 'other-project',
        count: 2,
        message: expect.stringContaining('foreign-child'),
      }),
    );
    expect(timed.controlsAreUntouched).toBe(true);
    tables().backups.delete('foreign-child');
    expect((await timed.empty(troveService)).outcome).toEqual(UNREACHABLE);
  });

  it.each([
    ['refuses', 'Swift account not accessible'],
    ['missing', 'Swift is disabled'],
  ] as const)(
    'are not reported as removed, and stop no other type, when Swift %s',
    async (swift, words) => {
      tables().swift = swift;
      const report = await timed.empty(troveService);
      expect(report.outcome).toMatchObject({ kind: 'again', error: undefined });
      expect(left('backup')).toHaveLength(5);
      expect(left('instance')).toEqual([]);
      expect(report.conditions).toContainEqual(
        expect.objectContaining({
          resourceType: 'trove.backup',
          class: 'Blocked',
          actor: 'operator',
          message: expect.stringContaining(words),
        }),
      );
      tables().swift = 'works';
      expect((await timed.empty(troveService)).outcome).toEqual(UNREACHABLE);
      expect(left('backup')).toEqual([]);
    },
  );
});

describe('Modules of Trove', () => {
  it('are left and not reported if they apply to all projects', async () => {
    const report = await timed.empty(troveService);
    expect(tables().modules.where((row) => row.tenant_id === null)).toHaveLength(1);
    expect(left('module')).toEqual([]);
    expect(report.conditions.filter(({ resourceType }) => resourceType === 'trove.module')).toEqual(
      [],
    );
  });
});

describe('Trove, for a propagator without the admin role', () => {
  it('does not report types that it cannot list as empty', async () => {
    await timed.fixture.close();
    timed = await TimedFixture.open({ with: [trove], adminRoles: ['member', 'reader'] });
    const before = left();
    expect(before).not.toEqual([]);
    expect(await timed.empty(troveService)).toMatchObject({
      outcome: { kind: 'failed', error: { class: 'Denied' } },
    });
    expect(left()).toEqual(before);
    expect(timed.controlsAreUntouched).toBe(true);
  });
});

describe('Trove since 2023.2, which answers 500 to the list of modules of an administrator', () => {
  beforeEach(() => {
    tables().moduleListing = 'broken';
  });
  const memberApi = () =>
    timed.fixture.cloud.api(troveService, 'RegionOne', timed.fixture.project, 'member');
  const controlled = (): boolean => timed.fixture.controlsAreUntouched;

  it('counts the other types, and reports that no token lists modules', async () => {
    const report = await timed.fixture.plan(troveService, { now: () => timed.clock.now() });
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.counts).toMatchObject({ 'trove.instance': { listed: 7 } });
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        class: 'Unsupported',
        actor: 'operator',
        resourceType: 'trove.module',
        message: expect.stringContaining('answers 500 when an administrator lists modules'),
      }),
    );
  });

  it('is emptied except for modules and configuration groups after the project is deleted', async () => {
    await timed.fixture.deleteProject();
    const report = await timed.empty(troveService);
    expect(report.outcome).toMatchObject({
      kind: 'unreachable',
      because: expect.stringContaining('lists modules'),
    });
    expect(left()).toEqual([...CONFIGURATIONS, 'trove.module licence', 'trove.module ping']);
    expect(controlled()).toBe(true);
  });

  it('does not recognize this fault if Trove answers 500 to every call', async () => {
    timed.fixture.rehearsal.faults.inject({
      service: 'trove',
      method: 'GET',
      effect: { does: 'answer', status: 500 },
    });
    const report = await timed.run(troveService);
    expect(report.outcome).toMatchObject({ kind: 'again', error: { class: 'Transient' } });
    expect(left('module')).toHaveLength(2);
  });

  it('is emptied completely while the project exists, with a token of a member', async () => {
    expect((await preDelete('admin', { memberApi })).outcome).toEqual({ kind: 'finished' });
    expect(left()).toEqual([]);
    expect(controlled()).toBe(true);
    const { applicationCredentials } = timed.fixture.rehearsal.state.identity;
    const made = applicationCredentials.where(({ name }) => name.startsWith('keystone-propagator'));
    // The service logs in once for all calls, on that project and with that role alone.
    expect(made).toEqual([
      expect.objectContaining({ project_id: timed.project, roles: ['member'] }),
    ]);
  });

  it('leaves configuration groups if Keystone gives no token of a member', async () => {
    timed.fixture.rehearsal.faults.inject({
      service: 'keystone',
      method: 'POST',
      path: /application_credentials/,
      effect: { does: 'answer', status: 403 },
    });
    const report = await preDelete('admin', { memberApi });
    expect(report.outcome).toMatchObject({ kind: 'unreachable' });
    expect(left()).toEqual([...CONFIGURATIONS, 'trove.module licence', 'trove.module ping']);
    expect(controlled()).toBe(true);
  });
});

describe('an instance in BUILD of an existing project', () => {
  const memberApi = () =>
    timed.fixture.cloud.api(troveService, 'RegionOne', timed.fixture.project, 'member');

  it('is waited for at most five minutes, and is removed after the deletion of the project', async () => {
    const row = instanceNamed('half-built');
    row.updated = timed.clock.now();
    const first = await preDelete('admin', { memberApi });
    expect(first.outcome.kind).toBe('again');
    timed.clock.advance(5 * MINUTE);
    const report = await preDelete('admin', { memberApi });
    expect(report.outcome).toEqual({ kind: 'finished' });
    // It is reported, and counted as left.
    expect(report.counts).toMatchObject({ 'trove.instance': { left: 1 } });
    expect(report.conditions).toContainEqual(
      expect.objectContaining({ class: 'Blocked', actor: 'none', example: row.id }),
    );
    expect(left()).toEqual(['trove.instance half-built']);
    await timed.fixture.deleteProject();
    timed.clock.advance(61 * MINUTE);
    expect((await timed.empty(troveService)).outcome).toEqual(UNREACHABLE);
    expect(left()).toEqual([]);
    expect(timed.fixture.controlsAreUntouched).toBe(true);
  });
});
