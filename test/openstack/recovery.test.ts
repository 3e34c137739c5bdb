import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { until } from './cloud.ts';
import { type CloudFixture, openCloudFixture } from './cloud-fixture.ts';
import { describeView, isState, OPERATION_SECONDS, type View } from './driver.ts';
import { type ProjectInUse, SUSPENDED, startWorkloads } from './project-in-use.ts';
import { linesOf, type Snapshot, survivors } from './snapshot.ts';

const Planned = z.looseObject({ digest: z.string() });
const Windowed = z.looseObject({
  recovery: z.looseObject({
    reminders: z.array(z.looseObject({ sentAt: z.number().optional() })),
  }),
});

/**
 * An administrator deletes a project with a recovery window, takes the deletion back, and lets the
 * window of a second deletion end. The propagator is killed in both windows.
 */
describe('a project that is deleted with a recovery window', () => {
  let fixture: CloudFixture;
  let project: ProjectInUse;
  /** Listings of the project and of the control project before the first deletion. */
  let before: Snapshot;
  let alarms: unknown;
  beforeAll(async () => {
    fixture = await openCloudFixture({ leaving: 'simple' });
    project = await startWorkloads(fixture, 'leaving');
    before = await fixture.snapshot(true);
    alarms = await project.alarms();
    await start();
  });
  afterAll(async () => {
    await fixture.tearDown();
    await project?.remove();
  });

  const start = () =>
    fixture.start({ mode: 'enforce', environment: { PROPAGATOR_TOKEN_CACHE_TIME: '2s' } });
  const restart = async (): Promise<void> => {
    await fixture.propagator.kill();
    await start();
  };
  const command = async (...line: string[]): Promise<string> => {
    const { status, text } = await fixture.propagator.command(...line);
    if (status !== 0) throw new Error(`${line.join(' ')} ended with ${status}:\n${text}`);
    return text;
  };
  const requestDeletion = async (...window: string[]): Promise<void> => {
    const plan = JSON.parse(await command('project', 'plan', project.id, '-f', 'json'));
    const { digest } = Planned.parse(plan);
    const how = ['--yes', '--digest', digest, '--reason', 'contract ended', ...window];
    console.log(await command('project', 'delete', project.id, ...how));
  };
  /** The newest operation of the project with this action, as soon as it is as wanted. */
  const operation = (action: string, wanted: (view: View) => boolean): Promise<View> =>
    until(`${action} of the project`, OPERATION_SECONDS, async () => {
      const views = await fixture.propagator.operations({ project: project.id });
      const view = views.find((one) => one.operation.action === action);
      return view && wanted(view) ? view : undefined;
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${fixture.propagator.logTail()}`);
    });
  const hasEnded = isState('finished', 'unverified', 'superseded', 'canceled', 'held');
  const ended = async (action: string): Promise<View> => {
    const view = await operation(action, hasEnded);
    console.log(describeView(view));
    return view;
  };
  const control = (all: Snapshot): string[] => linesOf(all, fixture.idOf('still'), [project.id]);
  it('is disabled and suspended, and nothing is removed, though the propagator is killed', async () => {
    await project.untilPublic(200);
    expect(await project.servers()).toEqual({ web: 'ACTIVE', resting: 'SHUTOFF' });
    await requestDeletion('--recover-for', '1h');
    await until('Keystone shows the project disabled', OPERATION_SECONDS, async () =>
      (await project.isEnabled()) ? undefined : true,
    );
    await restart();
    expect((await ended('suspend')).operation.state).toBe('finished');
    expect(await project.servers()).toEqual({ web: SUSPENDED, resting: 'SHUTOFF' });
    await project.untilPublic(401);
    const enabled = (await project.alarms()).filter((row) => row.enabled === true);
    expect(enabled).toEqual([]);
    await restart();
    const view = await operation('cleanup', () => true);
    expect([view.operation.state, view.resources.removed]).toEqual(['recoverable', 0]);
    const now = await fixture.snapshot(true);
    expect(project.ids(now)).toEqual(project.ids(before));
    expect(project.untouched(now)).toEqual(project.untouched(before));
    expect(control(now)).toEqual(control(before));
  });

  it('is exactly as before after a cancellation', async () => {
    const { id } = (await operation('cleanup', () => true)).operation;
    await command('operation', 'cancel', id, '--reason', 'the customer has paid');
    expect((await ended('resume')).operation.state).toBe('finished');
    const { state } = (await operation('cleanup', () => true)).operation;
    expect([state, await project.isEnabled()]).toEqual(['canceled', true]);
    await project.untilPublic(200);
    const now = await fixture.snapshot(true);
    expect(linesOf(now, project.id)).toEqual(linesOf(before, project.id));
    expect(await project.alarms()).toEqual(alarms);
    expect(control(now)).toEqual(control(before));
    expect(await fixture.propagator.deadLetters()).toEqual([]);
  });

  it('is removed at the end of a short window after the reminder, although the propagator was killed', async () => {
    await requestDeletion('--recover-for', '20s', '--remind', '12s');
    await operation('cleanup', isState('recoverable'));
    await restart();
    const view = await ended('cleanup');
    expect(view.operation.state).toBe('finished');
    const { reminders } = Windowed.parse(view.operation).recovery;
    expect(reminders).toEqual([expect.objectContaining({ sentAt: expect.any(Number) })]);
    expect(reminders[0]?.sentAt).toBeLessThan(view.operation.startedAt ?? 0);
    const log = readFileSync(fixture.propagator.logFile, 'utf8').split('\n');
    expect(log.filter((line) => line.includes('operation.due: '))).toHaveLength(1);
    const { status } = await fixture.cloud.admin.call(
      'identity',
      'GET',
      `/projects/${project.id}`,
      {
        accept: [404],
      },
    );
    expect(status).toBe(404);
    const now = await fixture.snapshot(true);
    expect(await fixture.remainingResources(now, 'leaving')).toEqual([]);
    expect(survivors(before, now, project.id)).toEqual([]);
    expect(await project.alarms()).toEqual([]);
    expect(control(now)).toEqual(linesOf(before, fixture.idOf('still'), [project.id]));
    expect(await fixture.propagator.deadLetters()).toEqual([]);
  });
});
