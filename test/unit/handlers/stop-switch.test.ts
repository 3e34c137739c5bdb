import { currentStop, stoppable } from '../../../lib/handlers/stop-switch.ts';
import type { StopDecision } from '../../../lib/operation/stop.ts';
import type { ServiceApi } from '../../../lib/task/context.ts';
import { CONTROL, deleted, SmallWorld, TARGET } from '../../property/small-world.ts';
import { EVERY_CLASS, TARGET as LIVING, LivingWorld } from '../../property/stateful-world.ts';

const worldOf = () =>
  new SmallWorld({ resources: [6, 4, 2], lingers: 0, failures: 0, failWith: 'Transient' });
type World = Pick<SmallWorld, 'engine'>;
const decide = ({ engine }: World, what: StopDecision['what']) =>
  engine.commit({ stopDecision: { what, by: 'ann', reason: 'a mistake', at: engine.time } });
/** One removal at a time, so that a stop comes between two removals. */
const oneAtATime = (world: SmallWorld) => ({
  ...world.deps,
  concurrency: { first: 1, middle: 1, last: 1 },
});

describe('the stop switch', () => {
  it('stops the removals of a running task at once, and resume-all continues them', async () => {
    const world = worldOf();
    const { engine } = world;
    const deps = oneAtATime(world);
    let removals = 0;
    world.onRemoval = async () => {
      removals += 1;
      if (removals !== 2) return;
      await decide(world, 'stopped');
      // The longest time for which an answer of the store is cached.
      engine.time += 1000;
    };
    await world.handle(deleted(TARGET), deps);
    await world.settle(deps, 40);
    expect(removals).toBe(2);
    const left = world.of('first', TARGET).filter(({ deleting }) => !deleting);
    expect(left).toHaveLength(4);
    const [operation] = [...engine.operations.values()];
    expect(operation).toMatchObject({ state: 'running' });
    const task = [...engine.tasks.values()].find(({ service }) => service === 'first');
    expect(task?.conditions).toMatchObject([
      {
        class: 'Blocked',
        message: 'all destructive work is stopped (propagator stop-all) by ann: a mistake',
        actor: 'operator',
        advice: expect.stringContaining('propagator resume-all'),
      },
    ]);
    expect(engine.deadLetterList).toEqual([]);

    await decide(world, 'resumed');
    await world.settle(deps, 200);
    expect(world.resources(TARGET)).toBe(0);
    expect(world.resources(CONTROL)).toBe(6);
    expect([...engine.operations.values()]).toMatchObject([{ state: 'finished' }]);
  });

  it('lets no run start a removal, also after hours', async () => {
    const world = worldOf();
    await decide(world, 'stopped');
    await world.handle(deleted(TARGET));
    await world.settle(world.deps, 300);
    expect(world.resources(TARGET)).toBe(12);
    expect(world.engine.deadLetterList).toEqual([]);
    await decide(world, 'resumed');
    await world.settle(world.deps, 200);
    expect(world.resources(TARGET)).toBe(0);
  });

  it('prevents all removals while the store cannot be read', async () => {
    const world = worldOf();
    const { reads } = world.engine;
    const read = reads.stopDecision;
    reads.stopDecision = () => Promise.reject(new Error('the store does not answer'));
    await world.handle(deleted(TARGET));
    await world.settle(world.deps, 20);
    expect(world.resources(TARGET)).toBe(12);
    reads.stopDecision = read;
    await world.settle(world.deps, 200);
    expect(world.resources(TARGET)).toBe(0);
  });

  it('delays Keystone actions: the project is neither disabled nor deleted', async () => {
    const world = new LivingWorld(EVERY_CLASS);
    await world.ask();
    await world.until(() => world.state === 'pre-delete');
    await decide(world, 'stopped');
    await world.settle(100);
    expect(world.cloud.projects.get(LIVING)).toMatchObject({ enabled: true });
    expect(world.state).toBe('pre-delete');
    await decide(world, 'resumed');
    await world.settle();
    expect(world.cloud.projects.has(LIVING)).toBe(false);
    expect(world.operation.state).toBe('finished');
    world.expectOthersUntouched();
  });
});

describe('the API of a service under the stop switch', () => {
  const world = worldOf();
  const sent: string[] = [];
  const api: ServiceApi = {
    service: 'nova',
    region: 'one',
    endpoint: '',
    ownProject: 'cleaner',
    request: async (method, path) => {
      sent.push(`${method} ${path}`);
      return { status: 204, headers: new Headers(), json: undefined, requestId: undefined };
    },
    list: async () => ({ rows: [], more: false }),
    watched: () => api,
  };
  const clock = { time: 5000 };
  const deps = { engine: world.engine, now: () => clock.time };

  it.each([
    ['itself', stoppable(api, deps)],
    [
      'under a watch',
      stoppable(api, deps).watched?.({
        signal: new AbortController().signal,
        answered: () => undefined,
      }),
    ],
  ])('%s sends no call that may change something within 2 s of a stop', async (_, guarded) => {
    sent.length = 0;
    await guarded?.request('DELETE', '/servers/1');
    await decide(world, 'stopped');
    clock.time += 2000;
    for (const method of ['DELETE', 'POST', 'PUT', 'PATCH'] as const)
      await expect(guarded?.request(method, '/servers/2')).rejects.toMatchObject({
        report: { code: 'operation.stopped', class: 'Transient', service: 'nova' },
      });
    await guarded?.request('GET', '/servers/2');
    expect(sent).toEqual(['DELETE /servers/1', 'GET /servers/2']);
    await decide(world, 'resumed');
    clock.time += 2000;
    await guarded?.request('DELETE', '/servers/2');
    expect(sent).toContain('DELETE /servers/2');
  });

  it('reads the store at most once in a second', async () => {
    let reads = 0;
    const counting = {
      engine: {
        reads: {
          stopDecision: async () => {
            reads += 1;
            return undefined;
          },
        },
      },
      now: () => clock.time,
    };
    for (let n = 0; n < 100; n += 1) {
      clock.time += 20;
      await currentStop(counting);
    }
    expect(reads).toBe(2);
  });
});
