import { nova } from '../../../lib/services/nova.ts';
import type { ProjectContext } from '../../../lib/task/context.ts';
import { resumeService } from '../../../lib/task/resume-run.ts';
import { suspendService } from '../../../lib/task/suspend-run.ts';
import { setDownCell } from '../../cloud/nova-cells.ts';
import type { Server } from '../../cloud/rows.ts';
import { MemoryRecords } from '../../suspension-records.ts';
import { TimedFixture } from './timed-fixture.ts';

let fixture: TimedFixture;
afterEach(() => fixture.fixture.close());

const left = () => fixture.fixture.left('nova');
const faults = () => fixture.fixture.rehearsal.faults;
const server = (name: string): Server => {
  const [row] = fixture.compute.servers.where(
    (each) => each.name === name && each.project_id === fixture.project,
  );
  if (!row) throw new TypeError(`no server ${name}`);
  return row;
};
const projectServers = (): Server[] =>
  fixture.compute.servers.where((row) => row.project_id === fixture.project);
const MINUTE = 60_000;

describe('the cleanup of a project in Nova', () => {
  it('removes running, stopped, locked, failed and soft-deleted servers, server groups, flavor access and limits', async () => {
    fixture = await TimedFixture.open();
    await fixture.fixture.deleteProject();
    expect(left()).toHaveLength(11);
    const report = await fixture.applyUntilEnd(nova);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.conditions).toEqual([]);
    expect(left()).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('ends after one run if deletions end at once', async () => {
    fixture = await TimedFixture.open();
    fixture.clock.after = (_milliseconds, action) => action();
    expect((await fixture.run(nova)).outcome).toEqual({ kind: 'finished' });
    expect(left()).toEqual([]);
  });

  it('counts the resources in phase plan, and changes nothing', async () => {
    fixture = await TimedFixture.open();
    const before = left();
    const report = await fixture.run(nova, 'plan');
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.counts).toMatchObject({
      'nova.server': { listed: 8, left: 8 },
      'nova.server-group': { left: 1 },
      'nova.flavor-access': { left: 1 },
      'nova.quota': { left: 1 },
    });
    expect(left()).toEqual(before);
  });

  it('deletes soft-deleted servers by force if deletions are deferred (reclaim_instance_interval)', async () => {
    fixture = await TimedFixture.open({ reclaimInterval: 86_400 });
    expect((await fixture.applyUntilEnd(nova)).outcome).toEqual({ kind: 'finished' });
    expect(left()).toEqual([]);
  });

  it('lists all pages', async () => {
    fixture = await TimedFixture.open({ pageLimit: 3 });
    for (let n = 0; n < 7; n += 1)
      fixture.compute.groups.add({
        id: `group-${n}`,
        name: `g${n}`,
        policy: 'affinity',
        members: [],
        project_id: fixture.project,
        user_id: 'u',
      });
    expect((await fixture.run(nova, 'plan')).counts).toMatchObject({
      'nova.server': { listed: 8 },
      'nova.server-group': { listed: 8 },
    });
    expect((await fixture.applyUntilEnd(nova)).outcome).toEqual({ kind: 'finished' });
    expect(left()).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('keeps the limits until the servers are gone, because the default limits may allow new servers', async () => {
    fixture = await TimedFixture.open();
    await fixture.run(nova);
    expect(left().filter((resource) => resource.startsWith('nova.quota'))).toHaveLength(1);
  });

  it('does not change default limits', async () => {
    fixture = await TimedFixture.open();
    fixture.compute.quotas.delete(fixture.project);
    expect((await fixture.run(nova, 'plan')).counts).toMatchObject({ 'nova.quota': { listed: 0 } });
  });

  it('reports a server that the database protects, and removes all others', async () => {
    fixture = await TimedFixture.open();
    server('locked').disable_terminate = true;
    const report = await fixture.applyUntilEnd(nova);
    expect(report.outcome.kind).toBe('again');
    expect(left().filter((resource) => resource.startsWith('nova.server '))).toEqual([
      'nova.server locked',
    ]);
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        class: 'Blocked',
        actor: 'operator',
        message: expect.stringContaining('disable_terminate'),
      }),
    );
    server('locked').disable_terminate = false;
    expect((await fixture.applyUntilEnd(nova)).outcome).toEqual({ kind: 'finished' });
    expect(left()).toEqual([]);
  });
});

describe('the number of calls to Nova while deletions are under way', () => {
  it('is one listing of servers per run, and no other call about servers', async () => {
    fixture = await TimedFixture.open();
    await fixture.run(nova);
    const servers = () => left().filter((resource) => resource.startsWith('nova.server '));
    const before = servers();
    expect(before.length).toBeGreaterThan(1);
    const { calls } = fixture.fixture.rehearsal;
    calls.length = 0;
    const report = await fixture.run(nova);
    expect(report.outcome.kind).toBe('again');
    expect(report.counts).toMatchObject({ 'nova.server': { left: before.length } });
    expect(servers()).toEqual(before);
    const serverCalls = calls.filter(
      ({ service, path }) => service === 'nova' && /servers/.test(path),
    );
    expect(serverCalls.map(({ method, path }) => `${method} ${path.split('?')[0]}`)).toEqual([
      'GET /v2.1/servers/detail',
    ]);
  });
});

describe('Nova, when a deletion does not end', () => {
  it('waits, and then reports the server as stuck since the deletion was sent', async () => {
    fixture = await TimedFixture.open();
    faults().inject({
      service: 'nova',
      method: 'DELETE',
      path: /\/servers\//,
      effect: { does: 'endless' },
    });
    const requestedAt = fixture.clock.now();
    await fixture.run(nova);
    fixture.clock.advance(MINUTE);
    const reportAfter1Minute = await fixture.run(nova);
    expect(reportAfter1Minute.conditions).not.toContainEqual(
      expect.objectContaining({ since: expect.anything() }),
    );
    fixture.clock.advance(5 * MINUTE);
    const reportAfter6Minutes = await fixture.run(nova);
    expect(reportAfter6Minutes.outcome.kind).toBe('again');
    expect(reportAfter6Minutes.conditions).toContainEqual(
      expect.objectContaining({ class: 'InProgress', actor: 'operator', since: requestedAt }),
    );
  });

  it('resets and deletes a server whose deletion was lost, because Nova ignores further deletions', async () => {
    fixture = await TimedFixture.open();
    Object.assign(server('locked'), {
      task_state: 'deleting',
      updated_at: fixture.clock.now() - 6 * MINUTE,
    });
    expect((await fixture.applyUntilEnd(nova)).outcome).toEqual({ kind: 'finished' });
    expect(left()).toEqual([]);
  });

  it('makes no call for a server whose deletion began a moment ago', async () => {
    fixture = await TimedFixture.open();
    Object.assign(server('locked'), {
      task_state: 'deleting',
      updated_at: fixture.clock.now() - MINUTE,
    });
    await fixture.run(nova);
    expect(server('locked')).toMatchObject({ task_state: 'deleting', vm_state: 'active' });
  });

  it('reports since when the deletion of a server in ERROR has failed', async () => {
    fixture = await TimedFixture.open();
    const since = fixture.clock.now();
    await fixture.run(nova);
    // The compute host failed, and the server changed from deleting to ERROR.
    Object.assign(server('broken'), { task_state: null, vm_state: 'error', deletion: 2 });
    fixture.clock.advance(30 * MINUTE);
    expect((await fixture.run(nova)).conditions).toContainEqual(
      expect.objectContaining({ actor: 'operator', since }),
    );
  });
});

/** Returns a function that runs one suspend or resume of Nova, one minute after the last one. */
const lifecycleRunner =
  (records: MemoryRecords) =>
  async (
    action: 'suspend' | 'resume',
    adapt = (context: ProjectContext): ProjectContext => context,
  ) => {
    const input = {
      service: nova.name,
      types: (nova.suspension?.types ?? []).map((type) => type(nova.name)),
      options: ['stop'],
      context: adapt(await fixture.fixture.context(nova)),
      suspensionRecords: records,
      phase: 'apply' as const,
      settleAt: 0,
      deadline: Date.now() + 60_000,
      concurrency: 1,
      mayContinue: async () => true,
    };
    fixture.clock.advance(MINUTE);
    return action === 'suspend' ? suspendService(input) : resumeService(input);
  };

describe('Nova with a cell that is down', () => {
  // Nova omits the servers of a cell that is down, without an error.
  const hideAll = () =>
    faults().inject({
      service: 'nova',
      method: 'GET',
      path: /servers\/detail/,
      effect: { does: 'drop-next', rows: 0 },
    });

  it('is not treated as empty while Placement counts resources', async () => {
    fixture = await TimedFixture.open();
    hideAll();
    const report = await fixture.applyUntilEnd(nova);
    expect(report.outcome.kind).toBe('again');
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        resourceType: 'nova.server',
        class: 'Blocked',
        actor: 'operator',
        message: expect.stringContaining('8 VCPU'),
      }),
    );
    faults().clear();
    expect((await fixture.applyUntilEnd(nova)).outcome).toEqual({ kind: 'finished' });
    expect(left()).toEqual([]);
  });

  /** Shelves the servers of the project, takes their cell down, and returns their number. */
  const shelveInDownCell = () => {
    const { state } = fixture.fixture.rehearsal;
    const servers = projectServers();
    for (const row of servers) Object.assign(row, { vm_state: 'shelved_offloaded' });
    setDownCell(state, { hosts: ['compute-9'], servers: new Set(servers.map(({ id }) => id)) });
    return servers.length;
  };

  it('is not treated as empty while the cell of shelved servers is down', async () => {
    fixture = await TimedFixture.open();
    const serverCount = shelveInDownCell();
    const report = await fixture.applyUntilEnd(nova);
    expect(report.outcome.kind).toBe('again');
    expect(left().filter((one) => one.startsWith('nova.server '))).toHaveLength(serverCount);
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        resourceType: 'nova.server',
        class: 'Blocked',
        actor: 'operator',
        message: expect.stringContaining('a cell is down'),
        advice: expect.stringContaining('nova-manage cell_v2 list_cells'),
      }),
    );
    setDownCell(fixture.fixture.rehearsal.state, undefined);
    expect((await fixture.applyUntilEnd(nova)).outcome).toEqual({ kind: 'finished' });
    expect(left()).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('is not treated as empty if the policy does not allow the list of services', async () => {
    fixture = await TimedFixture.open();
    shelveInDownCell();
    faults().inject({
      service: 'nova',
      method: 'GET',
      path: /os-services/,
      effect: { does: 'answer', status: 403 },
    });
    expect((await fixture.applyUntilEnd(nova)).outcome).toMatchObject({
      kind: 'failed',
      error: { class: 'Denied' },
    });
  });

  it('is neither suspended nor resumed until the cell is up again', async () => {
    fixture = await TimedFixture.open();
    const { state } = fixture.fixture.rehearsal;
    const records = new MemoryRecords();
    const run = lifecycleRunner(records);
    const activeIds = projectServers()
      .filter((row) => row.vm_state === 'active')
      .map(({ id }) => id);
    const states = () => activeIds.map((id) => fixture.compute.servers.get(id)?.vm_state);
    const downCell = { hosts: ['compute-9'], servers: new Set(activeIds) };
    setDownCell(state, downCell);
    for (let runs = 0; runs < 3; runs += 1)
      expect((await run('suspend')).outcome.kind).not.toBe('finished');
    setDownCell(state, undefined);
    for (let runs = 0; runs < 5; runs += 1) await run('suspend');
    expect(new Set(states())).toEqual(new Set(['stopped']));
    setDownCell(state, downCell);
    for (let runs = 0; runs < 3; runs += 1)
      expect((await run('resume')).outcome.kind).not.toBe('finished');
    setDownCell(state, undefined);
    for (let runs = 0; runs < 5; runs += 1) await run('resume');
    expect(new Set(states())).toEqual(new Set(['active']));
    expect(await records.all()).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('keeps the records of servers if the cell comes up right after the list', async () => {
    fixture = await TimedFixture.open();
    const { state } = fixture.fixture.rehearsal;
    const records = new MemoryRecords();
    const activeIds = projectServers()
      .filter((row) => row.vm_state === 'active')
      .map(({ id }) => id);
    const states = () => activeIds.map((id) => fixture.compute.servers.get(id)?.vm_state);
    const run = lifecycleRunner(records);
    const withCellUpAfterList = (context: ProjectContext): ProjectContext => {
      const { api } = context;
      const list: typeof api.list = async (...args) => {
        const answer = await api.list(...args);
        if (args[0].startsWith('/servers')) setDownCell(state, undefined);
        return answer;
      };
      const { microversion } = api;
      return { ...context, api: { ...api, microversion, list, request: api.request.bind(api) } };
    };
    for (let runs = 0; runs < 5; runs += 1) await run('suspend');
    expect(new Set(states())).toEqual(new Set(['stopped']));
    setDownCell(state, { hosts: ['compute-9'], servers: new Set(activeIds) });
    await run('resume', withCellUpAfterList);
    setDownCell(state, undefined);
    for (let runs = 0; runs < 5; runs += 1) await run('resume');
    expect(new Set(states())).toEqual(new Set(['active']));
  });

  it('is not treated as empty when Placement does not answer', async () => {
    fixture = await TimedFixture.open();
    hideAll();
    await fixture.fixture.rehearsal.refuse('placement');
    expect((await fixture.applyUntilEnd(nova)).outcome).toMatchObject({
      kind: 'again',
      error: { class: 'Transient' },
    });
  });

  it('is emptied in a cloud without Placement', async () => {
    fixture = await TimedFixture.open();
    expect((await fixture.applyUntilEnd(nova, { apiOf: async () => undefined })).outcome).toEqual({
      kind: 'finished',
    });
    expect(left()).toEqual([]);
  });
});

describe('Nova, with a faulty API', () => {
  it('removes no resource of other projects when the API ignores the filter by project', async () => {
    fixture = await TimedFixture.open();
    faults().inject({
      service: 'nova',
      method: 'GET',
      path: /servers\/detail/,
      effect: { does: 'ignore-filter' },
    });
    const report = await fixture.applyUntilEnd(nova);
    expect(report.conditions).toContainEqual(
      expect.objectContaining({ message: expect.stringContaining('resources of other owners') }),
    );
    expect(left()).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('changes no server without an owner, and is not finished', async () => {
    fixture = await TimedFixture.open();
    faults().inject({
      service: 'nova',
      method: 'GET',
      path: /servers\/detail/,
      effect: { does: 'drop-owner' },
    });
    expect((await fixture.applyUntilEnd(nova)).outcome.kind).toBe('again');
    expect(left().filter((resource) => resource.startsWith('nova.server '))).toHaveLength(8);
  });

  it.each([
    '/servers/detail',
    '/os-server-groups',
    '/flavors?',
    '/os-flavor-access',
    '/limits',
    '/os-quota-class-sets',
  ])('does not treat a failed list of %s as empty', async (path) => {
    fixture = await TimedFixture.open({}, 'tiny');
    const effects = [
      { does: 'answer', status: 500 },
      { does: 'answer', status: 403 },
      { does: 'cut-body' },
      { does: 'cut-connection' },
    ] as const;
    for (const effect of effects) {
      const fault = faults().inject({
        service: 'nova',
        method: 'GET',
        path: new RegExp(path.replace('?', '\\?')),
        effect,
      });
      expect((await fixture.applyUntilEnd(nova)).outcome.kind).not.toBe('finished');
      fault.clear();
    }
    expect((await fixture.applyUntilEnd(nova)).outcome).toEqual({ kind: 'finished' });
    expect(left()).toEqual([]);
  });

  it('retries after a 409', async () => {
    fixture = await TimedFixture.open();
    faults().inject({
      service: 'nova',
      method: 'DELETE',
      path: /\/servers\//,
      times: 9,
      effect: { does: 'answer', status: 409 },
    });
    expect((await fixture.run(nova)).outcome).toMatchObject({
      kind: 'again',
      error: { class: 'Transient', status: 409 },
    });
    fixture.clock.advance(MINUTE);
    expect((await fixture.applyUntilEnd(nova)).outcome).toEqual({ kind: 'finished' });
    expect(left()).toEqual([]);
  });

  it('waits as long as a 429 requires, and skips no resource', async () => {
    fixture = await TimedFixture.open();
    const effect = { does: 'answer', status: 429, retryAfter: 17 } as const;
    faults().inject({ service: 'nova', method: 'DELETE', path: /\/servers\//, times: 3, effect });
    const report = await fixture.run(nova);
    expect(report.outcome).toMatchObject({
      kind: 'again',
      afterSeconds: 17,
      error: { class: 'Transient', status: 429 },
    });
    fixture.clock.advance(17_000);
    expect((await fixture.applyUntilEnd(nova)).outcome).toEqual({ kind: 'finished' });
    expect(left()).toEqual([]);
  });

  it('finishes when the answer to a deletion is lost', async () => {
    fixture = await TimedFixture.open();
    faults().inject({
      service: 'nova',
      method: 'DELETE',
      times: 4,
      effect: { does: 'reset-after' },
    });
    expect((await fixture.applyUntilEnd(nova)).outcome).toEqual({ kind: 'finished' });
    expect(left()).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('stops at the first refusal and reports to the operator', async () => {
    fixture = await TimedFixture.open({}, 'lab');
    const refusal = faults().inject({
      service: 'nova',
      method: 'DELETE',
      path: /\/servers\//,
      effect: { does: 'answer', status: 403 },
    });
    expect((await fixture.applyUntilEnd(nova)).outcome).toMatchObject({
      kind: 'failed',
      error: { class: 'Denied', service: 'nova' },
    });
    expect(left().filter((resource) => resource.startsWith('nova.server '))).toHaveLength(30);
    expect(refusal.hits).toBeLessThan(12);
  });

  it('is not changed if it is too old to refuse an unknown filter', async () => {
    fixture = await TimedFixture.open({
      microversions: { compute: '2.72', volume: '3.70', placement: '1.39' },
    });
    await expect(fixture.run(nova)).rejects.toMatchObject({ report: { class: 'Unsupported' } });
    expect(left()).toHaveLength(11);
  });

  it('is absent if the catalog does not have it', async () => {
    fixture = await TimedFixture.open();
    fixture.fixture.rehearsal.hide('nova');
    fixture.fixture.rehearsal.expireTokens();
    expect(await fixture.fixture.cloud.api(nova, 'RegionOne')).toBeUndefined();
  });
});
