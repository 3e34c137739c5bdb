import { currentStopDecision, stoppableApi } from '../../../lib/handlers/stop-switch.ts';
import type { StopDecision } from '../../../lib/operation/stop.ts';
import type { ServiceApi } from '../../../lib/task/context.ts';
import { CONTROL, deleted, Simulation, TARGET } from '../../property/simulation.ts';
import {
  EVERY_CLASS,
  TARGET as LIVING,
  StatefulSimulation,
} from '../../property/stateful-simulation.ts';

const newSimulation = () =>
  new Simulation({ resources: [6, 4, 2], lingers: 0, failures: 0, failWith: 'Transient' });
type EngineHolder = Pick<Simulation, 'engine'>;
const storeStopDecision = ({ engine }: EngineHolder, what: StopDecision['what']) =>
  engine.commit({ stopDecision: { what, by: 'ann', reason: 'a mistake', at: engine.time } });
/** One removal at a time, so that a stop comes between two removals. */
const oneAtATime = (simulation: Simulation) => ({
  ...simulation.deps,
  concurrency: { first: 1, middle: 1, last: 1 },
});

describe('the stop switch', () => {
  it('stops the removals of a running task immediately, and resume-all continues them', async () => {
    const simulation = newSimulation();
    const { engine } = simulation;
    const deps = oneAtATime(simulation);
    let removals = 0;
    simulation.onRemoval = async () => {
      removals += 1;
      if (removals !== 2) return;
      await storeStopDecision(simulation, 'stopped');
      // The longest time for which an answer of the store is cached.
      engine.time += 1000;
    };
    await simulation.handle(deleted(TARGET), deps);
    await simulation.settle(deps, 40);
    expect(removals).toBe(2);
    const left = simulation.of('first', TARGET).filter(({ deleting }) => !deleting);
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

    await storeStopDecision(simulation, 'resumed');
    await simulation.settle(deps, 200);
    expect(simulation.resources(TARGET)).toBe(0);
    expect(simulation.resources(CONTROL)).toBe(6);
    expect([...engine.operations.values()]).toMatchObject([{ state: 'finished' }]);
  });

  it('lets no run start a removal, even hours later', async () => {
    const simulation = newSimulation();
    await storeStopDecision(simulation, 'stopped');
    await simulation.handle(deleted(TARGET));
    await simulation.settle(simulation.deps, 300);
    expect(simulation.resources(TARGET)).toBe(12);
    expect(simulation.engine.deadLetterList).toEqual([]);
    await storeStopDecision(simulation, 'resumed');
    await simulation.settle(simulation.deps, 200);
    expect(simulation.resources(TARGET)).toBe(0);
  });

  it('prevents all removals while the store cannot be read', async () => {
    const simulation = newSimulation();
    const { reads } = simulation.engine;
    const readStopDecision = reads.stopDecision;
    reads.stopDecision = () => Promise.reject(new Error('the store does not answer'));
    await simulation.handle(deleted(TARGET));
    await simulation.settle(simulation.deps, 20);
    expect(simulation.resources(TARGET)).toBe(12);
    reads.stopDecision = readStopDecision;
    await simulation.settle(simulation.deps, 200);
    expect(simulation.resources(TARGET)).toBe(0);
  });

  it('delays Keystone actions: the project is neither disabled nor deleted', async () => {
    const simulation = new StatefulSimulation(EVERY_CLASS);
    await simulation.ask();
    await simulation.until(() => simulation.state === 'pre-delete');
    await storeStopDecision(simulation, 'stopped');
    await simulation.settle(100);
    expect(simulation.cloud.projects.get(LIVING)).toMatchObject({ enabled: true });
    expect(simulation.state).toBe('pre-delete');
    await storeStopDecision(simulation, 'resumed');
    await simulation.settle();
    expect(simulation.cloud.projects.has(LIVING)).toBe(false);
    expect(simulation.operation.state).toBe('finished');
    simulation.expectOthersUntouched();
  });
});

describe('the API of a service under the stop switch', () => {
  const simulation = newSimulation();
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
    list: async () => ({ rows: [], hasMore: false }),
    withWatch: () => api,
  };
  const clock = { time: 5000 };
  const deps = { engine: simulation.engine, now: () => clock.time };

  it.each([
    ['itself', stoppableApi(api, deps)],
    [
      'under a watch',
      stoppableApi(api, deps).withWatch?.({
        signal: new AbortController().signal,
        answered: () => undefined,
      }),
    ],
  ])('%s sends no call that may change something within 2 s of a stop', async (_, guarded) => {
    sent.length = 0;
    await guarded?.request('DELETE', '/servers/1');
    await storeStopDecision(simulation, 'stopped');
    clock.time += 2000;
    for (const method of ['DELETE', 'POST', 'PUT', 'PATCH'] as const)
      await expect(guarded?.request(method, '/servers/2')).rejects.toMatchObject({
        report: { code: 'operation.stopped', class: 'Transient', service: 'nova' },
      });
    await guarded?.request('GET', '/servers/2');
    expect(sent).toEqual(['DELETE /servers/1', 'GET /servers/2']);
    await storeStopDecision(simulation, 'resumed');
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
      await currentStopDecision(counting);
    }
    expect(reads).toBe(2);
  });
});
