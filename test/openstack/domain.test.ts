import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { PlanShape } from '../../lib/cli/shapes.ts';
import { text } from './cloud.ts';
import { type CloudFixture, openCloudFixture } from './cloud-fixture.ts';
import { type DomainContents, fillDomain } from './domain-fixture.ts';
import { describeView, isState, OPERATION_SECONDS, type View } from './driver.ts';
import { type Line, leftoverLabels, type Snapshot, settledSnapshot, snapshot } from './snapshot.ts';

const Opened = z.object({ opened: z.string() });
const Problem = z.looseObject({ error: z.looseObject({ message: z.string() }) });
const TOKENS = { ops: 'o'.repeat(32), ann: 'a'.repeat(32), bob: 'b'.repeat(32) } as const;
/**
 * Rows that a plan does not list: keys, which only a token on the project shows, and what goes with
 * the project or the server that it belongs to.
 */
const UNPLANNED = /^(barbican|keystone|placement)\./;

/** The type and the id of a row as a plan writes them: without the project. */
function plannedAs({ resourceType, id }: Line): string {
  if (resourceType === 'swift.account') return `${resourceType} AUTH_${id}`;
  if (resourceType.startsWith('swift.')) return `${resourceType} ${id.slice(id.indexOf('/') + 1)}`;
  return `${resourceType} ${resourceType.endsWith('-access') ? id.split('/')[0] : id}`;
}

/** A whole domain with nested projects, on a real cloud: plan, approval by two, run, and end. */
describe('the deletion of a domain', () => {
  let fixture: CloudFixture;
  let more: DomainContents;
  let before: Snapshot;
  let shown: PlanShape;
  let domain: string;
  /** Ids of the six projects. */
  let projects: Readonly<Record<string, string>>;

  beforeAll(async () => {
    const fills = { web: 'simple', vault: 'empty', held: 'empty', top: 'empty' } as const;
    fixture = await openCloudFixture(fills);
    more = await fillDomain(fixture);
    domain = fixture.customer.domainId;
    const flat = Object.keys(fills).map((name) => [name, fixture.idOf(name)]);
    projects = { ...Object.fromEntries(flat), ...more.nested };
    before = await settledSnapshot(fixture.cloud, Object.values(projects));
    await start();
  });
  afterAll(async () => {
    await fixture.tearDown();
    await more?.remove();
  });

  const start = () =>
    fixture.start({
      mode: 'enforce',
      environment: {
        PROPAGATOR_TWO_APPROVERS: 'domain',
        PROPAGATOR_DRIFT_RESOURCES: '0',
        PROPAGATOR_DRIFT_PERCENT: '0',
        PROPAGATOR_API_TOKENS: Object.entries(TOKENS)
          .map((pair) => pair.join('='))
          .join(','),
      },
    });
  const call = (
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: object,
    by: keyof typeof TOKENS = 'ops',
  ) => fixture.propagator.api(method, path, body && JSON.stringify(body), TOKENS[by]);
  const plan = async (): Promise<PlanShape> => {
    const asked = await call('POST', `/v1/domains/${domain}/plan`, {});
    expect([asked.status, asked.json]).toEqual([202, expect.anything()]);
    const { opened } = Opened.parse(asked.json);
    for (const deadline = Date.now() + 120_000; ; await delay(500)) {
      const { json } = await call('GET', `/v1/operations/${opened}/plan?resources=true`);
      const shown = PlanShape.parse(json);
      if (shown.digest !== undefined) return shown;
      if (Date.now() > deadline) throw new Error(`${opened} is ${shown.state} after 120 s`);
    }
  };
  const approve = async ({ id, digest }: PlanShape, by: keyof typeof TOKENS) => {
    const path = `/v1/operations/${id}/approve`;
    return call('POST', path, { digest, reason: 'contract ended' }, by);
  };
  const isThere = async (path: string) =>
    (await fixture.cloud.admin.call('identity', 'GET', path, { accept: [404] })).status === 200;
  const rowsOf = (path: string, key: string) => fixture.cloud.admin.rows('identity', path, key);
  const projectsLeft = async () =>
    (await rowsOf(`/projects?domain_id=${domain}`, 'projects')).map((row) => text(row, 'id'));
  const isDomainEnabled = async () =>
    (await rowsOf('/domains', 'domains')).find((row) => row.id === domain)?.enabled;
  const domainView = (wanted: (view: View) => boolean) =>
    fixture.propagator.operation({ domain }, wanted, OPERATION_SECONDS);
  const waitsFor =
    (...names: readonly RegExp[]) =>
    ({ waitsOn }: View): boolean =>
      names.every((name) => waitsOn.some(({ on: reason }) => name.test(reason)));

  it('has a plan that equals an independent listing, and the plan changes nothing', async () => {
    shown = await plan();
    expect([shown.keystoneCheck.refusals, shown.unreachable]).toEqual([[], []]);
    const planned = shown.pages
      .flatMap(({ resourceType, resources }) => resources.map(({ id }) => `${resourceType} ${id}`))
      .filter((one) => !one.startsWith('keystone.'));
    const listed = Object.values(projects)
      .flatMap((id) => before.projects.get(id) ?? [])
      .filter(({ resourceType }) => !UNPLANNED.test(resourceType))
      .map(plannedAs);
    expect(planned.toSorted()).toEqual(listed.toSorted());
    expect(listed.length).toBeGreaterThan(15);
    const ofDomain = (type: string) =>
      shown.pages
        .filter(({ resourceType }) => resourceType === `keystone.${type}`)
        .flatMap(({ resources }) => resources.map(({ id }) => id))
        .toSorted();
    for (const type of ['user', 'group']) {
      const rows = await rowsOf(`/${type}s?domain_id=${domain}`, `${type}s`);
      expect([type, ofDomain(type)]).toEqual([type, rows.map((row) => text(row, 'id')).sort()]);
    }
    expect(ofDomain('role')).toEqual([more.roleId]);
    expect(ofDomain('limit')).toEqual([more.limitId]);
    expect(ofDomain('identity-provider')).toEqual([more.federation]);
    expect(ofDomain('domain-config')).toEqual(['identity']);
    expect(shown.leftToOthers.map(({ message }) => message)).toEqual([
      expect.stringContaining(`mapping ${more.federation} `),
    ]);
    const order = shown.projects.map(({ id }) => id);
    const { leaf, middle, top } = projects;
    expect(order.filter((id) => [leaf, middle, top].includes(id))).toEqual([leaf, middle, top]);
    expect(order.toSorted()).toEqual(Object.values(projects).toSorted());
    const now = await snapshot(fixture.cloud, Object.values(projects));
    expect(now.projects).toEqual(before.projects);
  });

  it('is refused after a project appeared, and needs the approval of two persons who did not request it', async () => {
    const name = `${fixture.customer.prefix}-late`;
    const json = { project: { name, domain_id: domain } };
    const late = await fixture.cloud.admin.call('identity', 'POST', '/projects', { json });
    const path = `/projects/${text(late.json, 'project', 'id')}`;
    expect(await approve(shown, 'ops')).toMatchObject({ status: 409 });
    expect(await approve(shown, 'ann')).toMatchObject({ status: 202 });
    expect(await approve(shown, 'ann')).toMatchObject({ status: 409 });
    const refused = await approve(shown, 'bob');
    expect(refused.status).toBe(409);
    expect(Problem.parse(refused.json).error.message).toContain(name);
    await fixture.cloud.admin.call('identity', 'DELETE', path);
    expect(await isDomainEnabled()).toBe(true);
  });

  it('names the held and the changed project that it waits for, also after a kill, and deletes the others', async () => {
    const { held = '', leaf = '', web = '', vault = '', top = '', middle = '' } = projects;
    const hold = await call('POST', '/v1/holds', { project: held, reason: 'evidence' });
    expect(hold.status).toBe(201);
    const network = { network: { name: `${fixture.customer.prefix}-drift`, project_id: leaf } };
    await fixture.cloud.admin.call('network', 'POST', '/networks', { json: network });
    expect(await approve(shown, 'bob')).toMatchObject({ status: 202 });
    await fixture.propagator.operation(
      { project: web },
      isState('pre-delete', 'running', 'closing', 'finished'),
      OPERATION_SECONDS,
    );
    await fixture.propagator.kill();
    await start();
    const view = await domainView(
      waitsFor(/^project \S+-held .*evidence/, /^project \S+-leaf .*more resources appeared/),
    );
    console.log(describeView(view));
    for (const project of [web, vault])
      await fixture.propagator.operation({ project }, isState('finished'), OPERATION_SECONDS);
    expect((await projectsLeft()).toSorted()).toEqual([held, leaf, middle, top].toSorted());
    expect(await isDomainEnabled()).toBe(true);
    const now = await settledSnapshot(fixture.cloud, Object.values(projects));
    for (const id of [held, middle, top])
      expect(now.projects.get(id)).toEqual(before.projects.get(id));
    for (const id of [web, vault]) expect(leftoverLabels(now, id)).toEqual([]);
  });

  it('ends after the release and the end of the hold: no resource of the domain is left, and the control projects are unchanged', async () => {
    const [drifted] = await fixture.propagator.operations({ project: projects.leaf ?? '' });
    const release = `/v1/operations/${drifted?.operation.id}/release`;
    expect((await call('POST', release, { reason: 'looked at it' })).status).toBe(202);
    expect((await call('DELETE', `/v1/holds/project/${projects.held}`)).status).toBe(200);
    const view = await domainView(isState('finished', 'unverified', 'held'));
    console.log(describeView(view));
    expect(view.operation.state).toBe('finished');
    expect(await isThere(`/domains/${domain}`)).toBe(false);
    const gone = [`/roles/${more.roleId}`, `/limits/${more.limitId}`];
    const provider = `/OS-FEDERATION/identity_providers/${more.federation}`;
    for (const path of [...gone, provider])
      expect([path, await isThere(path)]).toEqual([path, false]);
    for (const id of fixture.customer.userIds) expect(await isThere(`/users/${id}`)).toBe(false);
    const now = await settledSnapshot(fixture.cloud, Object.values(projects));
    for (const [name, id] of Object.entries(projects))
      expect([name, leftoverLabels(now, id)]).toEqual([name, []]);
    const after = await fixture.snapshot(true);
    const { before: was, now: is } = fixture.linesOfOtherProjects(
      after,
      'web',
      'vault',
      'held',
      'top',
    );
    expect(is).toEqual(was);
    expect(await fixture.propagator.deadLetters()).toEqual([]);
  });
});
