import { describeView, isOver, OPERATION_SECONDS, type View } from './driver.ts';
import { type Door, openDoor } from './fault-proxy.ts';
import { type Stage, stage } from './stage.ts';

const ENDED = ['finished', 'skipped', 'unreachable'];
const taskOf = (view: View, service: string) => view.tasks.find((task) => task.service === service);
const othersEnded = (view: View, service: string) =>
  view.tasks.length > 0 &&
  view.tasks.every((task) => task.service === service || ENDED.includes(task.state));

/** One failing service and eleven working ones. */
describe('a cloud in which one service is unwell', () => {
  let on: Stage;
  let apiUrl: Door | undefined;
  beforeAll(async () => {
    on = await stage({ first: 'full', second: 'simple' });
  });
  afterEach(async () => {
    await apiUrl?.close();
    apiUrl = undefined;
    await on.propagator.stop();
  });
  afterAll(() => on?.strike());

  /** Returns all resources except those that only a token on the deleted project could list. */
  const remaining = async (name: string) =>
    (await on.remaining(await on.look(), name)).filter((line) => !line.startsWith('barbican.'));

  it('Heat answers 500 to every list: all others end, its task waits with the reason, and ends when Heat is well again', async () => {
    apiUrl = await openDoor(on.cloud, 'orchestration');
    apiUrl.answer({ method: 'GET', path: /\/stacks(\?|$)/, status: 500 });
    await on.start({ mode: 'enforce' });
    const project = on.idOf('first');
    await on.deleteProject('first');
    const view = await on.propagator.operation(
      { project },
      (one) => othersEnded(one, 'heat'),
      OPERATION_SECONDS,
    );
    console.log(describeView(view));
    expect(isOver(view)).toBe(false);
    expect(ENDED).not.toContain(taskOf(view, 'heat')?.state);
    expect(view.waitsOn.map((one) => one.on).join()).toMatch(/heat.*500/);
    expect(taskOf(view, 'nova')?.state).toBe('finished');
    expect(apiUrl.hits).toBeGreaterThan(0);
    apiUrl.answer(undefined);
    const ended = await on.propagator.operation({ project }, isOver, OPERATION_SECONDS);
    expect(taskOf(ended, 'heat')?.state).toBe('finished');
    expect(await remaining('first')).toEqual([]);
    const { before, now } = on.others(await on.look(), 'first');
    expect(now).toEqual(before);
    expect(await on.propagator.deadLetters()).toEqual([]);
  });

  it('a policy gives the cleaner 403 on Octavia: that task is the operator’s at once, the others end; mended and redriven, it ends', async () => {
    apiUrl = await openDoor(on.cloud, 'load-balancer');
    apiUrl.answer({ method: 'GET', path: /loadbalancers/, status: 403 });
    await on.start({ mode: 'enforce' });
    const project = on.idOf('second');
    await on.deleteProject('second');
    const view = await on.propagator.operation(
      { project },
      (one) => othersEnded(one, 'octavia'),
      OPERATION_SECONDS,
    );
    expect(taskOf(view, 'octavia')?.state).toBe('dead-lettered');
    expect(view.waitsOn).toContainEqual(
      expect.objectContaining({ actor: 'operator', on: expect.stringContaining('octavia') }),
    );
    expect(await on.propagator.deadLetters()).toHaveLength(1);
    // No retry storm: a refused request would be refused again.
    expect(apiUrl.hits).toBeLessThan(6);
    apiUrl.answer(undefined);
    await on.propagator.api(
      'POST',
      '/v1/dead-letters/redrive',
      JSON.stringify({ service: 'octavia' }),
    );
    await on.propagator.operation({ project }, isOver, OPERATION_SECONDS);
    expect(await remaining('second')).toEqual([]);
    const { before, now } = on.others(await on.look(), 'first', 'second');
    expect(now).toEqual(before);
    expect(await on.propagator.deadLetters()).toEqual([]);
  });
});
