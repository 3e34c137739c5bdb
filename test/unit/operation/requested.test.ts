import { failure, type StatefulSimulation, TARGET } from '../../property/stateful-simulation.ts';
import { ALL_RESOURCES, eachSimulation, expectUntouched } from './each-simulation.ts';

let simulation: StatefulSimulation;
eachSimulation((fresh) => {
  simulation = fresh;
});

describe('the requested cleanup of an existing project', () => {
  it('removes all resources, revokes its own role, and deletes the project in Keystone', async () => {
    expect(await simulation.ask()).toMatchObject({
      status: 202,
      body: { opened: expect.stringMatching(/^op-/) },
    });
    await simulation.settle();
    expect(simulation.state).toBe('finished');
    expect(simulation.left()).toEqual({});
    expect(simulation.cloud.projects.has(TARGET)).toBe(false);
    expect([...simulation.cloud.roles]).toEqual([]);
    expect(simulation.operation.request).toMatchObject({
      by: 'ann',
      reason: 'contract ended',
      enabled: true,
    });
  });

  it('removes resources that need the living project, disables the project, removes the rest, deletes it', async () => {
    await simulation.ask();
    expect(await simulation.until(() => simulation.cloud.roles.size > 0)).toBe(true);
    expect(simulation.left()).toEqual(ALL_RESOURCES);
    expect(
      await simulation.until(() => simulation.cloud.projects.get(TARGET)?.enabled === false),
    ).toBe(true);
    expect(simulation.left()).toEqual({ 'compute.server': 2, 'network.port': 2 });
    expect([...simulation.cloud.roles]).toEqual([]);
    expect(await simulation.until(() => !simulation.cloud.projects.has(TARGET))).toBe(true);
    expect(simulation.left()).toEqual({});
  });

  it('does not disable the project before each pre-delete service is done', async () => {
    simulation.cloud.broken.set('booking', failure('Transient'));
    await simulation.ask();
    await simulation.settle(100);
    expect(simulation.state).toBe('pre-delete');
    expect(simulation.left()).toEqual({
      'booking.host': 2,
      'booking.lease': 2,
      'compute.server': 2,
      'network.port': 2,
    });
    expect(simulation.cloud.projects.get(TARGET)).toMatchObject({ enabled: true });
    simulation.cloud.broken.clear();
    await simulation.settle();
    expect(simulation.state).toBe('finished');
  });

  it('revokes only the role that it assigned', async () => {
    simulation.cloud.roles.add('target/admin');
    await simulation.ask();
    expect(await simulation.until(() => simulation.cloud.roles.size === 2)).toBe(true);
    expect(await simulation.until(() => simulation.state === 'running')).toBe(true);
    expect([...simulation.cloud.roles]).toEqual(['target/admin']);
  });

  it('assigns no role on a disabled project, and reports the unreachable resources', async () => {
    simulation.cloud.enable(TARGET, false);
    expect(await simulation.ask({})).toMatchObject({ status: 202 });
    await simulation.until(() => simulation.cloud.roles.size > 0);
    expect([...simulation.cloud.roles]).toEqual([]);
    expect(simulation.state).toBe('held');
    expect(simulation.left()).toEqual({ 'vault.secret': 2, 'booking.lease': 2 });
    expect(simulation.cloud.projects.has(TARGET)).toBe(true);
  });
});

describe('a cleanup request', () => {
  it.each([
    ['the name of the project is missing', () => simulation.ask({}), 'confirm it with its name'],
    [
      'the name is another one',
      () => simulation.ask({ name: 'bank' }),
      'not the name of this project',
    ],
    [
      'the name differs in upper and lower case',
      () => simulation.ask({ name: 'Shop' }),
      'not the name of this project',
    ],
    [
      'Keystone has no such project',
      () => simulation.ask({ project: 'nothing', name: 'nothing' }),
      'Keystone has no project with this id',
    ],
    [
      'the project is that of the cleaner',
      () => simulation.ask({ project: 'cleaner', name: 'cleaner' }),
      'it is protected: it is the project that',
    ],
  ])('is refused if %s', async (_, ask, because) => {
    expect(await ask()).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining(because) } },
    });
    expect(simulation.engine.operations.size).toBe(0);
    expectUntouched(simulation);
  });

  it('is refused for a wrong name, even if the project is disabled', async () => {
    simulation.cloud.enable(TARGET, false);
    expect(await simulation.ask({ name: 'bank' })).toMatchObject({ status: 409 });
    expect(simulation.engine.operations.size).toBe(0);
  });

  it('is refused for a project that has children or is protected by the settings', async () => {
    simulation.cloud.projects.set('child', { name: 'child', enabled: false, parentId: TARGET });
    expect(await simulation.ask()).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining('1 project is') } },
    });
    simulation.cloud.projects.delete('child');
    simulation.protectedProjects = [TARGET];
    expect(await simulation.ask()).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining('protected') } },
    });
    expectUntouched(simulation);
  });

  it('is refused while an operation on the project is open, and accepted after its end', async () => {
    await simulation.ask();
    const { id } = simulation.operation;
    expect(await simulation.ask()).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining(`${id} is confirming`) } },
    });
    await simulation.settle();
    simulation.cloud.projects.set(TARGET, { name: 'shop', enabled: true });
    expect(await simulation.ask()).toMatchObject({ status: 202 });
    expect(simulation.engine.operations.size).toBe(2);
  });

  it('opens only one operation if two requests arrive at the same moment', async () => {
    const answers = await Promise.all([simulation.ask(), simulation.ask()]);
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 409]);
    expect(simulation.engine.operations.size).toBe(1);
  });
});

describe('the first confirmation of a requested cleanup', () => {
  it('refuses the operation if the project was disabled at the request and is enabled now', async () => {
    simulation.cloud.enable(TARGET, false);
    await simulation.ask({});
    simulation.cloud.enable(TARGET, true);
    await simulation.settle();
    expect(simulation.operation).toMatchObject({
      state: 'refused',
      hold: { reason: expect.stringContaining('shows it enabled now') },
    });
    expectUntouched(simulation);
    expect(await simulation.ask()).toMatchObject({ status: 202 });
    await simulation.settle();
    expect(simulation.operation).toMatchObject({ state: 'finished', generation: 2 });
  });

  it('waits while Keystone does not answer', async () => {
    await simulation.ask();
    simulation.cloud.keystoneAway = true;
    await simulation.settle(20);
    expect(simulation.operation).toMatchObject({
      state: 'confirming',
      hold: { reason: expect.stringContaining('no certain answer') },
    });
    simulation.cloud.keystoneAway = false;
    expectUntouched(simulation);
    await simulation.settle();
    expect(simulation.operation).toMatchObject({ state: 'finished', hold: undefined });
  });

  it('is used once, even if its message is delivered again', async () => {
    simulation.cloud.broken.set('compute', failure('Transient'));
    await simulation.ask();
    const confirmation = simulation.engine.dueMessages()[0];
    await simulation.until(() => simulation.engine.tasks.size > 0);
    const before = simulation.stored;
    if (confirmation) await simulation.handle(confirmation.message);
    expect(simulation.stored).toEqual(before);
  });
});
