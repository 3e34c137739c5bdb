import { UserId } from '../../../events/ids.ts';
import { blazar as blazarService } from '../../../lib/services/blazar.ts';
import { keystone } from '../../../lib/services/keystone.ts';
import { type RunReport, runUserCleanup } from '../../../lib/task/run.ts';
import { Confirmation } from '../../../lib/task/safety-rules.ts';
import type { ProjectContext } from '../../../lib/task/service.ts';
import { blazar, type Lease, leasesOf } from '../../cloud/documented/blazar.ts';
import { dependentsOf } from '../../dependencies.ts';
import { testServiceContract } from './service-contract.ts';
import { TimedFixture } from './timed-fixture.ts';

testServiceContract(blazarService, { with: [blazar], asynchronous: false });

const MINUTE = 60_000;
let timed: TimedFixture;
beforeEach(async () => {
  timed = await TimedFixture.open({ with: [blazar] });
});
afterEach(() => timed.fixture.close());

const leases = () => leasesOf(timed.fixture.rehearsal.state);
const left = (): string[] => timed.fixture.left('blazar').sort();
const leaseNamed = (name: string, owner = timed.project): Lease => {
  const [row] = leases().where((one) => one.name === name && one.project_id === owner);
  if (!row) throw new TypeError(`no lease ${name}`);
  return row;
};
const deletions = () =>
  timed.fixture.rehearsal.calls.filter(
    ({ service, method }) => service === 'blazar' && method === 'DELETE',
  );
const creator = () => {
  const user = timed.fixture.rehearsal.state.identity.users.get(timed.fixture.customer.userId);
  if (!user) throw new TypeError('the creator is gone');
  return user;
};
const apiOf: ProjectContext['apiOf'] = async (name) =>
  name === 'keystone' ? timed.fixture.cloud.api(keystone, 'RegionOne') : undefined;
/** One run while the project exists. */
const preDelete = async (more: Partial<ProjectContext> = {}): Promise<RunReport> => {
  await timed.fixture.grantCleaner();
  return timed.fixture.preDelete(blazarService, { now: () => timed.clock.now(), apiOf, ...more });
};

/** One run for a deleted user. */
const runForDeletedUser = async (user: UserId): Promise<RunReport> => {
  const {
    project: _project,
    members: _members,
    ...context
  } = await timed.fixture.context(blazarService);
  return runUserCleanup({
    service: blazarService,
    context: { ...context, user, userName: 'leaver', projects: [] },
    phase: 'apply',
    confirmation: Confirmation.fromAnswers(user, [0, 5000], 5000),
    deadline: Date.now() + 60_000,
  });
};

describe('the cleanup of an existing project in Blazar', () => {
  it('removes every lease: active, ended, future and failed', async () => {
    expect(left()).toHaveLength(4);
    expect((await preDelete()).outcome).toEqual({ kind: 'finished' });
    expect(left()).toEqual([]);
    expect(timed.controlsAreUntouched).toBe(true);
    expect(blazarService.preDelete).toBe(true);
    expect(dependentsOf(blazarService)).toEqual(expect.arrayContaining(['nova', 'neutron']));
  });

  it.each([
    ['gone', 'is deleted', () => timed.fixture.rehearsal.state.identity.users.delete(creator().id)],
    ['disabled', 'is disabled', () => Object.assign(creator(), { enabled: false })],
  ])(
    'sends no deletion while the creator is %s, because it would break the lease permanently',
    async (_what, words, leave) => {
      leave();
      timed.rememberControls();
      timed.fixture.rehearsal.calls.length = 0;
      const report = await preDelete();
      expect(report.outcome).toMatchObject({ kind: 'again', error: undefined });
      expect(left()).toHaveLength(4);
      expect(deletions()).toEqual([]);
      expect(leaseNamed('active').status).toBe('ACTIVE');
      expect(report.conditions).toMatchObject([
        {
          class: 'Blocked',
          actor: 'operator',
          count: 4,
          message: expect.stringContaining(words),
          advice: expect.any(String),
        },
      ]);
      // One request to Keystone for all leases of the user.
      expect(
        timed.fixture.rehearsal.calls.filter(({ path }) => path.includes('/v3/users/')),
      ).toHaveLength(1);
    },
  );

  it('deletes the lease after its creator is enabled again', async () => {
    creator().enabled = false;
    await preDelete();
    creator().enabled = true;
    expect((await preDelete()).outcome).toEqual({ kind: 'finished' });
    expect(left()).toEqual([]);
  });

  it('reports a lease to the operator if its deletion fails twice', async () => {
    // Keystone does not answer here, and the trust is invalid.
    creator().enabled = false;
    const more = { apiOf: async () => undefined };
    expect((await preDelete(more)).outcome).toMatchObject({
      kind: 'again',
      error: { class: 'Transient', status: 500 },
    });
    expect(leaseNamed('active').status).toBe('ERROR');
    const report = await preDelete(more);
    expect(report.outcome).toMatchObject({ kind: 'again', error: undefined });
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        class: 'Blocked',
        actor: 'operator',
        message: expect.stringContaining('trust'),
        advice: expect.any(String),
      }),
    );
    expect(left()).toHaveLength(4);
  });

  it('waits for a lease that is busy, and reports it to the operator after an hour', async () => {
    Object.assign(leaseNamed('active'), { status: 'STARTING', updated_at: timed.clock.now() });
    const report = await preDelete();
    expect(left()).toEqual(['blazar.lease active']);
    expect(report.conditions).toMatchObject([
      { class: 'Blocked', actor: 'none', message: expect.stringContaining('STARTING') },
    ]);
    timed.clock.advance(61 * MINUTE);
    expect((await preDelete()).conditions).toMatchObject([
      { class: 'Blocked', actor: 'operator', advice: expect.any(String) },
    ]);
    expect(deletions().filter(({ status }) => status >= 400)).toEqual([]);
  });

  it('does not repeat a deletion that is in progress, and reports it when it hangs', async () => {
    const row = Object.assign(leaseNamed('active'), {
      status: 'DELETING',
      updated_at: timed.clock.now(),
    });
    const report = await preDelete();
    expect(report.outcome.kind).toBe('again');
    expect(report.conditions).toMatchObject([{ class: 'InProgress', actor: 'none' }]);
    timed.clock.advance(16 * MINUTE);
    expect((await preDelete()).conditions).toMatchObject([
      { class: 'InProgress', actor: 'operator', since: row.updated_at },
    ]);
    expect(left()).toEqual(['blazar.lease active']);
    expect(deletions().filter(({ status }) => status >= 400)).toEqual([]);
  });
});

describe('the cleanup of a deleted project in Blazar', () => {
  it('sends no deletion, and reports the remaining leases with advice', async () => {
    await timed.fixture.deleteProject();
    const report = await timed.applyUntilEnd(blazarService);
    expect(report.outcome).toMatchObject({ kind: 'unreachable' });
    expect(report.counts).toMatchObject({ 'blazar.lease': { listed: 4, left: 4 } });
    expect(report.conditions).toMatchObject([
      {
        class: 'Unsupported',
        actor: 'operator',
        count: 4,
        advice: expect.stringContaining('aggregate'),
      },
    ]);
    expect(left()).toHaveLength(4);
    expect(deletions()).toEqual([]);
    expect(leaseNamed('active').status).toBe('ACTIVE');
  });

  it('is finished if the project had no lease', async () => {
    for (const row of leases().where((one) => one.project_id === timed.project))
      leases().delete(row.id);
    await timed.fixture.deleteProject();
    expect((await timed.applyUntilEnd(blazarService)).outcome).toEqual({ kind: 'finished' });
    expect(timed.controlsAreUntouched).toBe(true);
  });
});

describe('Leases of a deleted user in existing projects', () => {
  it('are kept, and leases that have not ended are reported to the operator', async () => {
    const user = UserId.parse(timed.fixture.customer.userId);
    const report = await runForDeletedUser(user);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.conditions).toMatchObject([
      {
        resourceType: 'blazar.lease-of-user',
        class: 'Unsupported',
        actor: 'operator',
        count: 3,
        message: expect.stringContaining(timed.project),
        advice: expect.any(String),
      },
    ]);
    expect(left()).toHaveLength(4);
    expect(deletions()).toEqual([]);
  });
});

describe('A cleaner without the admin role', () => {
  it('does not report types that it cannot list as empty', async () => {
    await timed.fixture.close();
    timed = await TimedFixture.open({ with: [blazar], adminRoles: ['member', 'reader'] });
    const before = left();
    expect(before).not.toEqual([]);
    expect(await timed.applyUntilEnd(blazarService)).toMatchObject({
      outcome: { kind: 'failed', error: { class: 'Denied' } },
    });
    expect(left()).toEqual(before);
    expect(timed.controlsAreUntouched).toBe(true);
  });

  it('does not report the leases of a user as empty', async () => {
    await timed.fixture.close();
    timed = await TimedFixture.open({ with: [blazar], adminRoles: ['member', 'reader'] });
    expect(
      (await runForDeletedUser(UserId.parse(timed.fixture.customer.userId))).outcome,
    ).toMatchObject({
      kind: 'failed',
      error: { class: 'Denied' },
    });
  });
});
