import type { Message } from '../../../events/index.ts';
import { CONTROL, deleted, SmallWorld, TARGET } from '../../property/small-world.ts';

/** More failures than the attempts of any task. */
const FOR_EVER = 1_000_000;

/** A world whose middle service answers 500 until its tasks are dead letters. */
async function broken(mode: 'observe' | 'enforce' = 'enforce') {
  const world = new SmallWorld({
    resources: [2, 3, 2],
    lingers: 0,
    failures: FOR_EVER,
    failWith: 'Unexpected',
    mode,
  });
  await world.engine.commit({ messages: [deleted(TARGET)] });
  await world.settle();
  return { world, ...viewOf(world) };
}
const viewOf = (world: SmallWorld) => ({
  operation: () => [...world.engine.operations.values()][0],
  task: (service: string) =>
    [...world.engine.tasks.values()].find((task) => task.service === service),
});
const decided = { by: 'ann', reason: 'torn down' };

describe('a task whose dead letter was discarded', () => {
  it('ends as unreachable: its dependents run, and the operation ends as unverified', async () => {
    const { world, operation, task } = await broken();
    expect([operation()?.state, task('middle')?.state, task('last')?.state]).toEqual([
      'running',
      'dead-lettered',
      'pending',
    ]);
    expect(await world.engine.discard({ service: 'middle' }, decided)).toBe(1);
    await world.settle();
    expect(task('middle')).toMatchObject({
      state: 'unreachable',
      because: 'discarded by ann: torn down',
      nextAt: undefined,
      endedAt: expect.any(Number),
      error: { code: 'middle.http.500' },
    });
    expect([task('last')?.state, operation()?.state]).toEqual(['finished', 'unverified']);
    expect(['first', 'middle', 'last'].map((service) => world.of(service, TARGET).length)).toEqual([
      0, 3, 0,
    ]);
    expect(world.resources(CONTROL)).toBe(6);
    expect([world.engine.deadLetterList, world.engine.waiting]).toEqual([[], []]);
  });

  it('is not changed by late messages about it', async () => {
    const { world, task } = await broken();
    const [deadLetter] = world.engine.deadLetterList;
    await world.engine.discard({}, decided);
    await world.settle();
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
    await world.engine.commit({ messages: late });
    await world.settle();
    expect(task('middle')).toEqual(ended);
    expect(world.of('middle', TARGET)).toHaveLength(3);
  });

  it('is not changed if the dead letter belongs to an older run', async () => {
    const { world, task, operation } = await broken();
    const [deadLetter] = world.engine.deadLetterList;
    await world.engine.redrive({}, { by: 'bob' });
    await world.settle();
    const again = task('middle');
    expect(again?.state).toBe('dead-lettered');
    expect(again?.run).toBeGreaterThan(deadLetter?.task?.run ?? Number.NaN);
    if (!deadLetter?.operationId || !deadLetter.task) throw new Error('no dead letter');
    await world.engine.commit({
      messages: [
        {
          type: 'task.discarded',
          data: { operationId: deadLetter.operationId, ...deadLetter.task, ...decided },
        },
      ],
    });
    await world.settle();
    expect([task('middle'), operation()?.state]).toEqual([again, 'running']);
  });

  it('ends also if the queue dead-lettered the message because the function was killed', async () => {
    const world = new SmallWorld({
      resources: [2, 3, 2],
      lingers: 0,
      failures: 0,
      failWith: 'Unexpected',
    });
    const { task, operation } = viewOf(world);
    await world.engine.commit({ messages: [deleted(TARGET)] });
    const isForMiddle = (message: Message) =>
      message.type === 'service.requested' &&
      message.data.service === 'middle' &&
      message.data.phase === 'apply';
    for (let n = 0; n < 100 && world.engine.waiting.length > 0; n += 1)
      for (const waiting of world.engine.due()) {
        if (isForMiddle(waiting.message))
          world.engine.moveToDeadLetters('service-middle', waiting.message, { receiveCount: 9 });
        else await world.handle(waiting.message);
        world.engine.take(waiting);
      }
    expect([task('middle')?.state, world.engine.deadLetterList.length]).toEqual(['requested', 1]);
    await world.engine.discard({ service: 'middle' }, decided);
    await world.settle();
    expect([task('middle')?.state, task('last')?.state, operation()?.state]).toEqual([
      'unreachable',
      'finished',
      'unverified',
    ]);
  });

  it('does not make the operation unverified in mode observe', async () => {
    const { world, task, operation } = await broken('observe');
    expect([operation()?.state, task('middle')?.state]).toEqual(['confirming', 'dead-lettered']);
    await world.engine.discard({}, decided);
    await world.settle();
    expect([operation()?.state, task('middle')?.state, world.resources(TARGET)]).toEqual([
      'observed',
      'unreachable',
      7,
    ]);
  });
});
