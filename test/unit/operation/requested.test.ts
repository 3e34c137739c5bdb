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

describe('an administrator asks for the end of a project that lives', () => {
  it('empties all of it, gives its role back, and deletes the project in Keystone', async () => {
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

  it('removes what needs the project alive, then disables it, then the rest, and deletes it when nothing is left', async () => {
    await world.ask();
    expect(await world.until(() => world.cloud.roles.size > 0)).toBe(true);
    expect(world.left()).toEqual(ALL);
    expect(await world.until(() => world.cloud.projects.get(TARGET)?.enabled === false)).toBe(true);
    expect(world.left()).toEqual({ 'compute.server': 2, 'network.port': 2 });
    expect([...world.cloud.roles]).toEqual([]);
    expect(await world.until(() => !world.cloud.projects.has(TARGET))).toBe(true);
    expect(world.left()).toEqual({});
  });

  it('does not disable it while one of the early services has not done all', async () => {
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

  it('gives back only the role that it took', async () => {
    world.cloud.roles.add('target/admin');
    await world.ask();
    expect(await world.until(() => world.cloud.roles.size === 2)).toBe(true);
    expect(await world.until(() => world.state === 'running')).toBe(true);
    expect([...world.cloud.roles]).toEqual(['target/admin']);
  });

  it('empties a disabled one without a role on it, and says what could not be reached', async () => {
    world.cloud.enable(TARGET, false);
    expect(await world.ask({})).toMatchObject({ status: 202 });
    await world.until(() => world.cloud.roles.size > 0);
    expect([...world.cloud.roles]).toEqual([]);
    expect(world.state).toBe('held');
    expect(world.left()).toEqual({ 'vault.secret': 2, 'booking.lease': 2 });
    expect(world.cloud.projects.has(TARGET)).toBe(true);
  });
});

describe('before anything is opened', () => {
  it.each([
    ['its name is not said', () => world.ask({}), 'say its name'],
    ['another name is said', () => world.ask({ name: 'bank' }), 'another one than you said'],
    [
      'its name is said with another case',
      () => world.ask({ name: 'Shop' }),
      'another one than you said',
    ],
    [
      'Keystone has no such project',
      () => world.ask({ project: 'nothing', name: 'nothing' }),
      'Keystone has no project with this id',
    ],
    [
      'it is the own project',
      () => world.ask({ project: 'cleaner', name: 'cleaner' }),
      'it is protected: it is the project that',
    ],
  ])('refuses when %s', async (_, ask, because) => {
    expect(await ask()).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining(because) } },
    });
    expect(world.engine.operations.size).toBe(0);
    untouched();
  });

  it('refuses a wrong name for a disabled one, too', async () => {
    world.cloud.enable(TARGET, false);
    expect(await world.ask({ name: 'bank' })).toMatchObject({ status: 409 });
    expect(world.engine.operations.size).toBe(0);
  });

  it('refuses one with projects below it, and one that the settings protect', async () => {
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

  it('refuses a second one while the first is open, and not after it has finished', async () => {
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

  it('opens one when two ask at the same moment', async () => {
    const answers = await Promise.all([world.ask(), world.ask()]);
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 409]);
    expect(world.engine.operations.size).toBe(1);
  });
});

describe('what the first look decides', () => {
  it('lets go of a project that was disabled when it was asked for, and is enabled now', async () => {
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

  it('is waited for while Keystone does not answer', async () => {
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

  it('is taken once, however often the question comes', async () => {
    world.cloud.broken.set('compute', failure('Transient'));
    await world.ask();
    const confirmation = world.engine.due()[0];
    await world.until(() => world.engine.tasks.size > 0);
    const before = world.stored;
    if (confirmation) await world.handle(confirmation.message);
    expect(world.stored).toEqual(before);
  });
});
