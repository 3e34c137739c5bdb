import { ResourceTypeName, ServiceName } from '../../../events/ids.ts';
import { StoredOperation, StoredTask } from '../../../lib/engine/records.ts';
import { operationId } from '../../../lib/operation/open.ts';
import { planOrder } from '../../../lib/operation/order.ts';
import type { ServiceDependencies } from '../../../lib/task/dependencies.ts';
import { defineService, defineType, type Service } from '../../../lib/task/service.ts';
import { awaited, preferred, required } from '../../dependencies.ts';
import type { Described } from '../../property/stateful-service.ts';
import { deleted, failure, LivingWorld, TARGET } from '../../property/stateful-world.ts';

/** `network` waits for `dns.ptr` alone, `keeper` for everything; `dns.zone` takes its time. */
const DNS: Described = {
  name: 'dns',
  resourceTypes: { ptr: 'A', zone: 'A' },
};
/** Takes its time before `network`, where that stands behind it. */
const SLOW: Described = { name: 'compute', resourceTypes: { server: 'A' } };
const NETWORK: Described = {
  name: 'network',
  resourceTypes: { ip: 'A' },
  dependsOn: [awaited('dns.ptr')],
};
const ALL = [
  DNS,
  NETWORK,
  { name: 'keeper', resourceTypes: { grant: 'A' }, dependsOn: [preferred('*')] },
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
/** What a run verified of a type, outside of phase `plan`. */
const statusOf = (type: string): string | undefined => {
  const one = world.taskOf(type.split('.')[0] ?? '')?.verifications[type];
  return one && one.phase !== 'plan' && !one.stale ? one.status : undefined;
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
    expect(world.task('network').overtook).toEqual([world.task('dns').id]);
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
      () => world.cloud.brokenTypes.set('dns.zone', failure('Transient')),
    ],
  ])('does not believe the survey, even one %s', async (_, trouble) => {
    make();
    without('dns.ptr');
    trouble();
    await begin();
    const counted = (): boolean => world.taskOf('dns')?.counts['dns.ptr'] !== undefined;
    expect(await world.until(counted)).toBe(true);
    if (world.cloud.brokenTypes.size > 0)
      await world.until(() => (world.taskOf('dns')?.run ?? 0) > 1);
    world.cloud.brokenTypes.clear();
    world.cloud.make('dns.ptr', TARGET, 'target-late', 8);
    expect(await leftWithoutNetwork()).toEqual({ 'dns.zone': 2, 'keeper.grant': 2 });
  });

  it('waits for all of it where the resource type can not be listed', async () => {
    make();
    world.cloud.brokenTypes.set('dns.ptr', failure('Unsupported', 'dns.ptr.hidden'));
    await begin();
    expect(await leftWithoutNetwork()).toEqual({ 'dns.ptr': 2, 'keeper.grant': 2 });
  });

  it('waits for all of it where it follows all of it, too', async () => {
    make([DNS, { ...NETWORK, dependsOn: [preferred('dns'), awaited('dns.ptr')] }]);
    await begin();
    expect(await leftWithoutNetwork()).toEqual({});
  });

  it('does not believe what was seen while the project lived and people worked in it', async () => {
    make([{ ...DNS, preDelete: true }, NETWORK]);
    await world.ask();
    expect(await world.until(() => statusOf('dns.ptr') === 'empty')).toBe(true);
    expect(world.task('dns')).toMatchObject({ phase: 'pre-delete', state: 'requested' });
    world.cloud.make('dns.ptr', TARGET, 'target-late', 3);
    await begin();
    expect(await leftWithoutNetwork()).toEqual({ 'dns.zone': 2 });
  });

  it.each(['compute', 'dns'])(
    'does not believe what was seen before somebody enabled the project for a moment, as %s saw',
    async (witness) => {
      make([SLOW, DNS, { ...NETWORK, dependsOn: [required('compute'), awaited('dns.ptr')] }], {
        'compute.server': 12,
        'dns.zone': 60,
      });
      world.cloud.enable(TARGET, false);
      await world.ask({});
      expect(await world.until(() => statusOf('dns.ptr') === 'empty')).toBe(true);
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
        world
          .task(witness)
          .conditions.some(({ message }) => message.includes('the project was enabled again'));
      expect(await world.until(isForgotten)).toBe(true);
      expect(world.task('dns').verifications['dns.ptr']).toMatchObject({ stale: true });
      expect(await leftWithoutNetwork()).toEqual({ 'dns.zone': 2 });
    },
  );

  it('believes no proof any more when one of that resource type shows up again', async () => {
    make([SLOW, DNS, { ...NETWORK, dependsOn: [required('compute'), awaited('dns.ptr')] }], {
      'compute.server': 12,
      'dns.zone': 60,
    });
    await begin();
    expect(await world.until(() => statusOf('dns.ptr') === 'empty')).toBe(true);
    world.cloud.make('dns.ptr', TARGET, 'target-late', 30);
    expect(await world.until(() => gone('compute.server'))).toBe(true);
    expect(await leftWithoutNetwork()).toEqual({ 'dns.zone': 2 });
  });

  it('is looked at once more when the other one has ended, and so are those behind it', async () => {
    make([
      ...ALL,
      { name: 'meter', resourceTypes: { sample: 'A' }, dependsOn: [required('network')] },
    ]);
    await begin();
    expect(await world.until(() => world.tasks.meter === 'finished')).toBe(true);
    expect(gone('dns.zone')).toBe(false);
    world.cloud.make('network.ip', TARGET);
    world.cloud.make('meter.sample', TARGET);
    await world.settle();
    expect(world.left()).toEqual({});
    expect(world.state).toBe('finished');
    expect(world.task('network')).toMatchObject({
      overtook: [],
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
    expect(world.task('network').overtook).toEqual([]);
  });

  it('goes ahead as ever when the other one is held up', async () => {
    make();
    world.cloud.broken.set('dns', failure('Denied'));
    await begin();
    expect(await leftWithoutNetwork()).toMatchObject({ 'dns.ptr': 2, 'dns.zone': 2 });
  });
});

describe('a saved operation', () => {
  it('comes back from a store as it was, with the resource types', async () => {
    make();
    await begin();
    expect(await leftWithoutNetwork()).toMatchObject({ 'dns.zone': 2 });
    const again = (record: object) => JSON.parse(JSON.stringify(record));
    expect(StoredOperation.parse(again(world.operation)).order).toEqual(world.operation.order);
    expect(StoredTask.parse(again(world.task('dns'))).verifications).toMatchObject({
      'dns.ptr': { status: 'empty', phase: 'apply', stale: false },
    });
  });
});

describe('the saved order', () => {
  const defined = (
    name: string,
    more: Partial<Parameters<typeof defineService>[0]> = {},
  ): Service => {
    const never = () => Promise.reject(new Error('not called'));
    const resourceType = defineType<string>({
      name: 'resource',
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
  const waiting = (...dependsOn: ServiceDependencies[]) =>
    defined('network', { dependsOn: [awaited('dns.resource'), ...dependsOn] });

  it('names the resource types of each region', () => {
    const planned = order({ ...defined('dns'), regions: ['one', 'two'] }, waiting());
    expect(planned.at(-1)).toMatchObject({
      service: ServiceName.parse('network'),
      dependsOn: ['one', 'two'].map((region) => ({
        task: `${ID}/dns/${region}`,
        strength: 'preferred',
        until: 'empty',
        types: [ResourceTypeName.parse('dns.resource')],
      })),
    });
  });

  it.each([
    ['requires all of the other', defined('dns'), waiting(required('dns')), 'required'],
    ['prefers all of the other first', defined('dns'), waiting(preferred('dns')), 'preferred'],
    ['depends on every other service', defined('dns'), waiting(preferred('*')), 'preferred'],
    [
      'is a declared dependent of the other',
      defined('dns', { dependents: [preferred('network')] }),
      waiting(),
      'preferred',
    ],
  ])('names no types for a service that %s', (_, dns, network, strength) => {
    expect(order(dns, network).at(-1)?.dependsOn).toEqual([
      { task: `${ID}/dns/one`, strength, until: 'done' },
    ]);
  });

  it('takes the stronger of two declarations', () => {
    const dns = defined('dns', { dependents: [required('network')] });
    expect(order(dns, waiting(preferred('dns'))).at(-1)?.dependsOn).toEqual([
      { task: `${ID}/dns/one`, strength: 'required', until: 'done' },
    ]);
  });

  it('has no cycle through a dependency on a resource type either', () => {
    const network = defined('network', {
      dependsOn: [awaited('dns.resource')],
      dependents: [preferred('dns')],
    });
    expect(() => order(defined('dns'), network)).toThrow('no order is possible');
  });

  it('refuses a dependency on an unknown type of a known service, and one on itself', () => {
    expect(() =>
      order(defined('dns'), defined('network', { dependsOn: [awaited('dns.zone')] })),
    ).toThrow('network depends on dns.zone, and dns has no such type');
    expect(() => order(defined('dns', { dependsOn: [required('dns')] }))).toThrow(
      'dns depends on itself',
    );
  });
});
