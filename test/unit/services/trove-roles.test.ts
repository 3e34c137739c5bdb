import { trove as troveService } from '../../../lib/services/trove.ts';
import { trove } from '../../cloud/documented/trove.ts';
import {
  CONFIGURATIONS,
  left,
  openTroveForEachTest,
  preDelete,
  reopen,
  tables,
  timed,
} from './trove-fixture.ts';

openTroveForEachTest();

describe('Trove, for a propagator without the admin role', () => {
  it('does not report types that it cannot list as empty', async () => {
    await reopen({ with: [trove], adminRoles: ['member', 'reader'] });
    const before = left();
    expect(before).not.toEqual([]);
    expect(await timed.applyUntilEnd(troveService)).toMatchObject({
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
  const controlsAreUntouched = (): boolean => timed.fixture.controlsAreUntouched;

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
    const report = await timed.applyUntilEnd(troveService);
    expect(report.outcome).toMatchObject({
      kind: 'unreachable',
      because: expect.stringContaining('lists modules'),
    });
    expect(left()).toEqual([...CONFIGURATIONS, 'trove.module licence', 'trove.module ping']);
    expect(controlsAreUntouched()).toBe(true);
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
    expect(controlsAreUntouched()).toBe(true);
    const { applicationCredentials } = timed.fixture.rehearsal.state.identity;
    const made = applicationCredentials.where(({ name }) => name.startsWith('keystone-propagator'));
    // The service logs in once for all calls, on that project and with that role alone.
    expect(made).toEqual([
      expect.objectContaining({ project_id: timed.project, roles: ['member'] }),
    ]);
  });

  it('keeps configuration groups if Keystone gives no token of a member', async () => {
    timed.fixture.rehearsal.faults.inject({
      service: 'keystone',
      method: 'POST',
      path: /application_credentials/,
      effect: { does: 'answer', status: 403 },
    });
    const report = await preDelete('admin', { memberApi });
    expect(report.outcome).toMatchObject({ kind: 'unreachable' });
    expect(left()).toEqual([...CONFIGURATIONS, 'trove.module licence', 'trove.module ping']);
    expect(controlsAreUntouched()).toBe(true);
  });
});
