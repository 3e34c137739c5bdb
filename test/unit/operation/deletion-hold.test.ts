import {
  CONTROL,
  deleted,
  failure,
  type StatefulSimulation,
  TARGET,
} from '../../property/stateful-simulation.ts';
import { ALL_RESOURCES, eachSimulation } from './each-simulation.ts';
import { deletedWithBackups } from './held-copies-fixture.ts';

let simulation: StatefulSimulation;
eachSimulation((fresh) => {
  simulation = fresh;
});
const addHold = (what: object) =>
  simulation.call('POST', '/v1/holds', { reason: 'lawsuit', ...what });
const endHold = (path: string) => simulation.call('DELETE', `/v1/holds/${path}`);
const waitsOn = async () => {
  const { body } = await simulation.call('GET', `/v1/operations/${simulation.operation.id}`);
  return (body.waitsOn as { on: string }[]).map(({ on }) => on);
};

describe('a hold of a project', () => {
  it('keeps all resources; the operation names the hold, and continues after its end', async () => {
    expect(await addHold({ project: TARGET, ticket: 'CASE-1' })).toMatchObject({ status: 201 });
    await simulation.ask();
    await simulation.settle();
    expect(simulation.left()).toEqual(ALL_RESOURCES);
    expect(simulation.cloud.projects.get(TARGET)).toMatchObject({ enabled: true });
    expect((await waitsOn())[0]).toContain(
      'a hold keeps project target (by ann, ticket CASE-1): lawsuit',
    );
    expect(await endHold(`project/${TARGET}`)).toMatchObject({ status: 200 });
    await simulation.settle();
    expect(simulation.state).toBe('finished');
    expect(simulation.left()).toEqual({});
  });

  it('stops the next removal of a run that is under way, even if the project is deleted', async () => {
    simulation.cloud.delete(TARGET);
    await simulation.handle(deleted('project', TARGET));
    await simulation.until(() => simulation.state === 'running');
    const holdDocument = {
      collection: 'deletion-hold',
      partition: 'project',
      id: TARGET,
      version: 0,
      value: { target: 'project', id: TARGET, by: 'ann', reason: 'lawsuit', at: 0 },
    } as const;
    await simulation.engine.commit({ documents: [holdDocument] });
    const before = simulation.left();
    await simulation.settle();
    expect(simulation.left()).toEqual(before);
    await endHold(`project/${TARGET}`);
    await simulation.settle();
    expect(simulation.left()).toEqual({ 'vault.secret': 2, 'booking.lease': 2 });
  });

  it('ends at the time of its --until', async () => {
    const until = new Date(simulation.engine.time + 3_600_000).toISOString();
    await addHold({ project: TARGET, until });
    await simulation.ask();
    await simulation.until(() => simulation.engine.time > Date.parse(until) - 600_000);
    expect(simulation.left()).toEqual(ALL_RESOURCES);
    await simulation.settle();
    expect(simulation.state).toBe('finished');
  });

  it('can also be a tag of the project in Keystone', async () => {
    simulation.cloud.tags.push('propagator:hold');
    await simulation.ask();
    await simulation.settle();
    expect(simulation.left()).toEqual(ALL_RESOURCES);
    expect((await waitsOn())[0]).toContain('has the tag propagator:hold in Keystone');
    simulation.cloud.tags.length = 0;
    await simulation.settle();
    expect(simulation.state).toBe('finished');
  });
});

describe('a hold of a resource', () => {
  it('stores the project of the resource, which does not limit the hold', async () => {
    const resource = 'network.port/target-1';
    const unknown = await addHold({ resource, project: 'typo' });
    expect(unknown).toMatchObject({ status: 409 });
    const added = await addHold({ resource, project: CONTROL });
    expect(added).toMatchObject({ status: 201, body: { target: 'resource', project: CONTROL } });
    const { body } = await simulation.call('GET', '/v1/holds');
    expect(body.holds).toEqual([
      expect.objectContaining({ target: 'resource', id: resource, project: CONTROL }),
    ]);
    await simulation.ask();
    await simulation.settle();
    expect(simulation.left()).toEqual({ 'network.port': 1 });
    expect((await waitsOn())[0]).toContain(`resource ${resource} of project ${CONTROL} (by ann)`);
    await endHold('resource/network.port%2Ftarget-1');
    await simulation.settle();
    expect(simulation.state).toBe('finished');
  });

  it.each([{ domain: 'default' }, { domain: 'default', project: TARGET }])(
    'is refused together with %j',
    async (more) => {
      const answer = await addHold({ resource: 'network.port/target-1', ...more });
      expect(answer).toMatchObject({ status: 400 });
    },
  );

  it('keeps this resource and the project, and all other resources are removed', async () => {
    await addHold({ resource: 'network.port/target-1' });
    await simulation.ask();
    await simulation.settle();
    expect(simulation.left()).toEqual({ 'network.port': 1 });
    expect(simulation.cloud.projects.has(TARGET)).toBe(true);
    expect((await waitsOn())[0]).toContain('a hold keeps resource network.port/target-1');
    await endHold('resource/network.port%2Ftarget-1');
    await simulation.settle();
    expect(simulation.state).toBe('finished');
  });

  it('is shown by a plan', async () => {
    await addHold({ resource: 'network.port/target-1' });
    const { body } = await simulation.call('POST', `/v1/projects/${TARGET}/plan`, {});
    await simulation.settle();
    const plan = await simulation.call('GET', `/v1/operations/${body.opened}/plan`);
    expect(plan.body.leftToOthers).toMatchObject([
      { resourceType: 'network.port', message: expect.stringContaining('a hold keeps') },
    ]);
  });
});

describe('a hold that a failing service has not reported', () => {
  it.each(['Transient', 'Denied', 'Unexpected'] as const)(
    'keeps the data of a backup if the first run of the service fails with %s',
    async (errorClass) => {
      const { simulation: project, volumes, addHold, endHold } = await deletedWithBackups();
      await project.until(() => project.state === 'running');
      expect(volumes()?.conditions).toEqual([]);
      await addHold();
      project.cloud.broken.set('volumes', failure(errorClass));
      await project.settle();
      expect(project.left()).toEqual({ 'volumes.backup': 2, 'store.object': 2 });
      project.cloud.broken.clear();
      await endHold();
      await project.engine.redrive({}, { by: 'ann' });
      await project.settle();
      expect(project.state).toBe('finished');
      expect(project.left()).toEqual({});
    },
  );

  it('does not keep the objects if it keeps a resource of another type', async () => {
    const { simulation: project, addHold } = await deletedWithBackups();
    await addHold('network.port/target-0');
    project.cloud.broken.set('volumes', failure('Denied'));
    await project.settle();
    expect(project.left()).toEqual({ 'volumes.backup': 2 });
  });
});

describe('POST /v1/holds', () => {
  it.each([
    ['no target', {}, 400],
    ['two targets', { project: TARGET, domain: 'default' }, 400],
    ['a resource without a type', { resource: 'target-1' }, 400],
    ['an unknown type', { resource: 'network.prot/1' }, 409],
    ['an unknown project', { project: 'tagret' }, 409],
    ['an unknown domain', { domain: 'defualt' }, 409],
    ['a resource of an unknown project', { resource: 'network.port/1', project: 'tagret' }, 409],
    ['an end in the past', { project: TARGET, until: '1969-01-01T00:00:00Z' }, 409],
    ['an end without a zone', { project: TARGET, until: '2127-01-01T00:00:00' }, 400],
  ])('refuses %s, because it would keep nothing', async (_, what, status) => {
    expect(await addHold(what)).toMatchObject({ status });
    expect((await simulation.call('GET', '/v1/holds')).body).toEqual({
      holds: [],
      suspensions: [],
    });
  });

  it('adds a hold of a domain', async () => {
    simulation.cloud.domains.set('default', { name: 'Default', enabled: true });
    expect(await addHold({ domain: 'default' })).toMatchObject({
      status: 201,
      body: { target: 'domain', id: 'default', by: 'ann', reason: 'lawsuit' },
    });
  });

  it('replaces a hold that has ended', async () => {
    const until = new Date(simulation.engine.time + 1000).toISOString();
    await addHold({ project: TARGET, until });
    simulation.engine.time += 1000;
    expect(await addHold({ project: TARGET, reason: 'appeal' })).toMatchObject({ status: 201 });
    expect((await simulation.call('GET', '/v1/holds')).body).toMatchObject({
      holds: [{ id: TARGET, reason: 'appeal' }],
    });
  });

  it('names the person who set the first hold, if a hold exists already', async () => {
    await addHold({ project: TARGET });
    const again = { project: TARGET, reason: 'other' };
    expect(await simulation.call('POST', '/v1/holds', again, 'bob')).toMatchObject({
      status: 409,
      body: { error: { message: 'ann holds project target already: lawsuit' } },
    });
    expect(await endHold('project/other')).toMatchObject({ status: 404 });
  });
});
