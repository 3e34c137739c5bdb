import { NO_POLICY, Policy } from '../../../lib/policy/schema.ts';
import { ProvisionSimulation, TARGET } from '../../property/provision-simulation.ts';

const SECTION = { cores: 20, networks: ['default'] };
let simulation: ProvisionSimulation;
beforeEach(() => {
  simulation = new ProvisionSimulation(SECTION);
});
const newest = () => simulation.operations('provision').at(-1);
const conditions = () => [...simulation.engine.tasks.values()].flatMap((task) => task.conditions);

describe('a created project', () => {
  it('is provisioned with its profile, and recorded', async () => {
    await simulation.announce('project', 'created');
    await simulation.settle();
    expect(simulation.stateOf(TARGET)).toEqual(simulation.wanted);
    expect(newest()).toMatchObject({
      state: 'finished',
      lifecycle: { rule: 1, provision: { profile: 'p', sections: { nets: SECTION } } },
    });
    const [task] = await simulation.engine.reads.tasks(newest()?.id as never);
    expect(task?.counts).toEqual({
      'nets.quota': { found: 1, removed: 1, left: 0 },
      'nets.network': { found: 1, removed: 1, left: 0 },
      'nets.subnet': { found: 1, removed: 1, left: 0 },
    });
    const provisioned = await simulation.engine.reads.documents('provisioned', 'project');
    expect(provisioned.map(({ id }) => id)).toEqual([TARGET]);
  });

  it('is not changed without a rule for it', async () => {
    simulation.policy = NO_POLICY;
    await simulation.announce('project', 'created');
    await simulation.settle();
    expect(simulation.operations('provision')).toEqual([]);
    expect(simulation.writes).toBe(0);
  });

  it('is only compared in mode observe', async () => {
    for (const { on } of simulation.policy.rules)
      Object.assign(on['project.created'] ?? {}, { mode: 'observe' });
    await simulation.announce('project', 'created');
    await simulation.settle();
    expect(newest()?.state).toBe('observed');
    expect(simulation.writes).toBe(0);
  });

  it('is provisioned when it is enabled, if it was disabled', async () => {
    simulation.projects.set(TARGET, { enabled: false, domain: 'customers' });
    await simulation.announce('project', 'created');
    await simulation.settle();
    expect(newest()?.state).toBe('superseded');
    expect(simulation.writes).toBe(0);
    await simulation.set('project', true);
    await simulation.settle();
    expect(simulation.stateOf(TARGET)).toEqual(simulation.wanted);
  });

  it('is provisioned when its domain is enabled, if the domain was disabled', async () => {
    await simulation.set('domain', false);
    await simulation.announce('project', 'created');
    await simulation.settle();
    expect(simulation.writes).toBe(0);
    await simulation.set('domain', true);
    await simulation.settle();
    expect(simulation.stateOf(TARGET)).toEqual(simulation.wanted);
  });

  it('is not created twice after an unclear answer: the next run waits and lists again', async () => {
    simulation.unclear = 1;
    await simulation.announce('project', 'created');
    await simulation.settle();
    expect(simulation.stateOf(TARGET)).toEqual(simulation.wanted);
  });
});

describe('a value that a user or an operator set', () => {
  beforeEach(() => simulation.cores.set(TARGET, 15));

  it('is reported as drift and not changed', async () => {
    await simulation.announce('project', 'created');
    await simulation.settle();
    expect(simulation.stateOf(TARGET).cores).toBe(15);
    expect(newest()?.state).toBe('finished');
    expect(conditions()).toContainEqual(
      expect.objectContaining({
        resourceType: 'nets.quota',
        message: 'drift: cores is 15, and the profile says 20; not changed',
      }),
    );
  });

  it('is changed if the rule or the command has reconcile', async () => {
    await simulation.ask({ reconcile: true });
    await simulation.settle();
    expect(simulation.stateOf(TARGET).cores).toBe(20);
    expect(conditions()).toEqual([]);
  });
});

describe('a deleted project', () => {
  const cleanupBy = async (reaction: object) => {
    const policy = { version: 1, rules: [{ on: { 'project.deleted': reaction } }] };
    simulation.policy = Policy.parse(policy);
    simulation.nets.push({ id: 'one', owner: TARGET, name: 'one' });
    await simulation.delete();
    await simulation.settle();
    return simulation.operations('cleanup').at(-1);
  };

  it('is cleaned up after the delay that the policy names', async () => {
    const before = simulation.engine.time;
    const cleanup = await cleanupBy({ action: 'cleanup', after: '2h', mode: 'enforce' });
    expect(cleanup).toMatchObject({ state: 'finished', mode: 'enforce', lifecycle: { rule: 1 } });
    expect(cleanup?.startedAt).toBeGreaterThanOrEqual(before + 7_200_000);
    expect(simulation.stateOf(TARGET).networks).toEqual([]);
  });

  it('is only counted if the policy has mode observe', async () => {
    const cleanup = await cleanupBy({ action: 'cleanup' });
    expect(cleanup?.state).toBe('observed');
    expect(simulation.stateOf(TARGET).networks).toEqual(['one']);
  });

  it('is not cleaned up if the policy has action none', async () => {
    const cleanup = await cleanupBy({ action: 'none' });
    expect(cleanup?.state).toBe('refused');
    expect(cleanup?.hold?.reason).toContain('rule 1 of the policy has the action none');
    expect(simulation.stateOf(TARGET).networks).toEqual(['one']);
  });

  it('is cleaned up after the last call of its paused provision has ended', async () => {
    await simulation.announce('project', 'created');
    for (let n = 0; n < 50 && simulation.writes === 0; n += 1) {
      simulation.killAfter = 6;
      await simulation.deliver(0);
    }
    simulation.killAfter = undefined;
    expect(newest()?.state).toBe('running');
    const at = simulation.engine.time;
    await simulation.delete();
    await simulation.settle();
    expect(newest()?.state).toBe('superseded');
    const cleanup = simulation.operations('cleanup').at(-1);
    expect(cleanup?.state).toBe('finished');
    expect(cleanup?.startedAt).toBeGreaterThanOrEqual(at + 120_000);
    expect(simulation.stateOf(TARGET).networks).toEqual([]);
  });
});
