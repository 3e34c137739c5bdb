import { until } from './cloud.ts';
import { type CloudFixture, openCloudFixture } from './cloud-fixture.ts';
import { describeView, isOver, OPERATION_SECONDS } from './driver.ts';
import { broker, nova, type StoppablePart } from './faults.ts';

const pause = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** A test that needs a part of the cloud to stop, or the reason why that part cannot be stopped. */
interface Case {
  readonly name: string;
  readonly fault: StoppablePart | string;
  run(fault: StoppablePart): Promise<void>;
}

describe('a part of the cloud that is stopped', () => {
  let fixture: CloudFixture;
  beforeAll(async () => {
    fixture = await openCloudFixture({ first: 'simple', second: 'simple' });
    await fixture.start({ mode: 'enforce' });
  });
  afterAll(() => fixture.tearDown());

  async function emptied(name: string): Promise<void> {
    const now = await fixture.snapshot(true);
    expect(await fixture.remainingResources(now, name)).toEqual([]);
  }

  const cases: Case[] = [
    {
      name: 'an operation waits and names Nova while Nova is stopped for a minute, and ends afterwards',
      fault: nova(),
      async run(fault) {
        const first = fixture.idOf('first');
        await fault.stop();
        try {
          const stopped = Date.now();
          await fixture.deleteProject('first');
          const view = await fixture.propagator.operation(
            { project: first },
            (one) => one.waitsOn.some(({ on: what }) => /nova/i.test(what)),
            OPERATION_SECONDS,
          );
          console.log(describeView(view));
          await pause(Math.max(0, 60 - (Date.now() - stopped) / 1000));
          const [later] = await fixture.propagator.operations({ project: first });
          expect(later && isOver(later)).toBe(false);
          expect(later?.waitsOn.map((one) => one.on).join()).toMatch(/nova/i);
          expect((await fixture.propagator.health()).ok).toBe(true);
        } finally {
          await fault.start();
        }
        await fixture.propagator.operation({ project: first }, isOver, OPERATION_SECONDS);
        await until('Nova is back', 60, () => emptied('first').then(() => true));
        expect(await fixture.propagator.deadLetters()).toEqual([]);
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
            (await fixture.propagator.health()).ok ? undefined : true,
          );
          // Keystone delays its answer until it can publish the notification.
          deleting = fixture.deleteProject('second');
          await pause(5);
        } finally {
          await fault.start();
        }
        await until('the relay is connected again', 90, async () =>
          (await fixture.propagator.health()).ok ? true : undefined,
        );
        await deleting;
        await fixture.propagator.operation(
          { project: fixture.idOf('second') },
          isOver,
          OPERATION_SECONDS,
        );
        await emptied('second');
        const { before, now } = fixture.linesOfOtherProjects(
          await fixture.snapshot(true),
          'first',
          'second',
        );
        expect(now).toEqual(before);
        expect(await fixture.propagator.deadLetters()).toEqual([]);
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
