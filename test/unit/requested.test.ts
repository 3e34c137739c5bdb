import { EVERY_CLASS, failure, LivingWorld, VICTIM } from '../property/living-world.ts';

const ALL = { 'booking.host': 2, 'booking.lease': 2, 'compute.server': 2, 'network.port': 2, 'vault.label': 2, 'vault.secret': 2 };
let world: LivingWorld;
beforeEach(() => {
  world = new LivingWorld(EVERY_CLASS);
});
afterEach(() => {
  world.expectOthersUntouched();
});
const untouched = (): void => {
  expect(world.left()).toEqual(ALL);
  expect(world.cloud.projects.get(VICTIM)).toMatchObject({ enabled: true });
  expect([...world.cloud.roles]).toEqual([]);
};

describe('an administrator asks for the end of a project that lives', () => {
  it('empties all of it, gives its role back, and deletes the project in Keystone', async () => {
    expect(await world.ask()).toMatchObject({ status: 202, body: { opened: expect.stringMatching(/^op-/) } });
    await world.settle();
    expect(world.state).toBe('finished');
    expect(world.left()).toEqual({});
    expect(world.cloud.projects.has(VICTIM)).toBe(false);
    expect([...world.cloud.roles]).toEqual([]);
    expect(world.operation.request).toMatchObject({ by: 'ann', reason: 'contract ended', enabled: true });
  });

  it('removes what needs the project alive, then disables it, then the rest, and deletes it when nothing is left', async () => {
    await world.ask();
    expect(await world.until(() => world.cloud.roles.size > 0)).toBe(true);
    expect(world.left()).toEqual(ALL);
    expect(await world.until(() => world.cloud.projects.get(VICTIM)?.enabled === false)).toBe(true);
    expect(world.left()).toEqual({ 'compute.server': 2, 'network.port': 2 });
    expect([...world.cloud.roles]).toEqual([]);
    expect(await world.until(() => !world.cloud.projects.has(VICTIM))).toBe(true);
    expect(world.left()).toEqual({});
  });

  it('does not disable it while one of the early services has not done all', async () => {
    world.cloud.broken.set('booking', failure('Transient'));
    await world.ask();
    await world.settle(100);
    expect(world.state).toBe('early');
    expect(world.left()).toEqual({ 'booking.host': 2, 'booking.lease': 2, 'compute.server': 2, 'network.port': 2 });
    expect(world.cloud.projects.get(VICTIM)).toMatchObject({ enabled: true });
    world.cloud.broken.clear();
    await world.settle();
    expect(world.state).toBe('finished');
  });

  it('gives back only the role that it took', async () => {
    world.cloud.roles.add('victim/admin');
    await world.ask();
    expect(await world.until(() => world.cloud.roles.size === 2)).toBe(true);
    expect(await world.until(() => world.state === 'running')).toBe(true);
    expect([...world.cloud.roles]).toEqual(['victim/admin']);
  });

  it('empties a disabled one without a role on it, and says what could not be reached', async () => {
    world.cloud.enable(VICTIM, false);
    expect(await world.ask({})).toMatchObject({ status: 202 });
    await world.until(() => world.cloud.roles.size > 0);
    expect([...world.cloud.roles]).toEqual([]);
    expect(world.state).toBe('held');
    expect(world.left()).toEqual({ 'vault.secret': 2, 'booking.lease': 2 });
    expect(world.cloud.projects.has(VICTIM)).toBe(true);
  });
});

describe('before anything is opened', () => {
  it.each([
    ['its name is not said', () => world.ask({}), 'say its name'],
    ['another name is said', () => world.ask({ name: 'bank' }), 'another one than you said'],
    ['its name is said with another case', () => world.ask({ name: 'Shop' }), 'another one than you said'],
    ['Keystone has no such project', () => world.ask({ project: 'nothing', name: 'nothing' }), 'no such project'],
    ['it is the own project', () => world.ask({ project: 'cleaner', name: 'cleaner' }), 'it is protected: it is the project that'],
  ])('refuses when %s', async (_, ask, because) => {
    expect(await ask()).toMatchObject({ status: 409, body: { error: { message: expect.stringContaining(because) } } });
    expect(world.engine.operations.size).toBe(0);
    untouched();
  });

  it('refuses a wrong name for a disabled one, too', async () => {
    world.cloud.enable(VICTIM, false);
    expect(await world.ask({ name: 'bank' })).toMatchObject({ status: 409 });
    expect(world.engine.operations.size).toBe(0);
  });

  it('refuses one with projects below it, and one that the settings protect', async () => {
    world.cloud.projects.set('child', { name: 'child', enabled: false, parentId: VICTIM });
    expect(await world.ask()).toMatchObject({ status: 409, body: { error: { message: expect.stringContaining('1 projects') } } });
    world.cloud.projects.delete('child');
    world.protectedProjects = [VICTIM];
    expect(await world.ask()).toMatchObject({ status: 409, body: { error: { message: expect.stringContaining('protected') } } });
    untouched();
  });

  it('refuses a second one while the first is open, and after it has finished', async () => {
    await world.ask();
    const { id } = world.operation;
    expect(await world.ask()).toMatchObject({ status: 409, body: { error: { message: expect.stringContaining(`${id} is confirming`) } } });
    await world.settle();
    world.cloud.projects.set(VICTIM, { name: 'shop', enabled: true });
    expect(await world.ask()).toMatchObject({ status: 409, body: { error: { message: expect.stringContaining('ended before') } } });
    expect(world.engine.operations.size).toBe(1);
  });

  it('opens one when two ask at the same moment', async () => {
    const answers = await Promise.all([world.ask(), world.ask()]);
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 409]);
    expect(world.engine.operations.size).toBe(1);
  });
});

describe('what the first look decides', () => {
  it('lets go of a project that was disabled when it was asked for, and is enabled now', async () => {
    world.cloud.enable(VICTIM, false);
    await world.ask({});
    world.cloud.enable(VICTIM, true);
    await world.settle();
    expect(world.operation).toMatchObject({ state: 'refused', hold: { reason: expect.stringContaining('shows it enabled now') } });
    untouched();
    expect(await world.ask()).toMatchObject({ status: 202 });
    await world.settle();
    expect(world.operation).toMatchObject({ state: 'finished', generation: 2 });
  });

  it('is waited for while Keystone does not answer', async () => {
    await world.ask();
    world.cloud.keystoneAway = true;
    await world.settle(20);
    expect(world.operation).toMatchObject({ state: 'confirming', hold: { reason: expect.stringContaining('no certain answer') } });
    world.cloud.keystoneAway = false;
    untouched();
    await world.settle();
    expect(world.operation).toMatchObject({ state: 'finished', hold: undefined });
  });

  it('is taken once, however often the question comes', async () => {
    world.cloud.broken.set('compute', failure('Transient'));
    await world.ask();
    const look = world.engine.due()[0];
    await world.until(() => world.engine.tasks.size > 0);
    const before = world.stored;
    if (look) await world.handle(look.message);
    expect(world.stored).toEqual(before);
  });
});

describe('in mode observe', () => {
  it('counts, and changes nothing: no role is taken', async () => {
    world.mode = 'observe';
    await world.ask();
    const hadRole = await world.until(() => world.cloud.roles.size > 0);
    expect(hadRole).toBe(false);
    expect(world.state).toBe('observed');
    untouched();
    expect(await world.release()).toMatchObject({ status: 409, body: { error: { message: expect.stringContaining('ask') } } });
  });

  it('can be carried out when it is asked for once more in mode enforce', async () => {
    world.mode = 'observe';
    await world.ask();
    await world.settle();
    expect(await world.ask()).toMatchObject({ status: 409, body: { error: { message: expect.stringContaining('observed already') } } });
    world.mode = 'enforce';
    await world.ask();
    await world.settle();
    expect([...world.engine.operations.values()].map(({ state }) => state)).toEqual(['observed', 'finished']);
    expect(world.left()).toEqual({});
  });

  it.each([
    ['before a role is taken', () => world.state === 'early', ALL],
    ['before it is disabled', () => world.operation.act?.what === 'disable', { 'compute.server': 2, 'network.port': 2 }],
    ['before it is deleted', () => world.state === 'closing', {}],
  ])('does nothing in Keystone when the mode is set back %s', async (_, moment, left) => {
    await world.ask();
    expect(await world.until(moment)).toBe(true);
    const enabled = world.cloud.projects.get(VICTIM)?.enabled;
    world.mode = 'observe';
    await world.settle(50);
    expect(world.cloud.projects.get(VICTIM)).toMatchObject({ enabled });
    expect([...world.cloud.roles]).toEqual([]);
    expect(world.left()).toEqual(left);
    expect(world.operation.hold?.reason).toContain('the mode is observe');
    world.mode = 'enforce';
    await world.settle();
    expect(world.state).toBe('finished');
  });
});

describe('the caps', () => {
  it('hold it before the role is taken; released, it goes its way', async () => {
    world.limits = { ...world.limits, mostThings: 3 };
    await world.ask();
    await world.settle();
    expect(world.operation).toMatchObject({ state: 'held', hold: { reason: 'it holds 10 things, the cap is 3' } });
    untouched();
    await world.release();
    await world.settle();
    expect(world.operation).toMatchObject({ state: 'finished', released: { by: 'bob', reason: 'looked at it' } });
  });

  it('hold it again when more is found after it was disabled; released, it goes on without a role', async () => {
    world.limits = { ...world.limits, mostThings: 13 };
    world.cloud.broken.set('compute', failure('Transient'));
    await world.ask();
    expect(await world.until(() => world.state === 'running')).toBe(true);
    for (let n = 0; n < 4; n += 1) world.cloud.make('compute.server', VICTIM);
    world.cloud.broken.clear();
    await world.settle();
    expect(world.operation).toMatchObject({
      state: 'held',
      hold: { reason: expect.stringMatching(/^it holds 1\d things, the cap is 13$/) },
    });
    await world.release();
    const tookRole = await world.until(() => world.cloud.roles.size > 0);
    expect(tookRole).toBe(false);
    expect(world.state).toBe('finished');
    expect(world.left()).toEqual({});
  });

  it('hold it when what only a token on the project shows is too much: the role is given back, and nothing more goes', async () => {
    world.limits = { ...world.limits, mostThings: 11 };
    world.cloud.make('vault.secret', VICTIM, 'victim-3', 9);
    world.cloud.make('booking.lease', VICTIM, 'victim-3', 9);
    await world.ask();
    expect(await world.until(() => world.state === 'held')).toBe(true);
    const left = world.left();
    await world.settle(100);
    expect([...world.cloud.roles]).toEqual([]);
    expect(world.left()).toEqual(left);
    expect(world.cloud.projects.get(VICTIM)).toMatchObject({ enabled: true });
    await world.release();
    await world.settle();
    expect(world.state).toBe('finished');
    expect(world.left()).toEqual({});
  });
});
