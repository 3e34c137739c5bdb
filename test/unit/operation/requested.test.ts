import { EVERY_CLASS, failure, LivingWorld, TARGET } from '../../property/stateful-world.ts';

const ALL = {
  'booking.host': 2,
  'booking.lease': 2,
  'compute.server': 2,
  'network.port': 2,
  'vault.label': 2,
  'vault.secret': 2,
};
let world: LivingWorld;
beforeEach(() => {
  world = new LivingWorld(EVERY_CLASS);
});
afterEach(() => {
  world.expectOthersUntouched();
});
const untouched = (): void => {
  expect(world.left()).toEqual(ALL);
  expect(world.cloud.projects.get(TARGET)).toMatchObject({ enabled: true });
  expect([...world.cloud.roles]).toEqual([]);
};

describe('the requested cleanup of a living project', () => {
  it('removes all resources, revokes its own role, and deletes the project in Keystone', async () => {
    expect(await world.ask()).toMatchObject({
      status: 202,
      body: { opened: expect.stringMatching(/^op-/) },
    });
    await world.settle();
    expect(world.state).toBe('finished');
    expect(world.left()).toEqual({});
    expect(world.cloud.projects.has(TARGET)).toBe(false);
    expect([...world.cloud.roles]).toEqual([]);
    expect(world.operation.request).toMatchObject({
      by: 'ann',
      reason: 'contract ended',
      enabled: true,
    });
  });

  it('removes what needs the living project, disables the project, removes the rest, and deletes the project', async () => {
    await world.ask();
    expect(await world.until(() => world.cloud.roles.size > 0)).toBe(true);
    expect(world.left()).toEqual(ALL);
    expect(await world.until(() => world.cloud.projects.get(TARGET)?.enabled === false)).toBe(true);
    expect(world.left()).toEqual({ 'compute.server': 2, 'network.port': 2 });
    expect([...world.cloud.roles]).toEqual([]);
    expect(await world.until(() => !world.cloud.projects.has(TARGET))).toBe(true);
    expect(world.left()).toEqual({});
  });

  it('does not disable the project before each pre-delete service is done', async () => {
    world.cloud.broken.set('booking', failure('Transient'));
    await world.ask();
    await world.settle(100);
    expect(world.state).toBe('pre-delete');
    expect(world.left()).toEqual({
      'booking.host': 2,
      'booking.lease': 2,
      'compute.server': 2,
      'network.port': 2,
    });
    expect(world.cloud.projects.get(TARGET)).toMatchObject({ enabled: true });
    world.cloud.broken.clear();
    await world.settle();
    expect(world.state).toBe('finished');
  });

  it('revokes only the role that it assigned', async () => {
    world.cloud.roles.add('target/admin');
    await world.ask();
    expect(await world.until(() => world.cloud.roles.size === 2)).toBe(true);
    expect(await world.until(() => world.state === 'running')).toBe(true);
    expect([...world.cloud.roles]).toEqual(['target/admin']);
  });

  it('of a disabled project assigns no role, and reports what could not be reached', async () => {
    world.cloud.enable(TARGET, false);
    expect(await world.ask({})).toMatchObject({ status: 202 });
    await world.until(() => world.cloud.roles.size > 0);
    expect([...world.cloud.roles]).toEqual([]);
    expect(world.state).toBe('held');
    expect(world.left()).toEqual({ 'vault.secret': 2, 'booking.lease': 2 });
    expect(world.cloud.projects.has(TARGET)).toBe(true);
  });
});

describe('a cleanup request', () => {
  it.each([
    ['the name of the project is missing', () => world.ask({}), 'say its name'],
    ['the name is another one', () => world.ask({ name: 'bank' }), 'another one than you said'],
    [
      'the name differs in upper and lower case',
      () => world.ask({ name: 'Shop' }),
      'another one than you said',
    ],
    [
      'Keystone has no such project',
      () => world.ask({ project: 'nothing', name: 'nothing' }),
      'Keystone has no project with this id',
    ],
    [
      'the project is that of the cleaner',
      () => world.ask({ project: 'cleaner', name: 'cleaner' }),
      'it is protected: it is the project that',
    ],
  ])('is refused if %s', async (_, ask, because) => {
    expect(await ask()).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining(because) } },
    });
    expect(world.engine.operations.size).toBe(0);
    untouched();
  });

  it('is refused for a wrong name, also if the project is disabled', async () => {
    world.cloud.enable(TARGET, false);
    expect(await world.ask({ name: 'bank' })).toMatchObject({ status: 409 });
    expect(world.engine.operations.size).toBe(0);
  });

  it('is refused for a project that has children or is protected by the settings', async () => {
    world.cloud.projects.set('child', { name: 'child', enabled: false, parentId: TARGET });
    expect(await world.ask()).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining('1 project is') } },
    });
    world.cloud.projects.delete('child');
    world.protectedProjects = [TARGET];
    expect(await world.ask()).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining('protected') } },
    });
    untouched();
  });

  it('is refused while an operation on the project is open, and accepted after its end', async () => {
    await world.ask();
    const { id } = world.operation;
    expect(await world.ask()).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining(`${id} is confirming`) } },
    });
    await world.settle();
    world.cloud.projects.set(TARGET, { name: 'shop', enabled: true });
    expect(await world.ask()).toMatchObject({ status: 202 });
    expect(world.engine.operations.size).toBe(2);
  });

  it('opens one operation if two requests arrive at the same moment', async () => {
    const answers = await Promise.all([world.ask(), world.ask()]);
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 409]);
    expect(world.engine.operations.size).toBe(1);
  });
});

describe('the first confirmation of a requested cleanup', () => {
  it('refuses the operation if the project was disabled at the request and is enabled now', async () => {
    world.cloud.enable(TARGET, false);
    await world.ask({});
    world.cloud.enable(TARGET, true);
    await world.settle();
    expect(world.operation).toMatchObject({
      state: 'refused',
      hold: { reason: expect.stringContaining('shows it enabled now') },
    });
    untouched();
    expect(await world.ask()).toMatchObject({ status: 202 });
    await world.settle();
    expect(world.operation).toMatchObject({ state: 'finished', generation: 2 });
  });

  it('waits while Keystone does not answer', async () => {
    await world.ask();
    world.cloud.keystoneAway = true;
    await world.settle(20);
    expect(world.operation).toMatchObject({
      state: 'confirming',
      hold: { reason: expect.stringContaining('no certain answer') },
    });
    world.cloud.keystoneAway = false;
    untouched();
    await world.settle();
    expect(world.operation).toMatchObject({ state: 'finished', hold: undefined });
  });

  it('is used once, even if its message is delivered again', async () => {
    world.cloud.broken.set('compute', failure('Transient'));
    await world.ask();
    const confirmation = world.engine.due()[0];
    await world.until(() => world.engine.tasks.size > 0);
    const before = world.stored;
    if (confirmation) await world.handle(confirmation.message);
    expect(world.stored).toEqual(before);
  });
});
