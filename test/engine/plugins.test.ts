import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { jest } from '@jest/globals';
import * as z from 'zod';
import { ServicesShape } from '../../lib/cli/shapes.ts';
import { PluginFixture } from './plugin-fixture.ts';

jest.setTimeout(240_000);

/** Runs the unchanged examples of `examples/` with a complete propagator on the rehearsal cloud. */
describe('services of the operator', () => {
  let fixture: PluginFixture;
  let control: string;
  beforeAll(async () => {
    fixture = await PluginFixture.open();
    control = fixture.project('control');
  });
  afterAll(() => fixture.close());
  const controlResources = () => ({
    billing: fixture.billing.of(control),
    cmdb: fixture.cmdb.of(control),
  });
  const ALL = {
    billing: ['control-machines', 'control-support', 'control-card'],
    cmdb: ['laptop', 'rack'],
  };
  afterEach(() => {
    expect(controlResources()).toEqual(ALL);
    expect(fixture.cloud.store.resources(control).length).toBeGreaterThan(0);
  });

  it('are cleaned up in order for the deleted project, like Nova, and for no other project', async () => {
    const project = fixture.project('leaver');
    await fixture.delete(project);
    const { operation, tasks } = await fixture.waitFor(
      'the end',
      project,
      (seen) => seen.operation.endedAt !== undefined,
    );
    expect(operation.state).toBe('finished');
    expect([
      fixture.billing.of(project),
      fixture.cmdb.of(project),
      fixture.cloud.store.resources(project),
    ]).toEqual([[], [], []]);
    expect(fixture.billing.wrongOrder).toEqual([]);
    const counts = Object.fromEntries(tasks.flatMap((task) => Object.entries(task.counts)));
    expect(counts).toMatchObject({
      'billing.subscription': { found: 2, removed: 2, left: 0 },
      'billing.payment-method': { found: 1, removed: 1, left: 0 },
      'cmdb.asset': { found: 2, removed: 2, left: 0 },
    });
  });

  it('are suspended and resumed with the project if a module adds them; resources paused before stay paused', async () => {
    const project = fixture.project('pausing');
    const support = fixture.billing.tables
      .get('subscriptions')
      ?.find(({ id }) => id === 'pausing-support');
    if (support) support.paused = true;
    const ask = (verb: 'suspend' | 'resume') =>
      fixture.client.post(`/v1/projects/${project}/${verb}`, { reason: 'unpaid' }, z.unknown());
    const ended = (action: string) =>
      fixture.waitFor(
        `the end of ${action}`,
        project,
        ({ operation }) => operation.action === action && operation.endedAt !== undefined,
      );
    await ask('suspend');
    const suspended = await ended('suspend');
    expect(suspended.operation.state).toBe('finished');
    const { counts } = suspended.tasks.find(({ service }) => service === 'billing') ?? {};
    expect(counts).toEqual({ 'billing.subscription': { found: 1, removed: 1, left: 0 } });
    expect(fixture.billing.paused(project)).toEqual(['pausing-machines', 'pausing-support']);
    expect(fixture.billing.paused(control)).toEqual([]);
    await ask('resume');
    expect((await ended('resume')).operation.state).toBe('finished');
    expect(fixture.billing.paused(project)).toEqual(['pausing-support']);
    expect(fixture.billing.of(project)).toHaveLength(3);
  });

  it('delay the operation while one of them is down, and change no other project although an API ignores the filter', async () => {
    fixture.billing.ignoresFilter = true;
    await fixture.cmdb.kill();
    const project = fixture.project('second');
    await fixture.delete(project);
    const away = await fixture.waitFor(
      'the reason',
      project,
      ({ waitsOn, tasks }) =>
        waitsOn.some(({ on }) => on.startsWith('cmdb')) &&
        tasks.some(({ service, state }) => service === 'billing' && state === 'finished'),
    );
    expect(away.waitsOn.filter(({ on }) => on.startsWith('cmdb'))).toEqual([
      expect.objectContaining({ on: 'cmdb: cmdb does not answer', actor: 'none' }),
    ]);
    expect([fixture.billing.of(project), fixture.cmdb.of(project)]).toEqual([
      [],
      ['laptop', 'rack'],
    ]);
    expect(controlResources()).toEqual(ALL);
    const [billing] = away.tasks.filter(({ service }) => service === 'billing');
    expect(billing?.conditions.map(({ message }) => message)).toContain(
      'the listing contained resources of other owners; they were not changed',
    );
    await fixture.cmdb.start();
    const { operation } = await fixture.waitFor(
      'the end',
      project,
      (seen) => seen.operation.endedAt !== undefined,
    );
    expect([operation.state, fixture.cmdb.of(project)]).toEqual(['finished', []]);
    fixture.billing.ignoresFilter = false;
  });

  it('are not finished while resources are left, even if they report so', async () => {
    const project = fixture.project('audited');
    fixture.cmdb.add(project, 'safe', true);
    await fixture.delete(project);
    const waiting = await fixture.waitFor('the audit', project, ({ waitsOn }) =>
      waitsOn.some(({ on }) => on.includes('audited')),
    );
    expect(waiting.waitsOn.filter(({ on }) => on.startsWith('cmdb'))).toMatchObject([
      { on: 'cmdb.asset: the assets are being audited', actor: 'operator' },
    ]);
    const task = waiting.tasks.find(({ service }) => service === 'cmdb')?.id ?? '';
    const lie = {
      type: 'service.finished',
      phase: 'apply',
      data: { result: 'finished', counts: { 'cmdb.asset': { listed: 1, gone: 0, left: 1 } } },
    };
    const reported = fixture.client.post(
      `/v1/tasks/${encodeURIComponent(task)}/report`,
      lie,
      z.unknown(),
    );
    await expect(reported).rejects.toThrow('its own counts show resources that are left (1)');
    expect((await fixture.operationOf(project))?.operation.state).toBe('running');
    expect(fixture.cmdb.of(project)).toEqual(['safe']);
    fixture.cmdb.endAudits();
    const { operation } = await fixture.waitFor(
      'the end',
      project,
      (seen) => seen.operation.endedAt !== undefined,
    );
    expect([operation.state, fixture.cmdb.of(project)]).toEqual(['finished', []]);
  });

  it('are listed with the other services in the output of the program', async () => {
    const environment = {
      ...process.env,
      PROPAGATOR_API_URL: `http://127.0.0.1:${fixture.propagator.port}`,
    };
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['lib/cli/propagator.ts', 'service', 'list', '--json'],
      { env: environment },
    );
    const { services, httpPlugins } = ServicesShape.parse(JSON.parse(stdout));
    expect(services.find(({ name }) => name === 'billing')).toMatchObject({
      regions: ['everywhere'],
      resourceTypes: ['billing.subscription', 'billing.payment-method'],
      dependsOn: expect.arrayContaining(
        ['nova', 'cinder', 'neutron'].map((service) => ({
          service,
          strength: 'preferred',
          until: 'done',
        })),
      ),
    });
    expect(httpPlugins).toEqual(['cmdb']);
  });
});
