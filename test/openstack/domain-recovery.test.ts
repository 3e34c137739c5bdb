import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { stringify } from 'yaml';
import * as z from 'zod';
import { type Row, Row as RowShape, until } from './cloud.ts';
import { type CloudFixture, openCloudFixture } from './cloud-fixture.ts';
import { describeView, isOver, isState, OPERATION_SECONDS, type View } from './driver.ts';
import { make } from './populate/seed.ts';
import { type Customer, newPrefix, populate } from './populate.ts';
import { type ProjectInUse, SUSPENDED, startWorkloads } from './project-in-use.ts';
import { removeLeftovers } from './remove-leftovers.ts';
import {
  leftoverLabels,
  linesOf,
  type Snapshot,
  settledSnapshot,
  snapshot,
  survivors,
} from './snapshot.ts';

const Planned = z.looseObject({ digest: z.string() });
/** The projects with servers: `leaf` is below `shop`. */
const NAMES = ['shop', 'leaf'] as const;
const RUNNING = { web: 'ACTIVE', resting: 'SHUTOFF' };
const STOPPED = { web: SUSPENDED, resting: 'SHUTOFF' };

/**
 * An administrator deletes two domains with a recovery window. The deletion of the first one is
 * canceled, and the window of the second one ends. The propagator is killed in both windows.
 * Project `alone` of the first domain is disabled individually before.
 */
describe('a domain that is deleted with a recovery window', () => {
  const folder = mkdtempSync(`${tmpdir()}/propagator-policy-`);
  const policy = `${folder}/policy.yaml`;
  const secondPrefix = newPrefix();
  let fixture: CloudFixture;
  let second: Customer;
  let projects: Readonly<Record<(typeof NAMES)[number], ProjectInUse>>;
  /** The state of the first domain and of the control project before the deletion. */
  let before: Awaited<ReturnType<typeof firstDomain>>;
  let secondBefore: Snapshot;

  beforeAll(async () => {
    const fills = { shop: 'simple', leaf: 'simple', alone: 'empty' } as const;
    fixture = await openCloudFixture(fills, 'simple', { leaf: 'shop' });
    const json = { project: { enabled: false } };
    const [shop, leaf] = await Promise.all([
      startWorkloads(fixture, 'shop'),
      startWorkloads(fixture, 'leaf'),
      populateSecond(),
      fixture.cloud.admin.call('identity', 'PATCH', `/projects/${fixture.idOf('alone')}`, { json }),
    ]);
    projects = { shop, leaf };
    [before, secondBefore] = await Promise.all([firstDomain(), secondSnapshot()]);
    expect(before.servers).toEqual({ shop: RUNNING, leaf: RUNNING });
    const enforced = (action: string) => ({ action, mode: 'enforce' });
    const rule = {
      'project.disabled': enforced('suspend'),
      'project.enabled': enforced('resume'),
    };
    const rules = [fixture.customer.domainId, second.domainId].map((domain) => ({
      match: { domain },
      on: rule,
    }));
    writeFileSync(policy, stringify({ version: 1, rules }));
    await start();
  });
  afterAll(async () => {
    await fixture.tearDown();
    const ids = second?.projects.map(({ id }) => id) ?? [];
    const left = fixture ? await removeLeftovers(fixture.cloud, [secondPrefix], ids) : [];
    if (left.length > 0) console.log(`could not be removed:\n${left.join('\n')}`);
    for (const one of Object.values(projects ?? {})) await one.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Creates the second domain: a project with a volume and a network below an empty project. */
  const populateSecond = async (): Promise<void> => {
    const fills = { top: 'empty', below: 'empty' } as const;
    second = await populate(fixture.cloud, fills, secondPrefix, { below: 'top' });
    const below = second.projects.find(({ name }) => name === 'below');
    if (!below) throw new Error('no project below');
    await Promise.all([
      make(below.session, 'network', '/networks', 'network', { name: `${secondPrefix}-inner` }),
      make(below.session, 'volume', '/volumes', 'volume', {
        name: `${secondPrefix}-data`,
        size: 1,
      }),
    ]);
  };
  const start = async () => {
    const others = await fixture.domainsOfOthers();
    await fixture.start({
      mode: 'enforce',
      protectedDomains: others.filter((id) => id !== second.domainId),
      environment: { PROPAGATOR_POLICY: policy, PROPAGATOR_TOKEN_CACHE_TIME: '2s' },
    });
  };
  const command = async (...line: string[]): Promise<string> => {
    const { status, text: printed } = await fixture.propagator.command(...line);
    if (status !== 0) throw new Error(`${line.join(' ')} ended with ${status}:\n${printed}`);
    return printed;
  };
  const requestDeletion = async (domain: string, ...window: string[]): Promise<void> => {
    const plan = JSON.parse(await command('domain', 'plan', domain, '-f', 'json'));
    const how = ['--yes', '--digest', Planned.parse(plan).digest, '--reason', 'contract ended'];
    console.log(await command('domain', 'delete', domain, ...how, ...window));
  };
  /** The newest operation of the domain with this action, as soon as it is as wanted. */
  const operation = (
    domain: string,
    action: string,
    wanted: (view: View) => boolean,
  ): Promise<View> =>
    until(`${action} of the domain`, OPERATION_SECONDS, async () => {
      const views = await fixture.propagator.operations({ domain });
      const view = views.find(
        (one) => one.operation.scope.type === 'domain' && one.operation.action === action,
      );
      return view && wanted(view) ? view : undefined;
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${fixture.propagator.logTail()}`);
    });
  const hasEnded = isState('finished', 'unverified', 'superseded', 'canceled', 'refused', 'held');
  const ended = async (domain: string, action: string): Promise<View> => {
    const view = await operation(domain, action, hasEnded);
    console.log(describeView(view));
    return view;
  };
  const kill = async (): Promise<void> => {
    await fixture.propagator.kill();
    await start();
  };
  const identity = async (path: string, key: string): Promise<Row> => {
    const { json } = await fixture.cloud.admin.call('identity', 'GET', path);
    return RowShape.parse(RowShape.parse(json)[key]);
  };
  const sorted = async (path: string, key: string): Promise<string[]> =>
    (await fixture.cloud.admin.rows('identity', path, key))
      .map((row) => JSON.stringify(row))
      .sort();
  /** The rows of Keystone that belong to a domain, with all their fields. */
  const keystoneRows = async (id: string) => ({
    domain: await identity(`/domains/${id}`, 'domain'),
    users: await sorted(`/users?domain_id=${id}`, 'users'),
    groups: await sorted(`/groups?domain_id=${id}`, 'groups'),
    projects: await sorted(`/projects?domain_id=${id}`, 'projects'),
  });
  const everyServer = async () =>
    Object.fromEntries(
      await Promise.all(NAMES.map(async (name) => [name, await projects[name].servers()])),
    );
  const firstDomain = async () => {
    const all = await fixture.snapshot(true);
    return {
      all,
      keystone: await keystoneRows(fixture.customer.domainId),
      lines: [...NAMES, 'alone'].map((name) => [name, linesOf(all, fixture.idOf(name))]),
      alarms: await Promise.all(NAMES.map((name) => projects[name].alarms())),
      servers: await everyServer(),
    };
  };
  const withoutSnapshot = ({ all: _, ...rest }: Awaited<ReturnType<typeof firstDomain>>) => rest;
  const control = (all: Snapshot): string[] =>
    linesOf(all, fixture.idOf('still'), [...NAMES, 'alone'].map(fixture.idOf));
  const secondSnapshot = () =>
    settledSnapshot(
      fixture.cloud,
      second.projects.map(({ id }) => id),
      second.userIds,
    );

  it('is disabled and suspended, and nothing is removed, though the propagator is killed', async () => {
    const { domainId } = fixture.customer;
    await requestDeletion(domainId, '--recover-for', '1h');
    await requestDeletion(second.domainId, '--recover-for', '25s', '--remind', '15s');
    await until('Keystone shows the domain disabled', OPERATION_SECONDS, async () =>
      (await identity(`/domains/${domainId}`, 'domain')).enabled === false ? true : undefined,
    );
    await kill();
    expect((await ended(domainId, 'suspend')).operation.state).toBe('finished');
    const view = await operation(domainId, 'cleanup', () => true);
    expect([view.operation.state, view.resources.removed]).toEqual(['recoverable', 0]);
    const now = await firstDomain();
    expect(now.servers).toEqual({ shop: STOPPED, leaf: STOPPED });
    expect(now.alarms.flat().filter((row) => row.enabled === true)).toEqual([]);
    await Promise.all(NAMES.map((name) => projects[name].untilPublic(401)));
    for (const name of NAMES) {
      expect(projects[name].ids(now.all)).toEqual(projects[name].ids(before.all));
      expect(projects[name].untouched(now.all)).toEqual(projects[name].untouched(before.all));
    }
    expect(now.keystone).toEqual({
      ...before.keystone,
      domain: { ...before.keystone.domain, enabled: false },
    });
    expect(control(now.all)).toEqual(control(before.all));
  });

  it('is exactly as before after a cancellation: a project that was disabled individually stays disabled', async () => {
    const { domainId } = fixture.customer;
    const { id } = (await operation(domainId, 'cleanup', () => true)).operation;
    await command('operation', 'cancel', id, '--reason', 'the customer has paid');
    expect((await ended(domainId, 'resume')).operation.state).toBe('finished');
    expect((await operation(domainId, 'cleanup', () => true)).operation.state).toBe('canceled');
    await Promise.all([projects.shop.untilPublic(200), projects.leaf.untilPublic(200)]);
    const now = await firstDomain();
    expect(withoutSnapshot(now)).toEqual(withoutSnapshot(before));
    expect(now.keystone.projects.join()).toContain('"enabled":false');
    expect(control(now.all)).toEqual(control(before.all));
  });

  it('is deleted wholly at the end of its window, and no other domain changes', async () => {
    const view = await operation(second.domainId, 'cleanup', (one) => isOver(one) || hasEnded(one));
    console.log(describeView(view));
    expect(view.operation.state).toBe('finished');
    const ids = second.projects.map(({ id }) => id);
    const paths = [
      `/domains/${second.domainId}`,
      ...ids.map((id) => `/projects/${id}`),
      ...second.userIds.map((id) => `/users/${id}`),
    ];
    for (const path of paths) {
      const { status } = await fixture.cloud.admin.call('identity', 'GET', path, { accept: [404] });
      expect([path, status]).toEqual([path, 404]);
    }
    const rest = await snapshot(fixture.cloud, ids);
    for (const id of ids)
      expect([...leftoverLabels(rest, id), ...survivors(secondBefore, rest, id)]).toEqual([]);
    const now = await firstDomain();
    expect(withoutSnapshot(now)).toEqual(withoutSnapshot(before));
    expect(control(now.all)).toEqual(control(before.all));
    expect(await fixture.propagator.deadLetters()).toEqual([]);
  });
});
