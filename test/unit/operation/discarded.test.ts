import type { Message } from '../../../events/index.ts';
import { CONTROL, deleted, Simulation, TARGET } from '../../property/simulation.ts';
import { failure } from '../../property/stateful-simulation.ts';
import { deletedWithBackups } from './held-copies-fixture.ts';

/** More failures than the attempts of any task. */
const MORE_THAN_ALL_ATTEMPTS = 1_000_000;

/** A simulation whose middle service answers 500 until its tasks are dead letters. */
async function simulationWithDeadLetters(mode: 'observe' | 'enforce' = 'enforce') {
  const simulation = new Simulation({
    resources: [2, 3, 2],
    lingers: 0,
    failures: MORE_THAN_ALL_ATTEMPTS,
    failWith: 'Unexpected',
    mode,
  });
  await simulation.engine.commit({ messages: [deleted(TARGET)] });
  await simulation.settle();
  return { simulation, ...viewOf(simulation) };
}
const viewOf = (simulation: Simulation) => ({
  operation: () => [...simulation.engine.operations.values()][0],
  task: (service: string) =>
    [...simulation.engine.tasks.values()].find((task) => task.service === service),
});
const discardDecision = { by: 'ann', reason: 'torn down' };

describe('a task whose dead letter was discarded', () => {
  it('ends as unreachable: its dependents run, and the operation ends as unverified', async () => {
    const { simulation, operation, task } = await simulationWithDeadLetters();
    expect([operation()?.state, task('middle')?.state, task('last')?.state]).toEqual([
      'running',
      'dead-lettered',
      'pending',
    ]);
    expect(await simulation.engine.discard({ service: 'middle' }, discardDecision)).toBe(1);
    await simulation.settle();
    expect(task('middle')).toMatchObject({
      state: 'unreachable',
      because: 'discarded by ann: torn down',
      nextAt: undefined,
      endedAt: expect.any(Number),
      error: { code: 'middle.http.500' },
    });
    expect([task('last')?.state, operation()?.state]).toEqual(['finished', 'unverified']);
    expect(
      ['first', 'middle', 'last'].map((service) => simulation.of(service, TARGET).length),
    ).toEqual([0, 3, 0]);
    expect(simulation.resources(CONTROL)).toBe(6);
    expect([simulation.engine.deadLetterList, simulation.engine.waiting]).toEqual([[], []]);
  });

  it('is not changed by late messages about it', async () => {
    const { simulation, task } = await simulationWithDeadLetters();
    const [deadLetter] = simulation.engine.deadLetterList;
    await simulation.engine.discard({}, discardDecision);
    await simulation.settle();
    const ended = task('middle');
    expect(ended?.state).toBe('unreachable');
    if (!deadLetter?.message || !deadLetter.operationId || !deadLetter.task)
      throw new Error('no dead letter');
    const { taskId, run } = deadLetter.task;
    const late: Message[] = [
      // A second delivery of the same message is redriven and discarded as well.
      deadLetter.message,
      { type: 'task.redriven', data: { operationId: deadLetter.operationId, taskId, by: 'bob' } },
      {
        type: 'task.discarded',
        data: { operationId: deadLetter.operationId, taskId, run, by: 'bob', reason: 'once more' },
      },
    ];
    await simulation.engine.commit({ messages: late });
    await simulation.settle();
    expect(task('middle')).toEqual(ended);
    expect(simulation.of('middle', TARGET)).toHaveLength(3);
  });

  it('is not changed if the dead letter belongs to an older run', async () => {
    const { simulation, task, operation } = await simulationWithDeadLetters();
    const [deadLetter] = simulation.engine.deadLetterList;
    await simulation.engine.redrive({}, { by: 'bob' });
    await simulation.settle();
    const again = task('middle');
    expect(again?.state).toBe('dead-lettered');
    expect(again?.run).toBeGreaterThan(deadLetter?.task?.run ?? Number.NaN);
    if (!deadLetter?.operationId || !deadLetter.task) throw new Error('no dead letter');
    await simulation.engine.commit({
      messages: [
        {
          type: 'task.discarded',
          data: { operationId: deadLetter.operationId, ...deadLetter.task, ...discardDecision },
        },
      ],
    });
    await simulation.settle();
    expect([task('middle'), operation()?.state]).toEqual([again, 'running']);
  });

  it('ends even if the queue dead-lettered the message because the function was killed', async () => {
    const simulation = new Simulation({
      resources: [2, 3, 2],
      lingers: 0,
      failures: 0,
      failWith: 'Unexpected',
    });
    const { task, operation } = viewOf(simulation);
    await simulation.engine.commit({ messages: [deleted(TARGET)] });
    const isForMiddle = (message: Message) =>
      message.type === 'service.requested' &&
      message.data.service === 'middle' &&
      message.data.phase === 'apply';
    for (let n = 0; n < 100 && simulation.engine.waiting.length > 0; n += 1)
      for (const waiting of simulation.engine.dueMessages()) {
        if (isForMiddle(waiting.message))
          simulation.engine.moveToDeadLetters('service-middle', waiting.message, {
            receiveCount: 9,
          });
        else await simulation.handle(waiting.message);
        simulation.engine.removeDelivered(waiting);
      }
    expect([task('middle')?.state, simulation.engine.deadLetterList.length]).toEqual([
      'requested',
      1,
    ]);
    await simulation.engine.discard({ service: 'middle' }, discardDecision);
    await simulation.settle();
    expect([task('middle')?.state, task('last')?.state, operation()?.state]).toEqual([
      'unreachable',
      'finished',
      'unverified',
    ]);
  });

  it('does not make the operation unverified in mode observe', async () => {
    const { simulation, task, operation } = await simulationWithDeadLetters('observe');
    expect([operation()?.state, task('middle')?.state]).toEqual(['confirming', 'dead-lettered']);
    await simulation.engine.discard({}, discardDecision);
    await simulation.settle();
    expect([operation()?.state, task('middle')?.state, simulation.resources(TARGET)]).toEqual([
      'observed',
      'unreachable',
      7,
    ]);
  });
});

describe('a task that has a resource with a hold', () => {
  it('does not end by a discard, so the data of a backup with a hold stays', async () => {
    const { simulation, volumes, addHold, endHold } = await deletedWithBackups();
    await addHold();
    await simulation.until(() => volumes()?.conditions.some(({ isHold }) => isHold) === true);
    simulation.cloud.broken.set('volumes', failure('Denied'));
    await simulation.until(() => volumes()?.state === 'dead-lettered');
    const discard = () => simulation.engine.discard({ service: 'volumes' }, discardDecision);
    expect(await discard()).toBe(1);
    await simulation.settle();
    expect(volumes()).toMatchObject({ state: 'dead-lettered', because: undefined });
    expect(simulation.left()).toEqual({ 'volumes.backup': 2, 'store.object': 2 });
    // The message is a dead-letter message again. After the end of the hold it can be discarded.
    await endHold();
    expect(await discard()).toBe(1);
    await simulation.settle();
    expect([volumes()?.state, simulation.state]).toEqual(['unreachable', 'unverified']);
    expect(simulation.left()).toEqual({ 'volumes.backup': 2 });
  });
});
