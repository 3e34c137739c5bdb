import { type CloudFixture, openCloudFixture } from './cloud-fixture.ts';
import { describeView, isOver, OPERATION_SECONDS, type View } from './driver.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';

const ENDED = ['finished', 'skipped', 'unreachable'];
const taskOf = (view: View, service: string) => view.tasks.find((task) => task.service === service);
const othersEnded = (view: View, service: string) =>
  view.tasks.length > 0 &&
  view.tasks.every((task) => task.service === service || ENDED.includes(task.state));

/** One failing service and eleven working ones. */
describe('a cloud in which one service fails', () => {
  let fixture: CloudFixture;
  let proxy: FaultProxy | undefined;
  beforeAll(async () => {
    fixture = await openCloudFixture({ first: 'full', second: 'simple' });
  });
  afterEach(async () => {
    await proxy?.close();
    proxy = undefined;
    await fixture.propagator.stop();
  });
  afterAll(() => fixture.tearDown());

  /** Returns all resources except those that only a token on the deleted project could list. */
  const remaining = async (name: string) =>
    (await fixture.remainingResources(await fixture.snapshot(), name)).filter(
      (line) => !line.startsWith('barbican.'),
    );

  it('if Heat answers 500 to every list, the other tasks finish, and the task of Heat waits with the reason until Heat works again', async () => {
    proxy = await startFaultProxy(fixture.cloud, 'orchestration');
    proxy.answer({ method: 'GET', path: /\/stacks(\?|$)/, status: 500 });
    await fixture.start({ mode: 'enforce' });
    const project = fixture.idOf('first');
    await fixture.deleteProject('first');
    const view = await fixture.propagator.operation(
      { project },
      (one) => othersEnded(one, 'heat'),
      OPERATION_SECONDS,
    );
    console.log(describeView(view));
    expect(isOver(view)).toBe(false);
    expect(ENDED).not.toContain(taskOf(view, 'heat')?.state);
    expect(view.waitsOn.map((one) => one.on).join()).toMatch(/heat.*500/);
    expect(taskOf(view, 'nova')?.state).toBe('finished');
    expect(proxy.hits).toBeGreaterThan(0);
    proxy.answer(undefined);
    const ended = await fixture.propagator.operation({ project }, isOver, OPERATION_SECONDS);
    expect(taskOf(ended, 'heat')?.state).toBe('finished');
    expect(await remaining('first')).toEqual([]);
    const { before, now } = fixture.linesOfOtherProjects(await fixture.snapshot(), 'first');
    expect(now).toEqual(before);
    expect(await fixture.propagator.deadLetters()).toEqual([]);
  });

  it('if a policy of Octavia refuses the propagator, the other tasks finish, and a redrive after the correction finishes the task of Octavia', async () => {
    proxy = await startFaultProxy(fixture.cloud, 'load-balancer');
    proxy.answer({ method: 'GET', path: /loadbalancers/, status: 403 });
    await fixture.start({ mode: 'enforce' });
    const project = fixture.idOf('second');
    await fixture.deleteProject('second');
    const view = await fixture.propagator.operation(
      { project },
      (one) => othersEnded(one, 'octavia'),
      OPERATION_SECONDS,
    );
    expect(taskOf(view, 'octavia')?.state).toBe('dead-lettered');
    expect(view.waitsOn).toContainEqual(
      expect.objectContaining({ actor: 'operator', on: expect.stringContaining('octavia') }),
    );
    expect(await fixture.propagator.deadLetters()).toHaveLength(1);
    // No retry storm: a refused request would be refused again.
    expect(proxy.hits).toBeLessThan(6);
    proxy.answer(undefined);
    await fixture.propagator.api(
      'POST',
      '/v1/dead-letters/redrive',
      JSON.stringify({ service: 'octavia' }),
    );
    await fixture.propagator.operation({ project }, isOver, OPERATION_SECONDS);
    expect(await remaining('second')).toEqual([]);
    const { before, now } = fixture.linesOfOtherProjects(
      await fixture.snapshot(),
      'first',
      'second',
    );
    expect(now).toEqual(before);
    expect(await fixture.propagator.deadLetters()).toEqual([]);
  });
});
