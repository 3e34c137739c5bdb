import { deleted, LivingWorld, TARGET } from '../../property/stateful-world.ts';

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
  const world = new LivingWorld([{ name: 'shelf', resourceTypes, typesBefore }], 1);
  world.cloud.beforeRemoval = () => {
    world.engine.time += REMOVAL_MILLIS;
  };
  world.progressMillis = progressMillis;
  const gone: number[] = [];
  world.cloud.delete(TARGET);
  await world.engine.commit({ messages: [deleted('project', TARGET)] });
  for (let n = 0; n < 300; n += 1) {
    const [next] = world.engine.due();
    if (!next) break;
    const { message } = next;
    if (message.type === 'service.progressed' && message.data.again === undefined)
      gone.push(Object.values(message.data.counts).reduce((sum, count) => sum + count.gone, 0));
    await world.handle(message);
    world.engine.take(next);
  }
  world.expectOthersUntouched();
  return { reports: gone.length, gone, left: world.left(), state: world.state };
}

describe('the counts of a run that has not ended', () => {
  it('are reported at the interval of the function, and any interval removes all resources', async () => {
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
