import { TaskId } from '../../../events/ids.ts';
import { readRates, recordRates } from '../../../lib/handlers/rates.ts';
import { EVERY_CLASS, StatefulSimulation } from '../../property/stateful-simulation.ts';

async function planOf(simulation: StatefulSimulation, project: string) {
  const { body } = await simulation.call('POST', `/v1/projects/${project}/plan`, {});
  await simulation.settle();
  const plan = await simulation.call('GET', `/v1/operations/${body.opened}/plan`);
  return plan.body;
}

describe('the estimate of a plan', () => {
  it('counts the calls, and names no duration before an operation has measured one', async () => {
    const simulation = new StatefulSimulation(EVERY_CLASS, 2, 2);
    expect(await planOf(simulation, 'control')).toMatchObject({
      resources: 10,
      // 10 removals, 3 listings of each of the types that an administrator can list, 6 of Keystone.
      estimate: { calls: expect.any(Number), unmeasured: expect.arrayContaining(['compute']) },
    });
    const { estimate } = (await planOf(simulation, 'control')) as {
      estimate: { calls: number; millis?: number };
    };
    expect(estimate.calls).toBeGreaterThanOrEqual(10 + 3 * 5 + 6);
    expect(estimate.millis).toBeUndefined();
  });

  it('is the time that an earlier cleanup of as many resources took', async () => {
    const simulation = new StatefulSimulation(EVERY_CLASS, 2, 2);
    await simulation.ask();
    await simulation.settle();
    expect(simulation.state).toBe('finished');
    const rates = await readRates(simulation.engine);
    const [compute] = rates.get('compute') ?? [];
    const task = simulation.task('compute');
    expect(compute).toEqual({
      taskId: task.id,
      resources: 2,
      millis: (task.endedAt ?? 0) - (task.startedAt ?? 0),
    });
    const { estimate } = (await planOf(simulation, 'control')) as {
      estimate: { millis: number; unmeasured: string[] };
    };
    expect(estimate.unmeasured).toEqual([]);
    expect(estimate.millis).toBeGreaterThanOrEqual(compute?.millis ?? Number.POSITIVE_INFINITY);
  });

  it('is not changed by a message that is repeated, and keeps the newest tasks', async () => {
    const simulation = new StatefulSimulation(EVERY_CLASS, 2, 2);
    await simulation.ask();
    await simulation.settle();
    const task = simulation.task('compute');
    await recordRates([task], simulation.engine);
    expect((await readRates(simulation.engine)).get('compute')).toHaveLength(1);
    for (let n = 0; n < 30; n += 1)
      await recordRates([{ ...task, id: TaskId.parse(`${task.id}-${n}`) }], simulation.engine);
    const kept = (await readRates(simulation.engine)).get('compute') ?? [];
    expect(kept).toHaveLength(20);
    expect(kept.at(-1)?.taskId).toBe(`${task.id}-29`);
  });
});
