import { coordinate } from '../../../lib/handlers/coordinate.ts';
import { readPolicy } from '../../../lib/policy/read.ts';
import { ANN, UserSimulation } from '../../property/user-simulation.ts';

const ASSIGNED = ['ann member on p1', 'ann member of staff'];
let simulation: UserSimulation;
beforeEach(() => {
  simulation = new UserSimulation();
  policy('enforce');
});

function policy(mode: string, match = '{ domain: customers }'): void {
  const read = readPolicy(
    `version: 1
rules:
  - match: ${match}
    on:
      user.created:
        { action: provision, mode: ${mode}, roles: [{ role: member, project: p1 }], groups: [staff] }`,
    {},
  );
  if (read.kind === 'invalid') throw new TypeError(JSON.stringify(read.problems));
  simulation.policy = read.policy;
}
const states = () => simulation.about('provision').map(({ state }) => state);

describe('a created user', () => {
  it('gets the roles and groups of the rule, verified by a fresh listing', async () => {
    await simulation.announceUser('created');
    await simulation.settle();
    expect([...simulation.assigned]).toEqual(ASSIGNED);
    expect(simulation.about('provision')).toMatchObject([
      { state: 'finished', scope: { id: ANN }, lifecycle: { rule: 1 } },
    ]);
    const [task] = [...simulation.engine.tasks.values()];
    expect(task?.counts).toEqual({ 'keys.role': { found: 2, removed: 2, left: 0 } });
  });

  it('keeps the assignments of other actors; a second event writes nothing', async () => {
    simulation.assigned.add('ann admin on p2');
    simulation.assigned.add('ann member on p1');
    await simulation.announceUser('created');
    await simulation.settle();
    await simulation.announceUser('created');
    await simulation.settle();
    expect([...simulation.assigned].sort()).toEqual(['ann admin on p2', ...ASSIGNED.toReversed()]);
    expect(simulation.writes).toBe(1);
    expect(states()).toEqual(['finished']);
  });

  it('is only compared in mode observe, and not compared without a rule', async () => {
    policy('observe');
    await simulation.announceUser('created');
    await simulation.settle();
    expect(states()).toEqual(['observed']);
    simulation = new UserSimulation();
    policy('enforce', '{ domain: other }');
    await simulation.announceUser('created');
    await simulation.settle();
    expect(states()).toEqual([]);
    expect(simulation.writes).toBe(0);
  });

  it('gets its roles and groups when it is enabled, if it was disabled', async () => {
    simulation.users.set(ANN, false);
    await simulation.announceUser('created');
    await simulation.settle();
    expect(states()).toEqual(['superseded']);
    expect(simulation.writes).toBe(0);
    await simulation.setUser(true);
    await simulation.settle();
    expect([...simulation.assigned]).toEqual(ASSIGNED);
  });

  it('gets no role and no group if its deletion is announced during a run', async () => {
    simulation.afterCompare = async () => {
      await simulation.deleteUser();
      const waiting = simulation.engine.waiting.find(
        ({ message }) => message.type === 'account.user.deleted',
      );
      if (!waiting) throw new TypeError('the deletion is not announced');
      await coordinate([{ message: waiting.message, receiveCount: 1 }], simulation.deps);
      simulation.engine.removeDelivered(waiting);
    };
    await simulation.announceUser('created');
    await simulation.settle();
    expect(simulation.attempts).toBe(0);
    expect(states()).toEqual(['superseded']);
    expect(simulation.about('cleanup').map(({ state }) => state)).toEqual(['finished']);
  });

  it('gets nothing more when it is deleted during the provision; the cleanup replaces the provision', async () => {
    await simulation.announceUser('created');
    for (let n = 0; n < 200 && simulation.writes === 0; n += 1) {
      simulation.killAfter = 2;
      await simulation.deliver(0);
      simulation.killAfter = undefined;
    }
    expect(simulation.writes).toBe(1);
    await simulation.deleteUser();
    await simulation.settle();
    expect(states()).toEqual(['superseded']);
    expect(simulation.about('cleanup').map(({ state }) => state)).toEqual(['finished']);
    expect([...simulation.assigned]).toEqual([]);
    expect(simulation.writes).toBe(1);
    expect(simulation.keysOf(ANN)).toEqual([]);
  });
});
