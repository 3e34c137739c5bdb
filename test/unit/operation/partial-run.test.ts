import { defineService, defineType } from '../../../lib/task/service.ts';
import { awaited, required } from '../../dependencies.ts';
import type { Described } from '../../property/stateful-service.ts';
import {
  deleted,
  failure,
  StatefulSimulation,
  TARGET,
} from '../../property/stateful-simulation.ts';

/**
 * `network` requires `compute`, whose deletions are slow. `network.router` is independent of
 * `compute`.
 */
const COMPUTE: Described = { name: 'compute', resourceTypes: { server: 'A' } };
const NETWORK: Described = {
  name: 'network',
  resourceTypes: { router: 'A', port: 'A' },
  independentOf: { router: ['compute'] },
  dependsOn: [required('compute')],
};
const DNS: Described = { name: 'dns', resourceTypes: { ptr: 'A' } };

let simulation: StatefulSimulation;
afterEach(() => simulation.expectOthersUntouched());

async function startCleanup(
  described: readonly Described[],
  slow: readonly string[],
): Promise<void> {
  simulation = new StatefulSimulation(described);
  for (const resource of simulation.cloud.of(TARGET))
    if (slow.includes(resource.resourceType)) resource.lingers = 30;
  simulation.cloud.delete(TARGET);
  await simulation.engine.commit({ messages: [deleted('project', TARGET)] });
}
const isRemoved = (resourceType: string) => simulation.left()[resourceType] === undefined;

describe('a resource type that is independent of a service that its own service requires', () => {
  it('is removed while that service still deletes; the other types of its service wait', async () => {
    await startCleanup([COMPUTE, NETWORK], ['compute.server']);
    expect(await simulation.until(() => isRemoved('network.router'))).toBe(true);
    expect(simulation.left()).toEqual({ 'compute.server': 2, 'network.port': 2 });
  });

  it('leaves its task open after the partial run, for every service that requires the task', async () => {
    const firewall: Described = {
      name: 'firewall',
      resourceTypes: { rule: 'A' },
      dependsOn: [required('network')],
    };
    await startCleanup([COMPUTE, NETWORK, firewall], ['compute.server']);
    await simulation.until(() => simulation.taskOf('network')?.partialRun?.state === 'done');
    expect(simulation.taskOf('network')).toMatchObject({
      state: 'pending',
      partialRun: { awaitedServices: ['compute'] },
    });
    expect(simulation.taskOf('firewall')?.state).toBe('pending');
    await simulation.until(() => simulation.state === 'finished');
    expect(simulation.state).toBe('finished');
    expect(simulation.left()).toEqual({});
  });

  it('is removed by a later partial run if it could not be removed by the first', async () => {
    await startCleanup([COMPUTE, NETWORK], ['compute.server']);
    simulation.cloud.blocks.set('network', { message: 'in use by a server', actor: 'none' });
    await simulation.until(() => simulation.taskOf('network')?.partialRun?.state === 'done');
    expect(simulation.left()).toMatchObject({ 'network.router': 2 });
    const nextPartialRunAt = () => simulation.taskOf('network')?.partialRun?.nextPartialRunAt ?? 0;
    const secondRunAt = nextPartialRunAt();
    simulation.cloud.blocks.clear();
    await simulation.until(() => nextPartialRunAt() > secondRunAt);
    expect(nextPartialRunAt()).toBeGreaterThanOrEqual(secondRunAt + 10_000);
    expect(simulation.left()).toEqual({ 'compute.server': 2, 'network.port': 2 });
    await simulation.until(() => simulation.state === 'finished');
    expect(simulation.left()).toEqual({});
  });

  it('is listed again after that service, so that a resource of a late server is removed as well', async () => {
    await startCleanup([COMPUTE, NETWORK], ['compute.server']);
    await simulation.until(() => simulation.taskOf('network')?.partialRun?.state === 'done');
    simulation.cloud.make('network.router', TARGET);
    await simulation.until(() => simulation.state === 'finished');
    expect(simulation.left()).toEqual({});
  });

  it('waits while a resource of that service, such as a server with a hold, waits for a person', async () => {
    await startCleanup([COMPUTE, NETWORK], []);
    simulation.cloud.blocks.set('compute', { message: 'held', actor: 'operator' });
    await simulation.settle(60);
    expect(simulation.left()).toEqual({
      'compute.server': 2,
      'network.router': 2,
      'network.port': 2,
    });
    simulation.cloud.blocks.clear();
    await simulation.until(() => simulation.state === 'finished');
    expect(simulation.left()).toEqual({});
  });

  it('waits for a service that was dead-lettered, as its own service does', async () => {
    simulation = new StatefulSimulation([COMPUTE, NETWORK]);
    simulation.cloud.broken.set('compute', failure('Denied'));
    simulation.cloud.delete(TARGET);
    await simulation.engine.commit({ messages: [deleted('project', TARGET)] });
    await simulation.settle(60);
    expect(simulation.left()).toMatchObject({ 'network.router': 2, 'network.port': 2 });
  });

  it('adds only a listing of its own types to the full run', async () => {
    const listingsOf = async (described: readonly Described[]) => {
      const listings: Record<string, number> = {};
      simulation = new StatefulSimulation(described);
      const { cloud } = simulation;
      cloud.resources = cloud.resources.filter(
        ({ owner, resourceType }) => owner !== TARGET || resourceType !== 'network.port',
      );
      for (const resource of cloud.of(TARGET, 'compute')) resource.lingers = 30;
      const list = cloud.list.bind(cloud);
      cloud.list = (resourceType, ...more) => {
        listings[resourceType] = (listings[resourceType] ?? 0) + 1;
        return list(resourceType, ...more);
      };
      cloud.delete(TARGET);
      await simulation.engine.commit({ messages: [deleted('project', TARGET)] });
      await simulation.until(() => simulation.state === 'finished');
      expect(simulation.left()).toEqual({});
      return listings;
    };
    const { independentOf: _, ...dependent } = NETWORK;
    const before = await listingsOf([COMPUTE, dependent]);
    const after = await listingsOf([COMPUTE, NETWORK]);
    expect(before).toMatchObject({ 'network.port': 2, 'network.router': 3 });
    // The partial run removes the routers and lists them again. The full run first lists the types
    // of the partial run again, and then all types once.
    expect(after).toMatchObject({ 'network.port': 2, 'network.router': 5 });
  });

  it('is listed first in the full run, so that a late resource does not block another type', async () => {
    const network: Described = {
      name: 'network',
      resourceTypes: { port: 'A', net: 'A' },
      independentOf: { port: ['compute'], net: ['compute'] },
      dependsOn: [required('compute')],
    };
    await startCleanup([COMPUTE, network], ['compute.server']);
    const { cloud } = simulation;
    const remove = cloud.remove.bind(cloud);
    cloud.remove = (resource, ...more) =>
      resource.resourceType === 'network.net' &&
      [...cloud.of(TARGET, 'network.port'), ...cloud.of(TARGET, 'compute')].length > 0
        ? { kind: 'blocked', message: 'a port uses the network', actor: 'none' }
        : remove(resource, ...more);
    await simulation.until(() => simulation.taskOf('network')?.partialRun?.state === 'done');
    expect(simulation.left()).toEqual({ 'compute.server': 2, 'network.net': 2 });
    // A server leaves a port behind after the partial run has listed no port.
    cloud.make('network.port', TARGET);
    await simulation.until(() => simulation.state === 'finished');
    expect(simulation.left()).toEqual({});
  });

  it('waits while its service awaits resources of a third service', async () => {
    const network = { ...NETWORK, dependsOn: [required('compute'), awaited('dns.ptr')] };
    const dns = { ...DNS, dependsOn: [required('compute')] };
    await startCleanup([COMPUTE, dns, network], ['compute.server']);
    await simulation.until(() => isRemoved('compute.server'));
    expect(simulation.left()).toMatchObject({ 'dns.ptr': 2, 'network.router': 2 });
    await simulation.until(() => simulation.state === 'finished');
    expect(simulation.left()).toEqual({});
  });

  it('cannot require a type of its service that is not independent', () => {
    const type = (name: string, more: object) =>
      defineType<never>({
        name,
        ...more,
        list: async () => [],
        id: () => '',
        owner: () => undefined,
        remove: async () => ({ kind: 'gone' }),
      });
    const requiring = {
      independentOf: ['compute'],
      dependsOn: [{ types: ['port'], strength: 'required', until: 'empty' }],
    };
    expect(() =>
      defineService({
        name: 'network',
        catalogTypes: ['network'],
        dependsOn: [required('compute')],
        resourceTypes: [type('port', {}), type('router', requiring)],
      }),
    ).toThrow(
      'network.router is independent of compute, but requires network.port, which depends on compute',
    );
  });
});
