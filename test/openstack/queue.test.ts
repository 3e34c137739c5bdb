import { randomBytes } from 'node:crypto';
import { projectDeleted, sendToQueue } from './broker.ts';
import { until } from './cloud.ts';
import { type CloudFixture, openCloudFixture } from './cloud-fixture.ts';
import { isOver, isState, OPERATION_SECONDS } from './driver.ts';

const envelope = (message: unknown): string =>
  JSON.stringify({ 'oslo.version': '2.0', 'oslo.message': JSON.stringify(message) });

/** Messages that are no notifications, each with a number, so that no two are equal. */
const GARBAGE: readonly ((n: number) => string | Uint8Array)[] = [
  (n) => `not json ${n}`,
  () => new Uint8Array(randomBytes(64)),
  (n) => `{"oslo.version": "2.0", "oslo.message": "{\\"message_id\\": ${n}`,
  (n) => JSON.stringify({ 'oslo.version': '2.0', 'oslo.message': `broken inside ${n}` }),
  (n) => JSON.stringify([n]),
  (n) => String(n),
  (n) => envelope({ message_id: `m${n}`, payload: {} }),
  (n) =>
    envelope({
      message_id: `m${n}`,
      event_type: 'identity.project.deleted',
      payload: { resource_info: `../../v3/users/${'x'.repeat(64)}` },
    }),
  (n) => envelope({ message_id: `m${n}`, event_type: 'identity.project.deleted', payload: null }),
  (n) =>
    envelope({
      message_id: `m${n}`,
      event_type: 'identity.project.deleted',
      payload: { resource_info: { id: n } },
    }),
  (n) => '['.repeat(2000 + n),
  (n) => `${n}${'x'.repeat(300_000)}`,
];
const MESSAGES = 1000;

describe('messages on the queue from untrusted senders', () => {
  let fixture: CloudFixture;
  beforeAll(async () => {
    fixture = await openCloudFixture({ doomed: 'simple' });
    await fixture.start({ mode: 'enforce' });
  });
  afterAll(() => fixture.tearDown());

  it('a forged deletion of a living project changes nothing and is reported', async () => {
    const alive = fixture.idOf('still');
    await sendToQueue(fixture.propagator.queue, [projectDeleted(alive)]);
    const view = await fixture.propagator.operation(
      { project: alive },
      isState('refused'),
      OPERATION_SECONDS,
    );
    expect(view.operation.hold?.reason).toMatch(/Keystone still shows it/);
    expect(view.operation.startedAt ?? undefined).toBeUndefined();
    expect(view.resources.removed).toBe(0);
    const { before, now } = fixture.linesOfOtherProjects(await fixture.snapshot(true));
    expect(now).toEqual(before);
  });

  it('a thousand invalid messages go to quarantine, each with a reason, and a real deletion after them is carried out', async () => {
    const make = (n: number) => GARBAGE[n % GARBAGE.length]?.(n) ?? '';
    const bodies = Array.from({ length: MESSAGES }, (_, n) => make(n));
    await sendToQueue(fixture.propagator.queue, bodies);
    await fixture.deleteProject('doomed');
    const doomed = fixture.idOf('doomed');
    await fixture.propagator.operation({ project: doomed }, isOver, OPERATION_SECONDS);
    const quarantined = await until('all garbage is in quarantine', OPERATION_SECONDS, async () => {
      const all = await fixture.propagator.quarantine();
      return all.total >= MESSAGES ? all : undefined;
    });
    expect(quarantined.total).toBe(MESSAGES);
    expect(quarantined.records.filter((record) => record.reason.length < 5)).toEqual([]);
    console.log(
      `reasons: ${[...new Set(quarantined.records.map((record) => record.reason.slice(0, 80)))].join(' | ')}`,
    );
    const now = await fixture.snapshot(true);
    expect(await fixture.remainingResources(now, 'doomed')).toEqual([]);
    const others = fixture.linesOfOtherProjects(now, 'doomed');
    expect(others.now).toEqual(others.before);
  });
});
