import { deleted, StatefulSimulation, TARGET } from '../../property/stateful-simulation.ts';

const RESOURCE_TYPES = Array.from({ length: 12 }, (_, n) => `type-${n}`);
const REMOVAL_MILLIS = 3000;

/**
 * The counts that one run reports while it removes one resource of each resource type, and the
 * resources that are left afterwards.
 */
async function countsOf(
  progressMillis: number,
): Promise<{ reports: number; gone: number[]; left: object; state: string }> {
  const resourceTypes = Object.fromEntries(
    RESOURCE_TYPES.map((resourceType) => [resourceType, 'A' as const]),
  );
  const typesBefore = Object.fromEntries(
    RESOURCE_TYPES.slice(1).map((resourceType, n) => [
      resourceType,
      RESOURCE_TYPES.slice(n, n + 1),
    ]),
  );
  const simulation = new StatefulSimulation([{ name: 'storage', resourceTypes, typesBefore }], 1);
  simulation.cloud.beforeRemoval = () => {
    simulation.engine.time += REMOVAL_MILLIS;
  };
  simulation.progressMillis = progressMillis;
  const gone: number[] = [];
  simulation.cloud.delete(TARGET);
  await simulation.engine.commit({ messages: [deleted('project', TARGET)] });
  for (let n = 0; n < 300; n += 1) {
    const [next] = simulation.engine.dueMessages();
    if (!next) break;
    const { message } = next;
    if (message.type === 'service.progressed' && message.data.again === undefined)
      gone.push(Object.values(message.data.counts).reduce((sum, count) => sum + count.gone, 0));
    await simulation.handle(message);
    simulation.engine.removeDelivered(next);
  }
  simulation.expectOthersUntouched();
  return { reports: gone.length, gone, left: simulation.left(), state: simulation.state };
}

describe('the counts of a run that has not ended', () => {
  it('are reported at the interval of the function; with any interval all resources are removed', async () => {
    const often = await countsOf(400);
    const seldom = await countsOf(10_000);
    const never = await countsOf(Number.POSITIVE_INFINITY);
    expect(often.reports).toBe(RESOURCE_TYPES.length);
    // The removals take 36 seconds.
    expect(seldom.reports).toBe(3);
    expect(seldom.gone).toEqual(seldom.gone.toSorted((a, b) => a - b));
    expect(never.reports).toBe(0);
    for (const { left, state } of [often, seldom, never])
      expect({ left, state }).toEqual({ left: {}, state: 'finished' });
  });
});
