import { deleted, LivingWorld, TARGET } from '../../property/stateful-world.ts';

const RESOURCE_TYPES = Array.from({ length: 12 }, (_, n) => `kind-${n}`);
const REMOVAL_MILLIS = 3000;

/**
 * The counts that are told while one pass takes away one thing of each resource type, and what is
 * there afterwards.
 */
async function told(
  progressMillis: number,
): Promise<{ told: number; gone: number[]; left: object; state: string }> {
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
  return { told: gone.length, gone, left: world.left(), state: world.state };
}

describe('counts on the way', () => {
  it('are told as often as the function may, and no oftener; whatever it may, all is removed', async () => {
    const often = await told(400);
    const seldom = await told(10_000);
    const never = await told(Number.POSITIVE_INFINITY);
    expect(often.told).toBe(RESOURCE_TYPES.length);
    // 36 seconds of removals.
    expect(seldom.told).toBe(3);
    expect(seldom.gone).toEqual(seldom.gone.toSorted((a, b) => a - b));
    expect(never.told).toBe(0);
    for (const { left, state } of [often, seldom, never])
      expect({ left, state }).toEqual({ left: {}, state: 'finished' });
  });
});
