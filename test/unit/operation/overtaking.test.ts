import { deletionHoldDocument } from '../../../lib/handlers/deletion-holds.ts';
import { awaited, preferred, required } from '../../dependencies.ts';
import type { Described } from '../../property/stateful-service.ts';
import {
  deleted,
  failure,
  StatefulSimulation,
  TARGET,
} from '../../property/stateful-simulation.ts';

const service = (name: string, order: Partial<Described> = {}): Described => ({
  name,
  resourceTypes: { resource: 'A' },
  ...order,
});

let simulation: StatefulSimulation;

describe('a task that is under way when a service that it requires runs again', () => {
  it('runs once more after that service', async () => {
    simulation = new StatefulSimulation([
      service('maker'),
      service('soft', { dependsOn: [preferred('maker')] }),
      service('hard', { dependsOn: [required('soft')] }),
    ]);
    simulation.cloud.broken.set('maker', failure('Transient'));
    for (const one of simulation.cloud.of(TARGET, 'hard')) one.lingers = 30;
    simulation.cloud.delete(TARGET);
    await simulation.engine.commit({ messages: [deleted('project', TARGET)] });
    // `soft` overtook `maker` and has ended, and `hard` is under way.
    expect(await simulation.until(() => simulation.tasks.hard === 'requested')).toBe(true);
    expect(simulation.tasks.soft).toBe('finished');
    expect(simulation.task('hard').overtook).toEqual([simulation.task('maker').id]);
    // `maker` creates a resource of `soft` and ends, so `soft` runs again.
    simulation.cloud.make('soft.resource', TARGET, 'target-made', 60);
    simulation.cloud.broken.clear();
    expect(await simulation.until(() => simulation.tasks.maker === 'finished')).toBe(true);
    expect(simulation.tasks.hard).toBe('requested');
    expect(simulation.tasks.soft).toBe('requested');
    expect(await simulation.until(() => simulation.tasks.hard !== 'requested')).toBe(true);
    expect(simulation.tasks.soft).toBe('requested');
    // The resource of `soft` creates one of `hard`, for example the port of a server.
    simulation.cloud.make('hard.resource', TARGET);
    await simulation.settle();
    expect({ state: simulation.state, left: simulation.left() }).toEqual({
      state: 'finished',
      left: {},
    });
  });
});

describe('a count that was made after an earlier, wrong 404 of Keystone', () => {
  it('does not let a service begin before the services that may have a resource with a hold', async () => {
    simulation = new StatefulSimulation([
      { name: 'volumes', resourceTypes: { backup: 'A' } },
      { name: 'store', resourceTypes: { object: 'A' }, dependsOn: [awaited('volumes.backup')] },
    ]);
    const { cloud } = simulation;
    const shown = cloud.projects.get(TARGET);
    if (!shown) throw new Error('no project');
    const backups = cloud.of(TARGET, 'volumes');
    cloud.resources = cloud.resources.filter((one) => !backups.includes(one));
    // One 404 is wrong: the services are counted, and the operation is refused.
    cloud.projects.delete(TARGET);
    await simulation.engine.commit({ messages: [deleted('project', TARGET, 'm-1')] });
    expect(
      await simulation.until(
        () =>
          simulation.engine.operations.size > 0 &&
          simulation.tasks.volumes === 'pending' &&
          simulation.tasks.store === 'pending',
      ),
    ).toBe(true);
    cloud.projects.set(TARGET, shown);
    await simulation.settle();
    expect(simulation.state).toBe('refused');
    // A year later a user makes a backup with a hold. Then the project is really deleted.
    simulation.engine.time += 365 * 86_400_000;
    cloud.make('volumes.backup', TARGET, 'target-0');
    await simulation.engine.commit({
      documents: [
        deletionHoldDocument('resource', 'volumes.backup/target-0', 0, {
          target: 'resource',
          id: 'volumes.backup/target-0',
          by: 'ann',
          reason: 'lawsuit',
          at: 0,
        }),
      ],
    });
    cloud.delete(TARGET);
    await simulation.engine.commit({ messages: [deleted('project', TARGET, 'm-2')] });
    await simulation.settle(100);
    expect(simulation.left()).toEqual({ 'volumes.backup': 1, 'store.object': 2 });
  });
});
