import { ResourceTypeName, ServiceName } from '../../../events/ids.ts';
import { StoredOperation, StoredTask } from '../../../lib/engine/records.ts';
import { operationId } from '../../../lib/operation/new-operation.ts';
import { planOrder } from '../../../lib/operation/order.ts';
import type { ServiceDependencies } from '../../../lib/task/dependencies.ts';
import { defineService, defineType, type Service } from '../../../lib/task/service.ts';
import { awaited, preferred, required } from '../../dependencies.ts';
import type { Described } from '../../property/stateful-service.ts';
import {
  deleted,
  failure,
  StatefulSimulation,
  TARGET,
} from '../../property/stateful-simulation.ts';

/** `network` waits only for `dns.ptr`, and `keeper` for all services. `dns.zone` is deleted slowly. */
const DNS: Described = {
  name: 'dns',
  resourceTypes: { ptr: 'A', zone: 'A' },
};
/**
 * A service with slow deletions, which delays `network` in the tests where `network` depends on it.
 */
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

let simulation: StatefulSimulation;
afterEach(() => simulation.expectOthersUntouched());

const createSimulation = (
  described: readonly Described[] = ALL,
  lingers: Readonly<Record<string, number>> = {},
): void => {
  simulation = new StatefulSimulation(described);
  for (const resource of simulation.cloud.of(TARGET))
    resource.lingers = { 'dns.zone': 30, ...lingers }[resource.resourceType] ?? 0;
};
const deleteTarget = async (): Promise<void> => {
  simulation.cloud.delete(TARGET);
  await simulation.engine.commit({ messages: [deleted('project', TARGET)] });
};
const isRemoved = (resourceType: string) => simulation.left()[resourceType] === undefined;
const removeResourcesOf = (resourceType: string): void => {
  simulation.cloud.resources = simulation.cloud.resources.filter(
    (resource) => resource.owner !== TARGET || resource.resourceType !== resourceType,
  );
};
/** The verification of a type by a run in another phase. */
const statusOf = (type: string): string | undefined => {
  const one = simulation.taskOf(type.split('.')[0] ?? '')?.verifications[type];
  return one && one.phase !== 'plan' && !one.stale ? one.status : undefined;
};
/** Waits until the network is empty, and returns the resources that the others have then. */
const leftWithoutNetwork = async () => {
  expect(await simulation.until(() => isRemoved('network.ip'))).toBe(true);
  return simulation.left();
};

describe('a service that waits for one resource type of another service', () => {
  it('runs as soon as the type is verified empty; a service that waits for all types runs later', async () => {
    createSimulation();
    await deleteTarget();
    expect(await leftWithoutNetwork()).toEqual({ 'dns.zone': 2, 'keeper.grant': 2 });
    expect(simulation.tasks).toMatchObject({ dns: 'requested', keeper: 'pending' });
    expect(simulation.task('network').overtook).toEqual([simulation.task('dns').id]);
    expect(await simulation.until(() => isRemoved('keeper.grant'))).toBe(true);
    expect(isRemoved('dns.zone')).toBe(true);
    await simulation.settle();
    expect(simulation.state).toBe('finished');
  });

  it('waits while a resource of the type exists', async () => {
    createSimulation(ALL, { 'dns.ptr': 8 });
    await deleteTarget();
    expect(await leftWithoutNetwork()).toEqual({ 'dns.zone': 2, 'keeper.grant': 2 });
    createSimulation(ALL, { 'dns.ptr': 40 });
    await deleteTarget();
    expect(await leftWithoutNetwork()).toEqual({ 'keeper.grant': 2 });
  });

  it('runs as soon as the type is verified empty, even if the project never had such a resource', async () => {
    createSimulation();
    removeResourcesOf('dns.ptr');
    await deleteTarget();
    expect(await leftWithoutNetwork()).toEqual({ 'dns.zone': 2, 'keeper.grant': 2 });
  });

  it.each([
    ['that succeeded', () => {}],
    [
      'in which the listing of another resource type failed',
      () => simulation.cloud.brokenTypes.set('dns.zone', failure('Transient')),
    ],
  ])('does not rely on a phase plan %s', async (_, trouble) => {
    createSimulation();
    removeResourcesOf('dns.ptr');
    trouble();
    await deleteTarget();
    const counted = (): boolean => simulation.taskOf('dns')?.counts['dns.ptr'] !== undefined;
    expect(await simulation.until(counted)).toBe(true);
    if (simulation.cloud.brokenTypes.size > 0)
      await simulation.until(() => (simulation.taskOf('dns')?.run ?? 0) > 1);
    simulation.cloud.brokenTypes.clear();
    simulation.cloud.make('dns.ptr', TARGET, 'target-late', 8);
    expect(await leftWithoutNetwork()).toEqual({ 'dns.zone': 2, 'keeper.grant': 2 });
  });

  it('waits for the whole service if the resource type cannot be listed', async () => {
    createSimulation();
    simulation.cloud.brokenTypes.set('dns.ptr', failure('Unsupported', 'dns.ptr.hidden'));
    await deleteTarget();
    expect(await leftWithoutNetwork()).toEqual({ 'dns.ptr': 2, 'keeper.grant': 2 });
  });

  it('waits for the whole service if it also prefers the whole service first', async () => {
    createSimulation([DNS, { ...NETWORK, dependsOn: [preferred('dns'), awaited('dns.ptr')] }]);
    await deleteTarget();
    expect(await leftWithoutNetwork()).toEqual({});
  });

  it('does not rely on a verification from the time when the project was enabled', async () => {
    createSimulation([{ ...DNS, preDelete: true }, NETWORK]);
    await simulation.ask();
    expect(await simulation.until(() => statusOf('dns.ptr') === 'empty')).toBe(true);
    expect(simulation.task('dns')).toMatchObject({ phase: 'pre-delete', state: 'requested' });
    simulation.cloud.make('dns.ptr', TARGET, 'target-late', 3);
    await deleteTarget();
    expect(await leftWithoutNetwork()).toEqual({ 'dns.zone': 2 });
  });

  it.each(['compute', 'dns'])(
    'does not rely on a verification from before the project was enabled for a moment; the run of %s notices that',
    async (witness) => {
      createSimulation(
        [SLOW, DNS, { ...NETWORK, dependsOn: [required('compute'), awaited('dns.ptr')] }],
        {
          'compute.server': 12,
          'dns.zone': 60,
        },
      );
      simulation.cloud.enable(TARGET, false);
      await simulation.ask({});
      expect(await simulation.until(() => statusOf('dns.ptr') === 'empty')).toBe(true);
      const isNext = (): boolean => {
        const [next] = simulation.engine.dueMessages();
        return next?.message.type === 'service.requested' && next.message.data.service === witness;
      };
      expect(await simulation.until(isNext)).toBe(true);
      simulation.cloud.enable(TARGET, true);
      const [next] = simulation.engine.dueMessages();
      if (next) await simulation.handle(next.message);
      if (next) simulation.engine.removeDelivered(next);
      simulation.cloud.make('dns.ptr', TARGET, 'target-late', 20);
      simulation.cloud.enable(TARGET, false);
      const isStale = () =>
        simulation
          .task(witness)
          .conditions.some(({ message }) => message.includes('the project was enabled again'));
      expect(await simulation.until(isStale)).toBe(true);
      expect(simulation.task('dns').verifications['dns.ptr']).toMatchObject({ stale: true });
      expect(await leftWithoutNetwork()).toEqual({ 'dns.zone': 2 });
    },
  );

  it('waits again when a new resource of the type appears', async () => {
    createSimulation(
      [SLOW, DNS, { ...NETWORK, dependsOn: [required('compute'), awaited('dns.ptr')] }],
      {
        'compute.server': 12,
        'dns.zone': 60,
      },
    );
    await deleteTarget();
    expect(await simulation.until(() => statusOf('dns.ptr') === 'empty')).toBe(true);
    simulation.cloud.make('dns.ptr', TARGET, 'target-late', 30);
    expect(await simulation.until(() => isRemoved('compute.server'))).toBe(true);
    expect(await leftWithoutNetwork()).toEqual({ 'dns.zone': 2 });
  });

  it('runs again when the awaited service has ended; its dependents also run again', async () => {
    createSimulation([
      ...ALL,
      { name: 'meter', resourceTypes: { sample: 'A' }, dependsOn: [required('network')] },
    ]);
    await deleteTarget();
    expect(await simulation.until(() => simulation.tasks.meter === 'finished')).toBe(true);
    expect(isRemoved('dns.zone')).toBe(false);
    simulation.cloud.make('network.ip', TARGET);
    simulation.cloud.make('meter.sample', TARGET);
    await simulation.settle();
    expect(simulation.left()).toEqual({});
    expect(simulation.state).toBe('finished');
    expect(simulation.task('network')).toMatchObject({
      overtook: [],
      counts: { 'network.ip': { found: 3, removed: 3, left: 0 } },
    });
  });

  it('causes no further listing if the awaited service is empty', async () => {
    createSimulation();
    removeResourcesOf('dns.ptr');
    removeResourcesOf('dns.zone');
    const listed: string[] = [];
    const list = simulation.cloud.list.bind(simulation.cloud);
    simulation.cloud.list = (resourceType, ...more) => {
      listed.push(resourceType);
      return list(resourceType, ...more);
    };
    await deleteTarget();
    await simulation.settle();
    expect(simulation.state).toBe('finished');
    expect(listed.filter((resourceType) => resourceType.startsWith('dns.')).sort()).toEqual([
      'dns.ptr',
      'dns.ptr',
      'dns.zone',
      'dns.zone',
    ]);
    expect(simulation.task('network').overtook).toEqual([]);
  });

  it('overtakes the awaited service if that service is blocked', async () => {
    createSimulation();
    simulation.cloud.broken.set('dns', failure('Denied'));
    await deleteTarget();
    expect(await leftWithoutNetwork()).toMatchObject({ 'dns.ptr': 2, 'dns.zone': 2 });
  });
});

describe('a saved operation', () => {
  it('is unchanged after it was stored and read, including the resource types', async () => {
    createSimulation();
    await deleteTarget();
    expect(await leftWithoutNetwork()).toMatchObject({ 'dns.zone': 2 });
    const again = (record: object) => JSON.parse(JSON.stringify(record));
    expect(StoredOperation.parse(again(simulation.operation)).order).toEqual(
      simulation.operation.order,
    );
    expect(StoredTask.parse(again(simulation.task('dns'))).verifications).toMatchObject({
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
    ['requires the whole other service', defined('dns'), waiting(required('dns')), 'required'],
    [
      'prefers the whole other service first',
      defined('dns'),
      waiting(preferred('dns')),
      'preferred',
    ],
    ['depends on every other service', defined('dns'), waiting(preferred('*')), 'preferred'],
    [
      'is declared as a dependent by the other service',
      defined('dns', { dependents: [preferred('network')] }),
      waiting(),
      'preferred',
    ],
  ])('names no types for a service that %s', (_, dns, network, strength) => {
    expect(order(dns, network).at(-1)?.dependsOn).toEqual([
      { task: `${ID}/dns/one`, strength, until: 'done' },
    ]);
  });

  it('uses the stronger of two declarations', () => {
    const dns = defined('dns', { dependents: [required('network')] });
    expect(order(dns, waiting(preferred('dns'))).at(-1)?.dependsOn).toEqual([
      { task: `${ID}/dns/one`, strength: 'required', until: 'done' },
    ]);
  });

  it('has no cycle, including dependencies on resource types', () => {
    const network = defined('network', {
      dependsOn: [awaited('dns.resource')],
      dependents: [preferred('dns')],
    });
    expect(() => order(defined('dns'), network)).toThrow('form a cycle');
  });

  it('refuses a dependency on an unknown type of a known service, and a dependency on itself', () => {
    expect(() =>
      order(defined('dns'), defined('network', { dependsOn: [awaited('dns.zone')] })),
    ).toThrow('network depends on dns.zone, and dns has no such type');
    expect(() => order(defined('dns', { dependsOn: [required('dns')] }))).toThrow(
      'dns depends on itself',
    );
  });
});
