import type { ResourceTypeName } from '../../../events/ids.ts';
import { swift } from '../../../lib/services/swift.ts';
import { createMemoize } from '../../../lib/task/memoize.ts';
import { VirtualClock } from '../../cloud/cloud.ts';
import { type Account, type Container, newContainer, put } from '../../cloud/swift-state.ts';
import { CleanupFixture } from './cleanup-fixture.ts';

let fixture: CleanupFixture;
afterEach(() => fixture.close());

const accountOf = (project: string): Account => {
  const account = fixture.rehearsal.state.accounts.get(`AUTH_${project}`);
  if (!account) throw new TypeError(`no account of ${project}`);
  return account;
};
/** Returns the container with this name, and creates it if it is missing. */
const ensureContainer = (name: string): Container => {
  const account = accountOf(fixture.project);
  const container = account.containers.get(name) ?? newContainer(name, 0);
  account.containers.set(name, container);
  return container;
};
const addObjects = (containerName: string, ...names: string[]): void => {
  const container = ensureContainer(containerName);
  for (const name of names)
    put(container, { name, bytes: 1, contentType: 'text/plain', modified: 0 });
};
const addVersion = (
  containerName: string,
  name: string,
  versionId: string,
  isDeleteMarker: boolean,
): void => {
  const container = ensureContainer(containerName);
  container.versioning = 'enabled';
  put(container, {
    name,
    bytes: 1,
    contentType: 'text/plain',
    modified: 0,
    versionId,
    marker: isDeleteMarker,
  });
};
/** Makes the cluster refuse /info. */
const hideInfo = () =>
  fixture.rehearsal.faults.add({
    service: 'swift',
    path: /^\/info/,
    effect: { does: 'answer', status: 403 },
  });
const UNUSUAL_NAMES =
  'a/b ü%?|#|/leading|//two|..|.|../../AUTH_other/c/o|a/../b|emoji 😀|a//b|trailing/|%2F|a%20b|+|new\nline|quote"\'|q?x=1&y=2| space '
    .split('|')
    .concat('x'.repeat(1024));

describe('the cleanup of an account in Swift', () => {
  it('removes objects, segments, versions, delete markers, containers and the account', async () => {
    fixture = await CleanupFixture.open();
    expect(fixture.left('swift').length).toBeGreaterThan(20);
    const report = await fixture.applyUntilEnd(swift);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('swift')).toEqual([]);
    expect(accountOf(fixture.project).deleted).toBe(true);
    expect(accountOf(fixture.control.projectId).deleted).toBe(false);
    expect(fixture.controlsAreUntouched).toBe(true);
    const left = Object.values(report.counts).map((count) => count.left);
    expect(left).toEqual([0, 0, 0]);
  });

  it.each([
    ['by bulk deletes', false],
    ['one by one if the cluster has no bulk delete', true],
  ])('removes objects and containers with any name, %s', async (_how, hidesInfo) => {
    fixture = await CleanupFixture.open({}, 'tiny');
    for (const name of ['plain', 'unusual ü%?#', '..', '.', '%2E%2E', 'v1', 'info'])
      addObjects(name, ...UNUSUAL_NAMES);
    if (hidesInfo) hideInfo();
    const report = await fixture.applyUntilEnd(swift);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('swift')).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
    expect(fixture.rehearsal.calls.some(({ path }) => path.includes('bulk-delete'))).toBe(
      !hidesInfo,
    );
  });

  it('counts the resources in phase plan, and changes nothing', async () => {
    fixture = await CleanupFixture.open();
    const before = fixture.left('swift');
    const report = await fixture.plan(swift);
    expect(report.outcome).toEqual({ kind: 'finished' });
    const { state } = fixture.rehearsal;
    const containers = [
      ...(state.accounts.get(`AUTH_${fixture.project}`)?.containers.values() ?? []),
    ];
    // A current version is one row of the listing, not two.
    const rows = containers.reduce(
      (sum, each) => sum + (each.versioning === 'never' ? each.objects.size : each.versions.length),
      0,
    );
    expect(report.counts).toMatchObject({
      'swift.object': { left: rows },
      'swift.container': { left: containers.length },
      'swift.account': { left: 1 },
    });
    expect(fixture.left('swift')).toEqual(before);
    expect(accountOf(fixture.project).deleted).toBe(false);
  });

  it('lists everything in pages of two, also the versions of one object', async () => {
    fixture = await CleanupFixture.open({ swiftPageLimit: 2 });
    for (let n = 0; n < 7; n += 1)
      addVersion('many versions', 'one', `17954130${n}0.00000`, n === 6);
    const report = await fixture.plan(swift);
    const rows = report.counts['swift.object' as ResourceTypeName]?.listed;
    expect((await fixture.applyUntilEnd(swift)).counts).toMatchObject({
      'swift.object': { listed: rows, gone: rows, left: 0 },
    });
    expect(fixture.left('swift')).toEqual([]);
  });

  it('removes many objects in several iterations, and counts all of them beforehand', async () => {
    fixture = await CleanupFixture.open({}, 'tiny');
    addObjects('huge', ...Array.from({ length: 23_456 }, (_, n) => `object/${n}`));
    const account = accountOf(fixture.project);
    const total = [...account.containers.values()].reduce(
      (sum, each) => sum + each.objects.size,
      0,
    );
    const plan = await fixture.plan(swift);
    expect(plan.counts).toMatchObject({ 'swift.object': { left: total } });
    expect((await fixture.applyUntilEnd(swift)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('swift')).toEqual([]);
    // No container was deleted while it was known to have more objects.
    expect(fixture.rehearsal.calls.filter(({ status }) => status === 409)).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('disables the older versioning first, so that a deletion restores no old version', async () => {
    fixture = await CleanupFixture.open();
    for (const [source, archive] of [
      ['stack', 'stack-archive'],
      ['history', 'history-archive'],
    ] as const) {
      addObjects(source, 'o');
      const header = source === 'stack' ? 'x-versions-location' : 'x-history-location';
      ensureContainer(source).headers[header] = archive;
      addObjects(archive, '001o/1795412477.00001', '001o/1795412477.00002');
    }
    const listed = (await fixture.plan(swift)).counts['swift.object' as ResourceTypeName]?.listed;
    const report = await fixture.clean(swift);
    expect(report.outcome).toEqual({ kind: 'finished' });
    // No object was restored or copied: there were never more objects than at first.
    expect(report.counts).toMatchObject({ 'swift.object': { listed, gone: listed } });
    expect(fixture.left('swift')).toEqual([]);
  });

  it('stops the synchronization of a container first, so that its target keeps the objects', async () => {
    fixture = await CleanupFixture.open();
    const copy = newContainer('copy', 0);
    put(copy, { name: 'o', bytes: 1, contentType: 'text/plain', modified: 0 });
    accountOf(fixture.control.projectId).containers.set('copy', copy);
    fixture.rememberControls();
    addObjects('mirrored', 'o');
    Object.assign(ensureContainer('mirrored').headers, {
      'x-container-sync-to': `//realm/cluster/AUTH_${fixture.control.projectId}/copy`,
      'x-container-sync-key': 'secret',
    });
    expect((await fixture.applyUntilEnd(swift)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('swift')).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('removes public read rights with the container after Keystone deleted the project', async () => {
    fixture = await CleanupFixture.open();
    ensureContainer('public').headers['x-container-read'] = '.r:*';
    await fixture.deleteProject();
    expect((await fixture.applyUntilEnd(swift)).outcome).toEqual({ kind: 'finished' });
    expect(accountOf(fixture.project).containers.size).toBe(0);
  });
});

describe('An account that does not exist', () => {
  it('is not created by a list or a cleanup', async () => {
    fixture = await CleanupFixture.open();
    fixture.rehearsal.state.accounts.delete(`AUTH_${fixture.project}`);
    expect((await fixture.plan(swift)).outcome).toEqual({ kind: 'finished' });
    const report = await fixture.applyUntilEnd(swift);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.counts).toMatchObject({ 'swift.account': { listed: 0 } });
    expect(fixture.rehearsal.state.accounts.has(`AUTH_${fixture.project}`)).toBe(false);
  });

  it('is empty when Swift answers 410', async () => {
    fixture = await CleanupFixture.open();
    accountOf(fixture.project).deleted = true;
    expect((await fixture.applyUntilEnd(swift)).outcome).toEqual({ kind: 'finished' });
  });

  it('is not treated as absent after a 404 of a cluster that creates accounts automatically', async () => {
    fixture = await CleanupFixture.open();
    fixture.rehearsal.faults.add({
      service: 'swift',
      method: 'GET',
      path: /AUTH_[^/]*$|AUTH_[^/]*\?/,
      effect: { does: 'answer', status: 404 },
    });
    expect((await fixture.applyUntilEnd(swift)).outcome).toMatchObject({ kind: 'failed' });
    expect(fixture.left('swift')).not.toEqual([]);
  });
});

describe('An account in a cluster that does not permit its deletion', () => {
  it('is reported and skipped if /info shows it', async () => {
    fixture = await CleanupFixture.open({ accountManagement: false });
    const report = await fixture.applyUntilEnd(swift);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.conditions).toMatchObject([
      {
        class: 'Unsupported',
        resourceType: 'swift.account',
        message: expect.stringContaining('account'),
      },
    ]);
    expect(fixture.left('swift')).toEqual([]);
    expect(
      fixture.rehearsal.calls.some(
        ({ method, path }) => method === 'DELETE' && /AUTH_[^/]*$/.test(path),
      ),
    ).toBe(false);
  });

  it('is reported and skipped if only the refusal shows it', async () => {
    fixture = await CleanupFixture.open({ accountManagement: false });
    hideInfo();
    const report = await fixture.applyUntilEnd(swift);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.conditions).toMatchObject([
      { class: 'Unsupported', resourceType: 'swift.account' },
    ]);
    expect(fixture.left('swift')).toEqual([]);
  });
});

describe('Swift, with a faulty API', () => {
  it('reports the missing role, and changes nothing', async () => {
    fixture = await CleanupFixture.open({ adminRoles: ['admin', 'member', 'reader'] });
    const before = fixture.left('swift');
    const report = await fixture.applyUntilEnd(swift);
    expect(report.outcome).toMatchObject({
      kind: 'failed',
      error: { class: 'Denied', advice: expect.stringContaining('reseller_admin_role') },
    });
    expect(fixture.left('swift')).toEqual(before);
  });

  it('changes no account through an endpoint that does not contain the account of the project', async () => {
    fixture = await CleanupFixture.open();
    const { api } = await fixture.context(swift);
    for (const endpoint of [
      'http://127.0.0.1:1/swift/v1',
      `http://127.0.0.1:1/v1/AUTH_${fixture.control.projectId}`,
    ]) {
      const report = await fixture.clean(swift, { api: { ...api, endpoint } });
      expect(report.outcome).toMatchObject({
        kind: 'failed',
        error: { class: 'Denied', code: 'swift.endpoint.account' },
      });
    }
    expect(fixture.left('swift')).not.toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it.each([
    ['a 500', /./, { does: 'answer', status: 500 }],
    ['a truncated page of containers', /AUTH_[^/]*\?/, { does: 'cut-body' }],
    ['a truncated page of objects', /AUTH_[^/]*\/[^/]*\?/, { does: 'cut-body' }],
    ['a broken connection', /AUTH_[^/]*\/[^/]*\?/, { does: 'cut-connection' }],
    ['a permanent 401', /AUTH_/, { does: 'answer', status: 401 }],
  ] as const)('does not treat %s on the list as empty', async (_what, path, effect) => {
    fixture = await CleanupFixture.open();
    fixture.rehearsal.faults.add({ service: 'swift', method: 'GET', path, effect });
    expect((await fixture.applyUntilEnd(swift)).outcome.kind).not.toBe('finished');
    expect(fixture.left('swift')).not.toEqual([]);
    fixture.rehearsal.faults.clear();
    expect((await fixture.applyUntilEnd(swift)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('swift')).toEqual([]);
  });

  it('waits as long as a 429 requires, and skips no resource', async () => {
    fixture = await CleanupFixture.open();
    fixture.rehearsal.faults.add({
      service: 'swift',
      method: 'POST',
      times: 1,
      effect: { does: 'answer', status: 429, retryAfter: 23 },
    });
    expect((await fixture.clean(swift)).outcome).toMatchObject({
      kind: 'again',
      afterSeconds: 23,
      error: { class: 'Transient' },
    });
    expect((await fixture.applyUntilEnd(swift)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('swift')).toEqual([]);
  });

  it('retries a container whose list of objects is out of date', async () => {
    const clock = new VirtualClock();
    fixture = await CleanupFixture.open({ clock, swiftLag: 60_000 });
    const report = await fixture.clean(swift);
    expect(report.outcome).toMatchObject({ kind: 'again', error: undefined });
    expect(report.conditions.map(({ class: it, actor }) => [it, actor])).toContainEqual([
      'Blocked',
      'none',
    ]);
    expect(fixture.left('swift').every((resource) => resource.startsWith('swift.container'))).toBe(
      true,
    );
    expect(accountOf(fixture.project).deleted).toBe(false);
    clock.advance(60_000);
    expect((await fixture.applyUntilEnd(swift)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('swift')).toEqual([]);
  });

  it.each([
    ['bulk deletes', false],
    ['single deletes', true],
  ])('does not finish when %s never end', async (_how, hidesInfo) => {
    fixture = await CleanupFixture.open({}, 'tiny');
    if (hidesInfo) hideInfo();
    fixture.rehearsal.faults.add({
      service: 'swift',
      method: hidesInfo ? 'DELETE' : 'POST',
      effect: { does: 'endless' },
    });
    const before = fixture
      .left('swift')
      .filter((resource) => resource.startsWith('swift.object') && !resource.endsWith(' kept'));
    const report = await fixture.applyUntilEnd(swift);
    expect(report.outcome.kind).toBe('again');
    expect(fixture.left('swift')).toEqual(expect.arrayContaining(before));
    expect(accountOf(fixture.project).deleted).toBe(false);
  });

  it('treats a row that is listed but not found as an outdated list, and not as removed', async () => {
    fixture = await CleanupFixture.open({}, 'tiny');
    hideInfo();
    addObjects('lagging', 'ghost');
    const lag = fixture.rehearsal.faults.inject({
      service: 'swift',
      method: 'DELETE',
      path: /ghost/,
      effect: { does: 'answer', status: 404 },
    });
    const report = await fixture.clean(swift);
    expect(report.outcome).toMatchObject({ kind: 'again', error: undefined });
    expect(report.conditions).toContainEqual(
      expect.objectContaining({ class: 'InProgress', resourceType: 'swift.object' }),
    );
    // One stuck object blocks only its own container.
    expect(fixture.left('swift')).toEqual(['swift.container lagging', 'swift.object ghost']);
    expect(accountOf(fixture.project).deleted).toBe(false);
    lag.clear();
    expect((await fixture.applyUntilEnd(swift)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('swift')).toEqual([]);
  });

  it('sends no further call after the first 403, for any number of objects', async () => {
    fixture = await CleanupFixture.open({}, 'tiny');
    hideInfo();
    addObjects('many', ...Array.from({ length: 3000 }, (_, n) => `o${n}`));
    const refusal = fixture.rehearsal.faults.inject({
      service: 'swift',
      method: 'DELETE',
      effect: { does: 'answer', status: 403 },
    });
    expect((await fixture.applyUntilEnd(swift)).outcome).toMatchObject({
      kind: 'failed',
      error: { class: 'Denied' },
    });
    expect(refusal.hits).toBeLessThan(100);
  });

  it('deletes no account that got a container after the listing', async () => {
    fixture = await CleanupFixture.open();
    accountOf(fixture.project).containers.clear();
    const context = await fixture.context(swift, { memoize: createMemoize() });
    const [account] = (
      await Promise.all(swift.resourceTypes.map((resourceType) => resourceType.list(context)))
    ).flatMap(({ resources }) => resources);
    addObjects('late', 'o');
    expect(await account?.remove()).toMatchObject({ kind: 'blocked' });
    expect(accountOf(fixture.project).deleted).toBe(false);
  });
});
