import { readPolicy } from '../../../lib/policy/read.ts';
import type { Policy } from '../../../lib/policy/schema.ts';
import { ANN, UserSimulation } from '../../property/user-simulation.ts';

let simulation: UserSimulation;
beforeEach(() => {
  simulation = new UserSimulation();
});

function policyOf(text: string): Policy {
  const read = readPolicy(text, {});
  if (read.kind === 'invalid') throw new TypeError(JSON.stringify(read.problems));
  return read.policy;
}

describe('a disabled user', () => {
  it('is confirmed twice; dependent resources are reported by project and not changed', async () => {
    const before = structuredClone(simulation.keys);
    await simulation.setUser(false);
    await simulation.settle();
    const [operation, ...others] = simulation.about('suspend');
    expect(others).toEqual([]);
    expect(operation).toMatchObject({ state: 'observed', mode: 'observe', scope: { id: ANN } });
    const [first = 0, last = 0] = operation?.confirmedAt ?? [];
    expect(last - first).toBeGreaterThanOrEqual(2000);
    expect(simulation.conditions()).toEqual([
      expect.objectContaining({
        resourceType: 'keys.key',
        message: 'project p1: the keys are refused',
        advice: 'Wait.',
        actor: 'operator',
        count: 2,
        example: 'ann-0',
      }),
      expect.objectContaining({ message: 'project p2: the keys are refused', count: 1 }),
    ]);
    const [task] = [...simulation.engine.tasks.values()];
    expect(task?.counts).toEqual({ 'keys.key': { found: 3, removed: 0, left: 3 } });
    expect(simulation.keys).toEqual(before);
  });

  it('is not reported if it was enabled again before Keystone confirmed the change', async () => {
    await simulation.setUser(false);
    simulation.users.set(ANN, true);
    await simulation.settle();
    expect(simulation.about('suspend').map(({ state }) => state)).toEqual(['superseded']);
    expect(simulation.about('resume')).toEqual([]);
  });

  it('is not reported if it was enabled again while its resources were listed', async () => {
    await simulation.setUser(false);
    await simulation.deliverWithoutServices(
      () => simulation.about('suspend')[0]?.confirmedAt.length === 2,
    );
    await simulation.setUser(true);
    await simulation.deliverWithoutServices(
      () =>
        !simulation.engine.dueMessages().some(({ message }) => message.type.startsWith('account.')),
    );
    await simulation.deliverServices();
    await simulation.settle();
    expect(simulation.about('suspend').map(({ state }) => state)).toEqual(['superseded']);
    expect(simulation.about('resume')).toEqual([]);
  });

  it('is not reported if a rule of the policy has action none', async () => {
    simulation.policy = policyOf(
      'version: 1\nrules:\n  - match: { domain: customers }\n    on: { user.disabled: { action: none } }',
    );
    await simulation.setUser(false);
    await simulation.settle();
    expect(simulation.about('suspend').map(({ state }) => state)).toEqual(['refused']);
  });

  it('waits for the delay of the rule', async () => {
    simulation.policy = policyOf(
      'version: 1\nrules: [{ on: { user.disabled: { action: suspend, after: 15m } } }]',
    );
    await simulation.setUser(false);
    await simulation.settle();
    const [operation] = simulation.about('suspend');
    const waited = (operation?.endedAt ?? 0) - (operation?.openedAt ?? 0);
    expect(waited).toBeGreaterThanOrEqual(900_000);
  });

  it('is reported even if a listing fails; a condition names the failure', async () => {
    simulation.fails = true;
    await simulation.setUser(false);
    await simulation.settle();
    expect(simulation.about('suspend').map(({ state }) => state)).toEqual(['observed']);
    expect(simulation.conditions()).toEqual([
      expect.objectContaining({
        message: expect.stringMatching(
          /^it is unknown whether the user has resources of this type: /,
        ),
      }),
    ]);
  });
});

describe('an enabled user', () => {
  it('is compared with the records; missing resources are named', async () => {
    await simulation.setUser(false);
    await simulation.settle();
    expect(await simulation.userRecords()).toEqual(['ann-0', 'ann-1', 'ann-2']);
    simulation.keys = simulation.keys.filter(({ id }) => id !== 'ann-1');
    await simulation.setUser(true);
    await simulation.settle();
    expect(simulation.about('resume').map(({ state }) => state)).toEqual(['observed']);
    expect(simulation.conditions()).toContainEqual(
      expect.objectContaining({
        message: 'it existed when the user was disabled, and does not exist now',
        count: 1,
        example: 'ann-1',
      }),
    );
    expect(await simulation.userRecords()).toEqual([]);
  });

  it('has no operation if no suspension was reported, and none after a comparison', async () => {
    await simulation.setUser(true);
    await simulation.settle();
    expect(simulation.about('resume')).toEqual([]);
    await simulation.setUser(false);
    await simulation.settle();
    await simulation.setUser(true);
    await simulation.settle();
    await simulation.announceUser('enabled');
    await simulation.settle();
    expect(simulation.about('resume')).toHaveLength(1);
  });

  it('is not resumed while its domain is disabled', async () => {
    await simulation.setUser(false);
    await simulation.settle();
    simulation.domains.set('customers', false);
    await simulation.setUser(true);
    await simulation.settle();
    expect(simulation.about('resume').map(({ state }) => state)).toEqual(['superseded']);
    expect(await simulation.userRecords()).toHaveLength(3);
  });

  it('ends its resume when it is disabled during the resume', async () => {
    await simulation.setUser(false);
    await simulation.settle();
    await simulation.setUser(true);
    await simulation.deliver(0);
    await simulation.setUser(false);
    await simulation.settle();
    expect(simulation.about('resume').map(({ state }) => state)).toEqual(['superseded']);
    expect(simulation.about('suspend').map(({ state }) => state)).toEqual(['observed', 'observed']);
    expect(await simulation.userRecords()).toHaveLength(3);
  });
});
