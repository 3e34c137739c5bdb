import { until } from './cloud.ts';
import { type CloudFixture, openCloudFixture } from './cloud-fixture.ts';
import { describeView, isOver, OPERATION_SECONDS } from './driver.ts';
import { type Breakable, broker, nova } from './faults.ts';

const pause = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** A test that needs a part of the cloud to stop, or the reason why that part cannot be stopped. */
interface Case {
  readonly name: string;
  readonly fault: Breakable | string;
  run(fault: Breakable): Promise<void>;
}

describe('a part of the cloud that is stopped', () => {
  let on: CloudFixture;
  beforeAll(async () => {
    on = await openCloudFixture({ first: 'simple', second: 'simple' });
    await on.start({ mode: 'enforce' });
  });
  afterAll(() => on?.strike());

  async function emptied(name: string): Promise<void> {
    const now = await on.snapshot(true);
    expect(await on.remaining(now, name)).toEqual([]);
  }

  const cases: Case[] = [
    {
      name: 'an operation waits and names Nova while Nova is stopped for a minute, and ends afterwards',
      fault: nova(),
      async run(fault) {
        const first = on.idOf('first');
        await fault.stop();
        try {
          const stopped = Date.now();
          await on.deleteProject('first');
          const view = await on.propagator.operation(
            { project: first },
            (one) => one.waitsOn.some(({ on: what }) => /nova/i.test(what)),
            OPERATION_SECONDS,
          );
          console.log(describeView(view));
          await pause(Math.max(0, 60 - (Date.now() - stopped) / 1000));
          const [later] = await on.propagator.operations({ project: first });
          expect(later && isOver(later)).toBe(false);
          expect(later?.waitsOn.map((one) => one.on).join()).toMatch(/nova/i);
          expect((await on.propagator.health()).ok).toBe(true);
        } finally {
          await fault.start();
        }
        await on.propagator.operation({ project: first }, isOver, OPERATION_SECONDS);
        await until('Nova is back', 60, () => emptied('first').then(() => true));
        expect(await on.propagator.deadLetters()).toEqual([]);
      },
    },
    {
      name: 'the relay reports a stop of RabbitMQ, and receives the notifications of that time afterwards',
      fault: broker(),
      async run(fault) {
        await fault.stop();
        let deleting: Promise<unknown> = Promise.resolve();
        try {
          await until('the relay reports that the broker is away', 30, async () =>
            (await on.propagator.health()).ok ? undefined : true,
          );
          // Keystone delays its answer until it can publish the notification.
          deleting = on.deleteProject('second');
          await pause(5);
        } finally {
          await fault.start();
        }
        await until('the relay is connected again', 90, async () =>
          (await on.propagator.health()).ok ? true : undefined,
        );
        await deleting;
        await on.propagator.operation({ project: on.idOf('second') }, isOver, OPERATION_SECONDS);
        await emptied('second');
        const { before, now } = on.others(await on.snapshot(true), 'first', 'second');
        expect(now).toEqual(before);
        expect(await on.propagator.deadLetters()).toEqual([]);
      },
    },
  ];

  for (const { name, fault, run } of cases)
    if (typeof fault !== 'string') it(name, () => run(fault));

  it('is tried for every fault, except those that a setting forbids', () => {
    const reasons = cases.flatMap(({ fault }) => (typeof fault === 'string' ? [fault] : []));
    if (reasons.length > 0) console.log(`left out: ${reasons.join(', ')}`);
    expect(reasons.filter((reason) => !reason.endsWith('_STOP=none'))).toEqual([]);
  });
});
