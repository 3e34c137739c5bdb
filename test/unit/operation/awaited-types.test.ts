import { ResourceTypeName, ServiceName } from '../../../events/ids.ts';
import { StoredOperation, StoredTask } from '../../../lib/engine/records.ts';
import { operationId } from '../../../lib/operation/open.ts';
import { planOrder } from '../../../lib/operation/order.ts';
import { defineService, defineType, type Service } from '../../../lib/task/service.ts';
import type { Described } from '../../property/stateful-service.ts';
import { deleted, failure, LivingWorld, TARGET } from '../../property/stateful-world.ts';

/** `network` waits for `dns.ptr` alone, `keeper` for everything; `dns.zone` takes its time. */
const DNS: Described = {
  name: 'dns',
  resourceTypes: { ptr: 'A', zone: 'A' },
  awaitedBy: { ptr: ['network'] },
};
/** Takes its time before `network`, where that stands behind it. */
const SLOW: Described = { name: 'compute', resourceTypes: { server: 'A' } };
const NETWORK: Described = { name: 'network', resourceTypes: { ip: 'A' } };
const ALL = [
  DNS,
  NETWORK,
  { name: 'keeper', resourceTypes: { grant: 'A' }, last: true },
] satisfies Described[];

let world: LivingWorld;
afterEach(() => world.expectOthersUntouched());

const make = (
  described: readonly Described[] = ALL,
  lingers: Readonly<Record<string, number>> = {},
): void => {
  world = new LivingWorld(described);
  for (const resource of world.cloud.of(TARGET))
    resource.lingers = { 'dns.zone': 30, ...lingers }[resource.resourceType] ?? 0;
};
const begin = async (): Promise<void> => {
  world.cloud.delete(TARGET);
  await world.engine.commit({ messages: [deleted('project', TARGET)] });
};
const gone = (resourceType: string) => world.left()[resourceType] === undefined;
const without = (resourceType: string): void => {
  world.cloud.resources = world.cloud.resources.filter(
    (resource) => resource.owner !== TARGET || resource.resourceType !== resourceType,
  );
};
/** Until the network has lost everything; what else was there then. */
const leftWithoutNetwork = async () => {
  expect(await world.until(() => gone('network.ip'))).toBe(true);
  return world.left();
};

describe('a service that waits for one kind of another', () => {
  it('has its turn as soon as that is proven gone, while the rest takes its time; the last waits for all of it', async () => {
    make();
    await begin();
    expect(await leftWithoutNetwork()).toEqual({ 'dns.zone': 2, 'keeper.grant': 2 });
    expect(world.tasks).toMatchObject({ dns: 'requested', keeper: 'pending' });
    expect(world.task('network').ahead).toEqual([world.task('dns').id]);
    expect(await world.until(() => gone('keeper.grant'))).toBe(true);
    expect(gone('dns.zone')).toBe(true);
    await world.settle();
    expect(world.state).toBe('finished');
  });

  it('waits while there is one of that resource type', async () => {
    make(ALL, { 'dns.ptr': 8 });
    await begin();
    expect(await leftWithoutNetwork()).toEqual({ 'dns.zone': 2, 'keeper.grant': 2 });
    make(ALL, { 'dns.ptr': 40 });
    await begin();
    expect(await leftWithoutNetwork()).toEqual({ 'keeper.grant': 2 });
  });

  it('has its turn early where there never was one of that resource type, too: it is looked for along with what there is', async () => {
    make();
    without('dns.ptr');
    await begin();
    expect(await leftWithoutNetwork()).toEqual({ 'dns.zone': 2, 'keeper.grant': 2 });
  });

  it.each([
    ['that went well', () => {}],
    [
      'in which the listing of another resource type failed',
      () => world.cloud.brokenKinds.set('dns.zone', failure('Transient')),
    ],
  ])('does not believe the survey, even one %s', async (_, trouble) => {
    make();
    without('dns.ptr');
    trouble();
    await begin();
    const counted = (): boolean => world.taskOf('dns')?.counts['dns.ptr'] !== undefined;
    expect(await world.until(counted)).toBe(true);
    if (world.cloud.brokenKinds.size > 0)
      await world.until(() => (world.taskOf('dns')?.run ?? 0) > 1);
    world.cloud.brokenKinds.clear();
    world.cloud.make('dns.ptr', TARGET, 'target-late', 8);
    expect(await leftWithoutNetwork()).toEqual({ 'dns.zone': 2, 'keeper.grant': 2 });
  });

  it('waits for all of it where the resource type can not be listed', async () => {
    make();
    world.cloud.brokenKinds.set('dns.ptr', failure('Unsupported', 'dns.ptr.hidden'));
    await begin();
    expect(await leftWithoutNetwork()).toEqual({ 'dns.ptr': 2, 'keeper.grant': 2 });
  });

  it('waits for all of it where it follows all of it, too', async () => {
    make([DNS, { ...NETWORK, follows: ['dns'] }]);
    await begin();
    expect(await leftWithoutNetwork()).toEqual({});
  });

  it('does not believe what was seen while the project lived and people worked in it', async () => {
    make([{ ...DNS, preDelete: true }, NETWORK]);
    await world.ask();
    expect(await world.until(() => world.taskOf('dns')?.verifiedEmpty.length === 1)).toBe(true);
    expect(world.task('dns')).toMatchObject({ phase: 'pre-delete', state: 'requested' });
    world.cloud.make('dns.ptr', TARGET, 'target-late', 3);
    await begin();
    expect(await leftWithoutNetwork()).toEqual({ 'dns.zone': 2 });
  });

  it.each(['compute', 'dns'])(
    'does not believe what was seen before somebody enabled the project for a moment, as %s saw',
    async (witness) => {
      make([SLOW, DNS, { ...NETWORK, after: ['compute'] }], {
        'compute.server': 12,
        'dns.zone': 60,
      });
      world.cloud.enable(TARGET, false);
      await world.ask({});
      expect(await world.until(() => world.taskOf('dns')?.verifiedEmpty.length === 1)).toBe(true);
      const isNext = (): boolean => {
        const [next] = world.engine.due();
        return next?.message.type === 'service.requested' && next.message.data.service === witness;
      };
      expect(await world.until(isNext)).toBe(true);
      world.cloud.enable(TARGET, true);
      const [next] = world.engine.due();
      if (next) await world.handle(next.message);
      if (next) world.engine.take(next);
      world.cloud.make('dns.ptr', TARGET, 'target-late', 20);
      world.cloud.enable(TARGET, false);
      const isForgotten = () =>
        world.task(witness).conditions.some(({ message }) => message.includes('somebody enabled'));
      expect(await world.until(isForgotten)).toBe(true);
      expect(world.task('dns').verifiedEmpty).toEqual([]);
      expect(await leftWithoutNetwork()).toEqual({ 'dns.zone': 2 });
    },
  );

  it('believes no proof any more when one of that resource type shows up again', async () => {
    make([SLOW, DNS, { ...NETWORK, after: ['compute'] }], { 'compute.server': 12, 'dns.zone': 60 });
    await begin();
    expect(await world.until(() => world.taskOf('dns')?.verifiedEmpty.length === 1)).toBe(true);
    world.cloud.make('dns.ptr', TARGET, 'target-late', 30);
    expect(await world.until(() => gone('compute.server'))).toBe(true);
    expect(await leftWithoutNetwork()).toEqual({ 'dns.zone': 2 });
  });

  it('is looked at once more when the other one has ended, and so are those behind it', async () => {
    make([...ALL, { name: 'meter', resourceTypes: { sample: 'A' }, after: ['network'] }]);
    await begin();
    expect(await world.until(() => world.tasks.meter === 'finished')).toBe(true);
    expect(gone('dns.zone')).toBe(false);
    world.cloud.make('network.ip', TARGET);
    world.cloud.make('meter.sample', TARGET);
    await world.settle();
    expect(world.left()).toEqual({});
    expect(world.state).toBe('finished');
    expect(world.task('network')).toMatchObject({
      ahead: [],
      counts: { 'network.ip': { found: 3, removed: 3, left: 0 } },
    });
  });

  it('costs no look more where the other one holds nothing', async () => {
    make();
    without('dns.ptr');
    without('dns.zone');
    const listed: string[] = [];
    const list = world.cloud.list.bind(world.cloud);
    world.cloud.list = (resourceType, ...more) => {
      listed.push(resourceType);
      return list(resourceType, ...more);
    };
    await begin();
    await world.settle();
    expect(world.state).toBe('finished');
    expect(listed.filter((resourceType) => resourceType.startsWith('dns.')).sort()).toEqual([
      'dns.ptr',
      'dns.ptr',
      'dns.zone',
      'dns.zone',
    ]);
    expect(world.task('network').ahead).toEqual([]);
  });

  it('goes ahead as ever when the other one is held up', async () => {
    make();
    world.cloud.broken.set('dns', failure('Denied'));
    await begin();
    expect(await leftWithoutNetwork()).toMatchObject({ 'dns.ptr': 2, 'dns.zone': 2 });
  });
});

describe('an operation that an older release has saved', () => {
  it('is read, and goes on as it was planned: who follows waits for all', async () => {
    make();
    await begin();
    expect(await world.until(() => world.state === 'running')).toBe(true);
    const asJson = <T extends object>(record: T, ...lacks: string[]): unknown =>
      JSON.parse(JSON.stringify(record, (key, value) => (lacks.includes(key) ? undefined : value)));
    const saved = asJson(world.operation, 'until');
    expect(JSON.stringify(saved)).not.toContain('until');
    world.engine.operations.set(world.operation.id, StoredOperation.parse(saved));
    for (const [id, task] of world.engine.tasks)
      world.engine.tasks.set(id, StoredTask.parse(asJson(task, 'cleared')));
    expect(world.operation.order.map(({ until }) => until)).toEqual([[], [], []]);
    expect(await leftWithoutNetwork()).toEqual({ 'keeper.grant': 2 });
    await world.settle();
    expect(world.state).toBe('finished');
  });

  it('comes back from a store as it was, with the resource types', async () => {
    make();
    await begin();
    expect(await leftWithoutNetwork()).toMatchObject({ 'dns.zone': 2 });
    const again = (record: object) => JSON.parse(JSON.stringify(record));
    expect(StoredOperation.parse(again(world.operation)).order).toEqual(world.operation.order);
    expect(StoredTask.parse(again(world.task('dns'))).verifiedEmpty).toEqual(['dns.ptr']);
  });
});

describe('the saved order', () => {
  const defined = (
    name: string,
    more: Partial<Parameters<typeof defineService>[0]> = {},
    awaitedBy: string[] = [],
  ): Service => {
    const never = () => Promise.reject(new Error('not called'));
    const resourceType = defineType<string>({
      name: 'resource',
      awaitedBy,
      list: never,
      id: (id) => id,
      owner: (id) => id,
      remove: never,
    });
    return defineService({ name, catalogTypes: [name], resourceTypes: [resourceType], ...more });
  };
  const ID = operationId({ type: 'project', id: 'target' } as Parameters<typeof operationId>[0], 1);
  const order = (...services: (Service & { regions?: string[] })[]) =>
    planOrder(
      ID,
      services.map((service) => ({ regions: ['one'], ...service })),
    );

  it('names the resource types of each region', () => {
    const planned = order(
      { ...defined('dns', {}, ['network']), regions: ['one', 'two'] },
      defined('network'),
    );
    expect(planned.at(-1)).toMatchObject({
      service: ServiceName.parse('network'),
      follows: [`${ID}/dns/one`, `${ID}/dns/two`],
      until: ['one', 'two'].map((region) => ({
        task: `${ID}/dns/${region}`,
        resourceTypes: [ResourceTypeName.parse('dns.resource')],
      })),
    });
  });

  it.each([
    ['stands behind all of the other', { after: ['dns'] }],
    ['follows all of the other', { follows: ['dns'] }],
    ['is the last', { last: true }],
  ])('names none for a service that %s', (_, more) => {
    expect(order(defined('dns', {}, ['network']), defined('network', more)).at(-1)).toMatchObject({
      until: [],
    });
  });

  it('has no cycle by way of resource types either', () => {
    expect(() =>
      order(defined('dns', {}, ['network']), defined('network', { before: ['dns'] })),
    ).toThrow('no order is possible');
  });

  it('knows of no service that is to follow both all of another and one kind of it', () => {
    expect(() => defined('dns', { before: ['network'] }, ['network'])).toThrow(
      'dns: network follows all of it, or one resource type alone',
    );
  });
});
