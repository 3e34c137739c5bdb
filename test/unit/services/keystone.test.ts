import { UserId } from '../../../events/ids.ts';
import { keystone } from '../../../lib/services/keystone.ts';
import { CleanupFixture } from './cleanup-fixture.ts';

let fixture: CleanupFixture;
/**
 * A deleted project whose member has application credentials in the control project, too.
 */
beforeEach(async () => {
  fixture = await CleanupFixture.open({}, 'tiny');
  const { applicationCredentials } = fixture.rehearsal.state.identity;
  const [own] = applicationCredentials.where((row) => row.project_id === fixture.project);
  if (!own) throw new TypeError('the seed makes an application credential');
  applicationCredentials.add({ ...own, id: 'elsewhere', project_id: fixture.control.projectId });
  applicationCredentials.add({ ...own, id: 'second one', name: 'ansible' });
  fixture.rememberControls();
  await fixture.deleteProject();
});
afterEach(() => fixture.close());

const LEFTOVERS = [
  'keystone.application-credential ansible',
  'keystone.application-credential terraform',
];
const left = (): string[] => fixture.left('keystone').sort();
const credentials = /application_credentials/;

describe('Keystone, after it deleted a project', () => {
  it('still has the application credentials of its members and no other resource', () => {
    expect(left()).toEqual(LEFTOVERS);
  });

  it('has no application credentials left; those of the same members on other projects are kept', async () => {
    const report = await fixture.applyUntilEnd(keystone);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.counts).toEqual({
      'keystone.application-credential': { listed: 2, gone: 2, left: 0 },
    });
    expect(report.conditions).toEqual([]);
    expect(left()).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('is searched user by user, in every domain, if the members were not recorded', async () => {
    expect((await fixture.applyUntilEnd(keystone, { members: undefined })).outcome).toEqual({
      kind: 'finished',
    });
    expect(left()).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('gets calls for the recorded members only, because each user costs a call', async () => {
    fixture.rehearsal.calls.length = 0;
    expect((await fixture.applyUntilEnd(keystone)).outcome).toEqual({ kind: 'finished' });
    const listedUsers = new Set(
      fixture.rehearsal.calls
        .map(({ path }) => path.split('/')[3]?.split('?')[0])
        .filter((id) => id?.length === 32),
    );
    expect([...listedUsers]).toEqual(fixture.members);
    expect((await fixture.applyUntilEnd(keystone, { members: [] })).outcome).toEqual({
      kind: 'finished',
    });
  });

  it('is finished even if a member is also deleted', async () => {
    const members = [...fixture.members, UserId.parse('0123456789abcdef0123456789abcdef')];
    expect((await fixture.applyUntilEnd(keystone, { members })).outcome).toEqual({
      kind: 'finished',
    });
    expect(left()).toEqual([]);
  });

  it('is neither searched nor reported as empty if there are too many users', async () => {
    const { users } = fixture.rehearsal.state.identity;
    const [anyUser] = users.all();
    if (anyUser) for (let n = 0; n < 10_001; n += 1) users.add({ ...anyUser, id: `user-${n}` });
    const report = await fixture.applyUntilEnd(keystone, { members: undefined });
    expect(report.outcome).toMatchObject({
      kind: 'failed',
      error: { code: 'keystone.members.unknown' },
    });
    expect(left()).toEqual(LEFTOVERS);
  });

  it('is counted in phase plan, which changes nothing', async () => {
    expect((await fixture.plan(keystone)).counts).toMatchObject({
      'keystone.application-credential': { left: 2 },
    });
    expect(left()).toEqual(LEFTOVERS);
  });
});

describe('Keystone, with a faulty API', () => {
  it.each([
    ['a 500', { does: 'answer', status: 500 }],
    ['a 404', { does: 'answer', status: 404 }],
    ['a truncated page', { does: 'cut-body' }],
    ['a broken connection', { does: 'cut-connection' }],
  ] as const)('does not treat %s on the list as empty', async (_what, effect) => {
    fixture.rehearsal.faults.add({ service: 'keystone', method: 'GET', path: credentials, effect });
    expect((await fixture.applyUntilEnd(keystone)).outcome.kind).not.toBe('finished');
    expect(left()).toEqual(LEFTOVERS);
    fixture.rehearsal.faults.clear();
    expect((await fixture.applyUntilEnd(keystone)).outcome).toEqual({ kind: 'finished' });
    expect(left()).toEqual([]);
  });

  it('does not treat an incomplete list of users as complete', async () => {
    fixture.rehearsal.faults.add({
      service: 'keystone',
      method: 'GET',
      path: /\/v3\/users\?/,
      effect: { does: 'answer', status: 503 },
    });
    expect((await fixture.applyUntilEnd(keystone, { members: undefined })).outcome.kind).toBe(
      'again',
    );
    expect(left()).toEqual(LEFTOVERS);
  });

  it('changes no credential without an owner, and is not finished', async () => {
    fixture.rehearsal.faults.add({
      service: 'keystone',
      method: 'GET',
      path: credentials,
      effect: { does: 'drop-owner' },
    });
    expect((await fixture.applyUntilEnd(keystone)).outcome.kind).toBe('again');
    expect(left()).toEqual(LEFTOVERS);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('waits as long as a 429 requires', async () => {
    fixture.rehearsal.faults.add({
      service: 'keystone',
      method: 'DELETE',
      times: 1,
      effect: { does: 'answer', status: 429, retryAfter: 11 },
    });
    expect((await fixture.clean(keystone)).outcome).toMatchObject({
      kind: 'again',
      afterSeconds: 11,
      error: { class: 'Transient' },
    });
    expect((await fixture.applyUntilEnd(keystone)).outcome).toEqual({ kind: 'finished' });
    expect(left()).toEqual([]);
  });

  it('reports to the operator when a call is refused', async () => {
    fixture.rehearsal.faults.add({
      service: 'keystone',
      method: 'DELETE',
      effect: { does: 'answer', status: 403 },
    });
    expect((await fixture.applyUntilEnd(keystone)).outcome).toMatchObject({
      kind: 'failed',
      error: { class: 'Denied', service: 'keystone' },
    });
    expect(left()).toEqual(LEFTOVERS);
  });
});
