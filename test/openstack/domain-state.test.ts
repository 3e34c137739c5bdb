import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { stringify } from 'yaml';
import * as z from 'zod';
import { until } from './cloud.ts';
import { type CloudFixture, openCloudFixture } from './cloud-fixture.ts';
import {
  describeView,
  isState,
  OPERATION_SECONDS,
  servicesOfLivingProjects,
  type View,
} from './driver.ts';
import { type ProjectInUse, SUSPENDED, startWorkloads } from './project-in-use.ts';
import { leftoverLabels, linesOf, type Snapshot, survivors } from './snapshot.ts';

const Planned = z.looseObject({ digest: z.string() });
const NAMES = ['shop', 'blog', 'alone'] as const;
type Name = (typeof NAMES)[number];

/**
 * A domain with three projects is disabled, enabled, disabled again and then deleted while it is
 * suspended. The project `alone` is disabled individually before.
 */
describe('a domain that is disabled and enabled', () => {
  const folder = mkdtempSync(`${tmpdir()}/propagator-policy-`);
  const policy = `${folder}/policy.yaml`;
  let fixture: CloudFixture;
  let domain: string;
  let projects: Readonly<Record<Name, ProjectInUse>>;
  /** Listings while only `alone` is suspended. */
  let before: Snapshot;
  beforeAll(async () => {
    fixture = await openCloudFixture({ shop: 'simple', blog: 'simple', alone: 'simple' });
    domain = fixture.customer.domainId;
    const [shop, blog, alone] = await Promise.all([
      startWorkloads(fixture, 'shop'),
      startWorkloads(fixture, 'blog'),
      startWorkloads(fixture, 'alone'),
    ]);
    projects = { shop, blog, alone };
    const rule = {
      'project.disabled': { action: 'suspend', mode: 'enforce' },
      'project.enabled': { action: 'resume', mode: 'enforce' },
    };
    const rules = [{ match: { domain }, on: rule }];
    writeFileSync(policy, stringify({ version: 1, rules }));
    await fixture.start({
      mode: 'enforce',
      environment: { PROPAGATOR_POLICY: policy, PROPAGATOR_TOKEN_CACHE_TIME: '2s' },
    });
  });
  afterAll(async () => {
    await fixture.tearDown();
    rmSync(folder, { recursive: true, force: true });
    for (const one of Object.values(projects ?? {})) await one.remove();
  });

  const setEnabled = (type: 'domain' | 'project', id: string, enabled: boolean) =>
    fixture.cloud.admin.call('identity', 'PATCH', `/${type}s/${id}`, {
      json: { [type]: { enabled } },
    });
  /** The operations of the domain with this action, without those of its projects. */
  const domainOperations = async (action: string): Promise<View[]> =>
    (await fixture.propagator.operations({ domain })).filter(
      ({ operation }) => operation.scope.type === 'domain' && operation.action === action,
    );
  /** Returns the newest of `count` operations of the domain after it has ended. */
  const ended = async (action: string, count = 1): Promise<View> => {
    const view = await until(`${action} of the domain`, OPERATION_SECONDS, async () => {
      const views = await domainOperations(action);
      const isOver = isState('finished', 'unverified', 'observed', 'superseded', 'held');
      return views.length >= count && views[0] && isOver(views[0]) ? views[0] : undefined;
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${fixture.propagator.logTail()}`);
    });
    console.log(describeView(view));
    expect(await domainOperations(action)).toHaveLength(count);
    return view;
  };
  const command = async (...line: string[]): Promise<string> => {
    const { status, text } = await fixture.propagator.command(...line);
    if (status !== 0) throw new Error(`${line.join(' ')} ended with ${status}:\n${text}`);
    return text;
  };
  const releaseProjects = async (): Promise<void> => {
    for (const { id: project } of Object.values(projects)) {
      const { operation } = await fixture.propagator.operation(
        { project },
        (one) =>
          one.operation.action === 'cleanup' && isState('held', 'finished', 'unverified')(one),
        OPERATION_SECONDS,
      );
      expect(operation.hold?.reason).toContain('the project is not deleted in Keystone yet');
      await command('operation', 'release', operation.id, '--reason', 'it has no keys');
    }
  };
  const everyServer = async () =>
    Object.fromEntries(
      await Promise.all(NAMES.map(async (name) => [name, await projects[name].servers()])),
    );
  const RUNNING = { web: 'ACTIVE', resting: 'SHUTOFF' };
  const STOPPED = { web: SUSPENDED, resting: 'SHUTOFF' };
  const neighbor = (all: Snapshot): string[] =>
    linesOf(
      all,
      fixture.idOf('still'),
      Object.values(projects).map(({ id }) => id),
    );
  const lines = (all: Snapshot) => NAMES.map((name) => [name, linesOf(all, projects[name].id)]);
  const everyAlarm = () => Promise.all(NAMES.map((name) => projects[name].alarms()));

  it('has a project that is suspended before the domain', async () => {
    const { id } = projects.alone;
    await setEnabled('project', id, false);
    const view = await fixture.propagator.operation(
      { project: id },
      isState('finished', 'unverified', 'observed', 'held'),
      OPERATION_SECONDS,
    );
    expect([view.operation.action, view.operation.state]).toEqual(['suspend', 'finished']);
    expect(await everyServer()).toEqual({ shop: RUNNING, blog: RUNNING, alone: STOPPED });
    await Promise.all([
      projects.shop.untilPublic(200),
      projects.blog.untilPublic(200),
      projects.alone.untilPublic(401),
    ]);
    before = await fixture.snapshot(true);
  });

  it('is suspended by one operation for the domain and one for each project', async () => {
    const alarms = await projects.alone.alarms();
    await setEnabled('domain', domain, false);
    const view = await ended('suspend');
    expect(view.operation.state).toBe('finished');
    const children = (await fixture.propagator.operations({ domain })).filter(({ operation }) =>
      view.operation.children.includes(operation.id),
    );
    const scopes = children.map(({ operation }) => operation.scope.id);
    expect(scopes.toSorted()).toEqual(
      Object.values(projects)
        .map(({ id }) => id)
        .toSorted(),
    );
    expect(await everyServer()).toEqual({ shop: STOPPED, blog: STOPPED, alone: STOPPED });
    await Promise.all(NAMES.map((name) => projects[name].untilPublic(401)));
    expect((await everyAlarm()).flat().filter((row) => row.enabled === true)).toEqual([]);
    const now = await fixture.snapshot(true);
    expect(linesOf(now, projects.alone.id)).toEqual(linesOf(before, projects.alone.id));
    expect(await projects.alone.alarms()).toEqual(alarms);
    for (const name of NAMES)
      expect(projects[name].untouched(now)).toEqual(projects[name].untouched(before));
    expect(neighbor(now)).toEqual(neighbor(before));
  });

  it('is exactly as before when it is enabled: the project that was disabled individually stays suspended', async () => {
    await setEnabled('domain', domain, true);
    expect((await ended('resume')).operation.state).toBe('finished');
    expect(await everyServer()).toEqual({ shop: RUNNING, blog: RUNNING, alone: STOPPED });
    await Promise.all([projects.shop.untilPublic(200), projects.blog.untilPublic(200)]);
    const now = await fixture.snapshot(true);
    expect(lines(now)).toEqual(lines(before));
    expect(neighbor(now)).toEqual(neighbor(before));
    expect(await projects.alone.isEnabled()).toBe(false);
    expect(await fixture.propagator.deadLetters()).toEqual([]);
  });

  it('has no resource left when it is deleted while suspended, and the control domain is unchanged', async () => {
    await setEnabled('domain', domain, false);
    expect((await ended('suspend', 2)).operation.state).toBe('finished');
    expect(await everyServer()).toEqual({ shop: STOPPED, blog: STOPPED, alone: STOPPED });
    const plan = JSON.parse(await command('domain', 'plan', domain, '-f', 'json'));
    const how = ['--yes', '--digest', Planned.parse(plan).digest, '--reason', 'contract ended'];
    console.log(await command('domain', 'delete', domain, ...how));
    // Keystone gives no token in a disabled domain. The projects are held if a service lists its
    // resources only with such a token.
    const isHeld = (await servicesOfLivingProjects(fixture.cloud)).length > 0;
    if (isHeld) await releaseProjects();
    const { state } = (await ended('cleanup')).operation;
    expect(state).toBe(isHeld ? 'unverified' : 'finished');
    const { status } = await fixture.cloud.admin.call('identity', 'GET', `/domains/${domain}`, {
      accept: [404],
    });
    expect(status).toBe(404);
    const now = await fixture.snapshot(true);
    for (const name of NAMES) {
      const { id } = projects[name];
      const left = [...leftoverLabels(now, id), ...survivors(before, now, id)];
      expect([name, left]).toEqual([name, []]);
    }
    expect((await everyAlarm()).flat()).toEqual([]);
    expect(neighbor(now)).toEqual(neighbor(before));
    expect(await fixture.propagator.deadLetters()).toEqual([]);
  });
});
