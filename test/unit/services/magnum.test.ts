import { ServiceName, UserId } from '../../../events/ids.ts';
import { magnum as magnumService } from '../../../lib/services/magnum.ts';
import { type RunReport, runUserCleanup } from '../../../lib/task/run.ts';
import { Confirmation } from '../../../lib/task/safety-rules.ts';
import type { ProjectContext } from '../../../lib/task/service.ts';
import { magnum } from '../../cloud/documented/magnum.ts';
import { type Cluster, magnumOf, type Template } from '../../cloud/documented/magnum-rows.ts';
import { createService, type Documented, Routes } from '../../cloud/documented.ts';
import { dependentsOf } from '../../dependencies.ts';
import { testServiceContract } from './service-contract.ts';
import { TimedFixture } from './timed-fixture.ts';

testServiceContract(magnumService, { with: [magnum] });

/** Stacks of Heat that are still being deleted, by project. */
const stacks = new Map<string, { id: string; stack_status: string }[]>();
const heat: Documented = {
  name: 'heat',
  endpoint: { type: 'orchestration', path: '/v1/%(project_id)s' },
  open: (state) => ({
    ...createService(state, {
      name: 'heat',
      routes: new Routes().on('GET', '/v1/:project/stacks', (call) => ({
        status: 200,
        json: { stacks: stacks.get(call.query.get('tenant') ?? '') ?? [...stacks.values()].flat() },
      })),
    }),
    seed: () => undefined,
  }),
};

const MINUTE = 60_000;
let timed: TimedFixture;
beforeEach(async () => {
  stacks.clear();
  timed = await TimedFixture.open({ with: [magnum, heat], durations: { documented: 5000 } });
});
afterEach(() => timed.fixture.close());

const tables = () => magnumOf(timed.fixture.rehearsal.state);
const left = (): string[] => timed.fixture.left('magnum').sort();
const clusterNamed = (name: string, owner = timed.project): Cluster => {
  const [row] = tables().clusters.where((one) => one.name === name && one.project_id === owner);
  if (!row) throw new TypeError(`no cluster ${name}`);
  return row;
};
const templateNamed = (name: string, owner = timed.project): Template => {
  const [row] = tables().templates.where((one) => one.name === name && one.project_id === owner);
  if (!row) throw new TypeError(`no template ${name}`);
  return row;
};
const deletionsOf = (id: string): number =>
  timed.fixture.rehearsal.calls.filter(
    ({ method, path }) => method === 'DELETE' && path.endsWith(id),
  ).length;
const apiOf: ProjectContext['apiOf'] = async (name) =>
  timed.fixture.cloud.api(
    {
      ...magnumService,
      name: ServiceName.parse('heat'),
      catalogTypes: name === 'heat' ? ['orchestration'] : [],
    },
    'RegionOne',
  );
const run = () => timed.run(magnumService, 'apply', { apiOf });
const cleanUp = () => timed.applyUntilEnd(magnumService, { apiOf });
const preDelete = async (more: Partial<ProjectContext> = {}) =>
  timed.fixture.preDelete(magnumService, { now: () => timed.clock.now(), ...more });

/** One run for a deleted user. */
const runForDeletedUser = async (user: UserId): Promise<RunReport> => {
  const {
    project: _project,
    members: _members,
    ...context
  } = await timed.fixture.context(magnumService);
  return runUserCleanup({
    service: magnumService,
    context: { ...context, user, userName: 'leaver', projects: [] },
    phase: 'apply',
    confirmation: Confirmation.fromAnswers(user, [0, 5000], 5000),
    deadline: Date.now() + 60_000,
  });
};

describe('the cleanup of an existing project in Magnum', () => {
  it('runs in phase pre-delete, before Heat and the services of the resources in clusters', () => {
    expect(magnumService.preDelete).toBe(true);
    expect(dependentsOf(magnumService)).toEqual(
      expect.arrayContaining(['heat', 'octavia', 'neutron', 'cinder', 'nova', 'barbican']),
    );
  });

  it('deletes clusters with the token of the project, so that Heat finds by name the resources to delete', async () => {
    await timed.fixture.grantCleaner();
    for (let runs = 0; runs < 6; runs += 1) {
      await preDelete();
      timed.clock.advance(10_000);
    }
    expect((await preDelete()).outcome).toEqual({ kind: 'finished' });
    expect(left()).toEqual([]);
    expect(timed.fixture.rehearsal.state.sideEffects).toEqual([]);
    expect(timed.controlsAreUntouched).toBe(true);
  });
});

describe('the cleanup of a deleted project in Magnum', () => {
  const KEPT_BY_CAPI = [
    'magnum.cluster cluster-api',
    'magnum.cluster-template kubernetes',
    'magnum.quota quota',
  ];

  it('repeats a deletion that hangs after the stack is gone, and is not finished while a cluster of Cluster API remains', async () => {
    await timed.fixture.deleteProject();
    const report = await cleanUp();
    expect(report.outcome).toMatchObject({ kind: 'again', error: undefined });
    // The deletion is accepted, the stacks are gone, and Magnum cannot use its trusts to read them.
    expect(left()).toHaveLength(6);
    timed.clock.advance(31 * MINUTE);
    await run();
    const after = await run();
    expect(left()).toEqual(KEPT_BY_CAPI);
    expect(after.outcome).toMatchObject({ kind: 'again' });
    expect(after.conditions).toContainEqual(
      expect.objectContaining({
        class: 'InProgress',
        actor: 'operator',
        resourceType: 'magnum.cluster',
        example: clusterNamed('cluster-api').id,
        since: clusterNamed('cluster-api').updated_at,
        advice: expect.any(String),
      }),
    );
    expect(timed.controlsAreUntouched).toBe(true);
  });

  it('does not repeat a deletion while Heat works on it, and repeats it after Heat failed', async () => {
    await run();
    const row = clusterNamed('production');
    row.status = 'DELETE_IN_PROGRESS';
    row.updated_at = timed.clock.now() - 31 * MINUTE;
    const id = row.stack ?? '';
    stacks.set(timed.project, [{ id, stack_status: 'DELETE_IN_PROGRESS' }]);
    // The stack of this cluster is listed for another project, and is therefore ignored.
    const otherCluster = Object.assign(clusterNamed('failed'), {
      status: 'DELETE_IN_PROGRESS',
      updated_at: row.updated_at,
    });
    stacks.set(timed.controlProject, [
      { id: otherCluster.stack ?? '', stack_status: 'DELETE_IN_PROGRESS' },
    ]);
    const [deletionsBefore, otherDeletionsBefore] = [
      deletionsOf(row.id),
      deletionsOf(otherCluster.id),
    ];
    const report = await run();
    expect(deletionsOf(row.id)).toBe(deletionsBefore);
    expect(deletionsOf(otherCluster.id)).toBeGreaterThan(otherDeletionsBefore);
    expect(report.conditions).toContainEqual(
      expect.objectContaining({ example: row.id, since: row.updated_at }),
    );
    stacks.set(timed.project, [{ id, stack_status: 'DELETE_FAILED' }]);
    await run();
    expect(deletionsOf(row.id)).toBe(deletionsBefore + 1);
  });

  it('repeats a deletion if Heat does not answer', async () => {
    timed.fixture.rehearsal.faults.inject({
      service: 'heat',
      effect: { does: 'answer', status: 403 },
    });
    const row = clusterNamed('production');
    Object.assign(row, {
      status: 'DELETE_IN_PROGRESS',
      stack: undefined,
      updated_at: timed.clock.now() - 31 * MINUTE,
    });
    await run();
    expect(tables().clusters.get(row.id)).toBeUndefined();
  });

  it('waits for a slow deletion', async () => {
    await run();
    const row = clusterNamed('production');
    const deletionsBefore = deletionsOf(row.id);
    const report = await run();
    expect(deletionsOf(row.id)).toBe(deletionsBefore);
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        class: 'InProgress',
        actor: 'none',
        resourceType: 'magnum.cluster',
      }),
    );
  });

  it('repeats a deletion that failed', async () => {
    const row = clusterNamed('half-deleted');
    await run();
    expect(deletionsOf(row.id)).toBe(1);
    timed.clock.advance(10_000);
    expect(tables().clusters.get(row.id)).toBeUndefined();
  });

  it('reports the reason of each node group for a deletion that fails repeatedly, and is not finished', async () => {
    Object.assign(clusterNamed('half-deleted'), { failing: 100 });
    const report = await cleanUp();
    expect(report.outcome).toMatchObject({ kind: 'again', error: undefined });
    expect(left()).toEqual([
      'magnum.cluster half-deleted',
      'magnum.cluster-template kubernetes',
      'magnum.quota quota',
    ]);
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        class: 'Blocked',
        actor: 'operator',
        message: expect.stringMatching(
          /Failed to delete the stack.*default-master.*port is in use/,
        ),
      }),
    );
  });
});

describe('Cluster templates', () => {
  it('are kept without a call while clusters of other projects use them', async () => {
    const template = templateNamed('kubernetes');
    const foreign = clusterNamed('production', timed.controlProject);
    tables().clusters.add({
      ...foreign,
      id: 'made-from-a-foreign-template',
      template: template.id,
    });
    timed.rememberControls();
    const report = await cleanUp();
    expect(report.outcome.kind).toBe('again');
    expect(left()).toEqual(['magnum.cluster-template kubernetes']);
    expect(report.conditions).toMatchObject([
      {
        class: 'Blocked',
        actor: 'other-project',
        message: expect.stringContaining('made-from-a-foreign-template'),
      },
    ]);
    expect(deletionsOf(template.id)).toBe(0);
    expect(timed.controlsAreUntouched).toBe(true);
    tables().clusters.delete('made-from-a-foreign-template');
    expect((await cleanUp()).outcome).toEqual({ kind: 'finished' });
    expect(left()).toEqual([]);
  });

  it('are left to the operator when they are public', async () => {
    templateNamed('hidden').public = true;
    const report = await cleanUp();
    expect(left()).toEqual(['magnum.cluster-template hidden']);
    expect(report.conditions).toMatchObject([
      { class: 'Blocked', actor: 'operator', advice: expect.stringContaining('public=False') },
    ]);
    templateNamed('hidden').public = false;
    expect((await cleanUp()).outcome).toEqual({ kind: 'finished' });
  });

  it('are checked again when a cluster was created from one after the listing', async () => {
    const template = templateNamed('hidden');
    timed.fixture.rehearsal.faults.inject({
      service: 'magnum',
      method: 'DELETE',
      path: /clustertemplates/,
      times: 1,
      effect: {
        does: 'answer',
        status: 400,
        message: `ClusterTemplate ${template.id} is referenced by one or multiple clusters.`,
      },
    });
    const report = await run();
    expect(report.outcome).toMatchObject({ kind: 'again', error: undefined });
    expect(report.conditions).toContainEqual(
      expect.objectContaining({ class: 'Blocked', message: expect.stringContaining('referenced') }),
    );
    expect((await cleanUp()).outcome).toEqual({ kind: 'finished' });
  });
});

describe('Listings of Magnum', () => {
  it('are read to the last page, because an administrator gets the clusters of the whole cloud', async () => {
    const original = clusterNamed('production', timed.controlProject);
    const own = clusterNamed('cluster-api');
    tables().clusters.delete(own.id);
    for (let n = 0; n < 2100; n += 1)
      tables().clusters.add({ ...original, id: `foreign-${n}`, name: `foreign-${n}` });
    tables().clusters.add(own);
    timed.rememberControls();
    expect((await timed.run(magnumService, 'plan')).counts).toMatchObject({
      'magnum.cluster': { listed: 4 },
    });
    expect((await cleanUp()).outcome).toEqual({ kind: 'finished' });
    expect(left()).toEqual([]);
    expect(timed.controlsAreUntouched).toBe(true);
  });

  it('fail when the template of any cluster is missing, and are not treated as empty', async () => {
    const foreign = clusterNamed('production', timed.controlProject);
    tables().clusters.add({ ...foreign, id: 'orphan', template: 'missing' });
    const report = await run();
    expect(report.outcome).toMatchObject({
      kind: 'failed',
      error: { status: 404, class: 'Unexpected' },
    });
    // Without the list of clusters, the clusters that use a template are unknown.
    expect(left()).toHaveLength(7);
  });

  it('show the default for a project without limits, and nothing is removed', async () => {
    tables().quotas.delete(timed.project);
    expect((await timed.run(magnumService, 'plan')).counts).toMatchObject({
      'magnum.quota': { listed: 0 },
    });
    expect((await cleanUp()).outcome).toEqual({ kind: 'finished' });
  });
});

describe('Clusters of a deleted user in existing projects', () => {
  it('are kept, and reported to the operator with the functions that they lose', async () => {
    const { fixture } = timed;
    const user = UserId.parse(fixture.customer.userId);
    const mine = clusterNamed('production', timed.controlProject);
    tables().clusters.add({ ...mine, id: 'of-a-leaver', name: 'of-a-leaver', user_id: user });
    const before = fixture.rehearsal.store.resources();
    const report = await runForDeletedUser(user);
    expect(report.outcome).toEqual({ kind: 'finished' });
    const expected = {
      resourceType: 'magnum.cluster-of-user',
      class: 'Unsupported',
      actor: 'operator',
      advice: expect.any(String),
    };
    expect(
      report.conditions.map((one) => ({
        ...one,
        message: one.message.match(/project (\w+)/)?.[1],
      })),
    ).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          ...expected,
          count: 1,
          example: 'of-a-leaver',
          message: timed.controlProject,
        }),
        expect.objectContaining({ ...expected, count: 4, message: timed.project }),
      ]),
    );
    expect(fixture.rehearsal.store.resources()).toEqual(before);
    expect(
      fixture.rehearsal.calls.filter(
        ({ service, method }) => service === 'magnum' && method !== 'GET',
      ),
    ).toEqual([]);
  });
});

describe('A cleaner without the admin role', () => {
  it('does not report types that it cannot list as empty', async () => {
    await timed.fixture.close();
    timed = await TimedFixture.open({ with: [magnum], adminRoles: ['member', 'reader'] });
    const before = left();
    expect(before).not.toEqual([]);
    expect(await timed.applyUntilEnd(magnumService)).toMatchObject({
      outcome: { kind: 'failed', error: { class: 'Denied' } },
    });
    expect(left()).toEqual(before);
    expect(timed.controlsAreUntouched).toBe(true);
  });

  it('does not report the clusters of a user as empty', async () => {
    await timed.fixture.close();
    timed = await TimedFixture.open({ with: [magnum], adminRoles: ['member', 'reader'] });
    expect(
      (await runForDeletedUser(UserId.parse(timed.fixture.customer.userId))).outcome,
    ).toMatchObject({
      kind: 'failed',
      error: { class: 'Denied' },
    });
  });
});
