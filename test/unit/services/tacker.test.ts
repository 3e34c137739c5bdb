import { tacker } from '../../../lib/services/tacker.ts';
import { tacker as fake, tablesOf } from '../../cloud/documented/tacker.ts';
import { uuid } from '../../cloud/resource-store.ts';
import { CleanupFixture } from './cleanup-fixture.ts';
import { testServiceContract } from './service-contract.ts';

// Only the row of a VIM names its owner: see the service file, and the test below.
testServiceContract(tacker, {
  with: [fake],
  ownerInRow: false,
  untellable: ['tacker.vnf-package'],
  removals: [{ method: 'DELETE' }, { method: 'POST', path: /\/terminate$/ }],
});

describe('the cleanup of a project in Tacker', () => {
  let fixture: CleanupFixture;
  afterEach(() => fixture.close());
  const open = async () => {
    fixture = await CleanupFixture.open({ with: [fake], durations: { documented: 5 } });
    await fixture.grantCleaner();
    return tablesOf(fixture.rehearsal.state);
  };
  /** Runs repeatedly until the end, without a token on the project, as after its deletion. */
  const cleanUntilEnd = async () => {
    for (let runs = 1; ; runs += 1) {
      const report = await fixture.clean(tacker);
      if (report.outcome.kind !== 'again' || runs === 20) return report;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const callsOf = (method: string, path: RegExp) =>
    fixture.rehearsal.calls.filter(
      (call) => call.service === 'tacker' && call.method === method && path.test(call.path),
    );

  it('terminates running instances, and removes the VIM when it is no longer in use', async () => {
    await open();
    expect((await fixture.runUntilEnd(tacker)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('tacker')).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
    const paths = fixture.rehearsal.calls
      .filter(({ method }) => method === 'DELETE')
      .map(({ path }) => path.split('/')[2]);
    expect(paths.at(-1)).toBe('vims');
    expect(callsOf('POST', /\/terminate$/).filter(({ status }) => status === 202)).toHaveLength(1);
  });

  it('uses a filter only if it returns no rows for a project that does not exist', async () => {
    await open();
    const before = fixture.left('tacker');
    const fault = fixture.rehearsal.faults.inject({
      service: 'tacker',
      method: 'GET',
      path: /vnflcm/,
      effect: { does: 'ignore-filter' },
    });
    const report = await fixture.preDelete(tacker);
    expect(report.outcome).toMatchObject({ kind: 'again' });
    expect(report.conditions.map(({ message }) => message)).toContainEqual(
      expect.stringContaining('no owner'),
    );
    expect(fixture.left('tacker')).toEqual(before);
    expect(fixture.controlsAreUntouched).toBe(true);
    fault.clear();
    expect((await fixture.runUntilEnd(tacker)).outcome).toEqual({ kind: 'finished' });
  });

  it('changes no VIM without an owner', async () => {
    await open();
    fixture.rehearsal.faults.inject({
      service: 'tacker',
      path: /vims/,
      method: 'GET',
      effect: { does: 'drop-owner' },
    });
    expect((await fixture.runUntilEnd(tacker)).outcome).toMatchObject({ kind: 'again' });
    expect(fixture.left('tacker')).toEqual(['tacker.vim vim']);
  });

  it('does not report the subscription of a deleted project as removed after a 404', async () => {
    await open();
    const report = await cleanUntilEnd();
    expect(report.outcome).toMatchObject({
      kind: 'unreachable',
      because: expect.stringContaining('subscriptions'),
    });
    expect(fixture.left('tacker')).toEqual(['tacker.subscription http://listener.invalid']);
    expect(callsOf('DELETE', /subscriptions/)).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('is finished after the deletion of a project that had no subscriptions', async () => {
    const { subscriptions } = await open();
    for (const { id } of subscriptions.where((row) => row.tenant_id === fixture.project))
      subscriptions.delete(id);
    expect((await cleanUntilEnd()).outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('tacker')).toEqual([]);
  });

  it('rolls back a failed instantiation, and removes its record', async () => {
    const { instances, operations } = await open();
    const failedInstance = {
      id: uuid(),
      name: 'half',
      tenant_id: fixture.project,
      state: 'NOT_INSTANTIATED',
      task: null,
      status: 'ERROR',
    } as const;
    instances.add({ ...failedInstance });
    operations.add({
      id: uuid(),
      instance: failedInstance.id,
      operation: 'INSTANTIATE',
      state: 'FAILED_TEMP',
      start: Date.now(),
    });
    expect((await fixture.runUntilEnd(tacker)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('tacker')).toEqual([]);
    expect(callsOf('POST', /\/rollback$/)).toHaveLength(1);
  });

  it('reports why a termination failed, keeps the VIM, and retries', async () => {
    const { locked } = await open();
    locked.add(fixture.project);
    const conditions: unknown[] = [];
    // A run that repeats the termination reports it as in progress. A run that finds it failed
    // reports the reason.
    const report = await fixture.runUntilEnd(tacker, {}, (report) =>
      conditions.push(...report.conditions),
    );
    expect(report.outcome).toMatchObject({ kind: 'again' });
    expect(conditions).toContainEqual(
      expect.objectContaining({ class: 'Blocked', actor: 'operator' }),
    );
    expect(fixture.left('tacker')).toEqual(['tacker.vim vim', 'tacker.vnf-instance running']);
    expect(callsOf('POST', /\/fail$/).length).toBeGreaterThan(1);
    locked.clear();
    expect((await fixture.runUntilEnd(tacker)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('tacker')).toEqual([]);
  });

  it('waits for an operation that is in progress, and reports it when it takes too long', async () => {
    const { instances, operations } = await open();
    await fixture.runUntilEnd(tacker);
    const busyInstance = {
      id: uuid(),
      name: 'busy',
      tenant_id: fixture.project,
      state: 'INSTANTIATED',
      task: 'HEALING',
      status: 'ACTIVE',
    } as const;
    instances.add({ ...busyInstance });
    const recentOperation = operations.add({
      id: uuid(),
      instance: busyInstance.id,
      operation: 'HEAL',
      state: 'PROCESSING',
      start: Date.now(),
    });
    expect((await fixture.preDelete(tacker)).conditions).toEqual([
      expect.objectContaining({ class: 'InProgress', actor: 'none' }),
    ]);
    operations.delete(recentOperation.id);
    operations.add({ ...recentOperation, start: Date.now() - 7_200_000 });
    expect((await fixture.preDelete(tacker)).conditions).toEqual([
      expect.objectContaining({
        class: 'InProgress',
        actor: 'operator',
        since: expect.any(Number),
      }),
    ]);
    expect(fixture.left('tacker')).toEqual(['tacker.vnf-instance busy']);
  });

  it('makes one call per resource type for an empty project', async () => {
    await open();
    await fixture.runUntilEnd(tacker);
    fixture.rehearsal.calls.length = 0;
    expect((await fixture.preDelete(tacker)).outcome).toEqual({ kind: 'finished' });
    const listings = [
      '/v1.0/vims',
      '/vnflcm/v1/subscriptions',
      '/vnflcm/v1/vnf_instances',
      '/vnfpkgm/v1/vnf_packages',
    ];
    const listedPaths = callsOf('GET', /./).map(({ path }) => path.split('?')[0]);
    expect(listedPaths.sort()).toEqual(listings);
  });

  it('reports existing packages as unreachable, and removes the other types', async () => {
    const { packages } = await open();
    packages.add({ id: uuid(), name: 'mine', tenant_id: fixture.project });
    packages.add({ id: uuid(), name: 'theirs', tenant_id: fixture.control.projectId });
    fixture.rememberControls();
    const report = await fixture.runUntilEnd(tacker);
    expect(report.outcome).toEqual({
      kind: 'unreachable',
      because: expect.stringContaining('2 VNF packages'),
    });
    expect(fixture.left('tacker')).toEqual(['tacker.vnf-package mine']);
    expect(fixture.controlsAreUntouched).toBe(true);
  });
});
