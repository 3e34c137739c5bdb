import { holdDocument } from '../../../lib/handlers/holds.ts';
import { NO_POLICY } from '../../../lib/policy/schema.ts';
import { CONTROL, SIBLING, SuspendWorld, TARGET } from '../../property/suspend-world.ts';

let world: SuspendWorld;
beforeEach(() => {
  world = new SuspendWorld(['on', 'off']);
});
const states = () => world.shown(TARGET).map(({ state, mark }) => `${state}${mark ? '*' : ''}`);
const newest = (action: 'suspend' | 'resume') => world.operations(action).at(-1);

describe('a disabled project', () => {
  it('is only counted without a policy file', async () => {
    world.policy = NO_POLICY;
    await world.set('project', false);
    await world.settle();
    expect(states()).toEqual(['on', 'off', 'on', 'off']);
    expect(newest('suspend')).toMatchObject({ state: 'observed', mode: 'observe' });
    const [task] = [...world.engine.tasks.values()];
    expect(task?.counts).toEqual({ 'outer.machine': { found: 1, removed: 0, left: 1 } });
    await world.set('project', true);
    await world.settle();
    expect(world.operations('resume')).toEqual([]);
  });

  it('is suspended, and verified after the cached tokens have expired', async () => {
    await world.set('project', false);
    await world.settle();
    expect(states()).toEqual(['off*', 'off', 'off*', 'off']);
    const operation = newest('suspend');
    expect(operation).toMatchObject({ state: 'finished', mode: 'enforce', lifecycle: { rule: 1 } });
    const [first = 0] = operation?.confirmedAt ?? [];
    expect((operation?.endedAt ?? 0) - first).toBeGreaterThanOrEqual(300_000);
    expect(world.shown(SIBLING).map(({ state }) => state)).toEqual(['on', 'off', 'on', 'off']);
    expect(world.shown(CONTROL).map(({ state }) => state)).toEqual(['on', 'off', 'on', 'off']);
  });

  it('is suspended again if a cached token starts a resource; the first record is kept', async () => {
    await world.set('project', false);
    for (let n = 0; n < 200 && states()[2] !== 'off*'; n += 1) await world.deliver(0);
    expect(newest('suspend')?.state).toBe('running');
    const [machine] = world.machines.get('inner') ?? [];
    Object.assign(machine ?? {}, { state: 'on' });
    await world.settle();
    expect(states()).toEqual(['off*', 'off', 'off*', 'off']);
    await world.set('project', true);
    await world.settle();
    expect(states()).toEqual(['on', 'off', 'on', 'off']);
  });
});

describe('a resume', () => {
  it('does not touch a resource that another actor has changed or removed, and reports it', async () => {
    await world.set('project', false);
    await world.settle();
    const [outer] = world.machines.get('outer') ?? [];
    Object.assign(outer ?? {}, { mark: false });
    world.machines.set('inner', (world.machines.get('inner') ?? []).slice(1));
    await world.set('project', true);
    await world.settle();
    expect(states()).toEqual(['off', 'off', 'off']);
    expect(newest('resume')?.state).toBe('finished');
    const conditions = [...world.engine.tasks.values()].flatMap((task) => task.conditions);
    expect(conditions).toContainEqual(
      expect.objectContaining({
        resourceType: 'outer.machine',
        message: 'it was changed while it was suspended and is left alone: off',
        example: 'outer-target-0',
      }),
    );
    expect(await world.recordsOf(TARGET)).toEqual([]);
  });

  it('waits for the hold of an operator, even if Keystone shows the project enabled', async () => {
    await world.set('project', false);
    await world.settle();
    const hold = { by: 'ann', reason: 'the invoice', at: 1 };
    await world.engine.commit({ documents: [holdDocument(TARGET, 0, hold)] });
    await world.set('project', true);
    await world.settle();
    expect(states()).toEqual(['off*', 'off', 'off*', 'off']);
    await world.engine.commit({ documents: [holdDocument(TARGET, 1, undefined)] });
    await world.announce('project', 'enabled');
    await world.settle();
    expect(states()).toEqual(['on', 'off', 'on', 'off']);
  });

  it('of a domain does not resume a project that was disabled on its own', async () => {
    await world.set('project', false);
    await world.settle();
    await world.set('domain', false);
    await world.settle();
    expect(world.shown(SIBLING).map(({ state }) => state)).toEqual(['off', 'off', 'off', 'off']);
    await world.set('domain', true);
    await world.settle();
    expect(world.shown(SIBLING).map(({ state }) => state)).toEqual(['on', 'off', 'on', 'off']);
    expect(states()).toEqual(['off*', 'off', 'off*', 'off']);
    expect(newest('resume')).toBeDefined();
  });
});
