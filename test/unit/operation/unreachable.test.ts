import { emptyBeforeDeletion } from '../../../lib/operation/verification.ts';
import { runProjectCleanup } from '../../../lib/task/run.ts';
import { Confirmation } from '../../../lib/task/safety-rules.ts';
import { required } from '../../dependencies.ts';
import {
  deleted,
  EVERY_CLASS,
  failure,
  LivingWorld,
  TARGET,
} from '../../property/stateful-world.ts';
import { contextOf } from '../task/context.ts';

let world: LivingWorld;
beforeEach(() => {
  world = new LivingWorld(EVERY_CLASS, 2, 1);
});
afterEach(() => world.expectOthersUntouched());

/** The project is deleted in Keystone, and Keystone publishes a notification. */
async function notified(): Promise<void> {
  world.cloud.delete(TARGET);
  await world.engine.commit({ messages: [deleted('project', TARGET)] });
}

describe('a resource that needs the living project, after Keystone has deleted the project', () => {
  it('is unreachable; all other resources, also of the same service, are removed and verified', async () => {
    await notified();
    await world.settle();
    expect(world.state).toBe('unverified');
    expect(world.left()).toEqual({ 'vault.secret': 2, 'booking.lease': 2 });
    expect(world.tasks).toEqual({
      compute: 'finished',
      network: 'finished',
      vault: 'unreachable',
      booking: 'unreachable',
    });
    expect(world.task('vault').counts).toMatchObject({
      'vault.label': { found: 2, removed: 2, left: 0 },
    });
    expect(world.task('booking').counts).toMatchObject({
      'booking.host': { found: 2, removed: 2, left: 0 },
    });
  });

  it('class C: cannot be listed, so it is not counted; the reason and an advice are reported', async () => {
    await notified();
    await world.settle();
    const task = world.task('vault');
    expect(task.counts).not.toHaveProperty(['vault.secret']);
    expect(task.because).toBe('secrets could not be reached');
    expect(task.conditions).toEqual([
      expect.objectContaining({
        resourceType: 'vault.secret',
        actor: 'operator',
        advice: 'Remove the secrets by hand.',
      }),
    ]);
  });

  it('class D: is listed but not removed, and the report has an example', async () => {
    await notified();
    await world.settle();
    const task = world.task('booking');
    expect(task.counts).toMatchObject({ 'booking.lease': { found: 2, removed: 0, left: 2 } });
    expect(task.because).toBe('leases could not be reached');
    expect(task.conditions).toEqual([
      expect.objectContaining({
        resourceType: 'booking.lease',
        actor: 'operator',
        count: 2,
        example: 'target-0',
        advice: 'Remove the leases by hand.',
      }),
    ]);
  });

  it('class D: the task finishes if no such resource exists', async () => {
    world.cloud.resources = world.cloud.resources.filter(
      ({ resourceType, owner }) => resourceType !== 'booking.lease' || owner !== TARGET,
    );
    await notified();
    await world.settle();
    expect(world.tasks.booking).toBe('finished');
    expect(world.tasks.vault).toBe('unreachable');
  });

  it('class D: resources of other owners are not counted, even if the API ignores the filter', async () => {
    world.cloud.ignoresFilters = true;
    await notified();
    await world.settle();
    expect(world.task('booking').counts).toMatchObject({ 'booking.lease': { found: 2, left: 2 } });
    world = new LivingWorld(EVERY_CLASS, 1);
    world.cloud.ignoresFilters = true;
    world.cloud.resources = world.cloud.resources.filter(
      ({ resourceType, owner }) => resourceType !== 'booking.lease' || owner !== TARGET,
    );
    await notified();
    await world.settle();
    expect(world.tasks.booking).toBe('finished');
  });

  it('class D: the task does not end while the type cannot be listed', async () => {
    world.cloud.broken.set('booking', failure('Transient'));
    await notified();
    await world.settle(60);
    expect(world.state).toBe('running');
    expect(world.task('booking').endedAt).toBeUndefined();
    world.cloud.broken.clear();
    await world.settle();
    expect(world.tasks.booking).toBe('unreachable');
    expect(world.task('booking').counts).toMatchObject({
      'booking.lease': { found: 2, removed: 0, left: 2 },
    });
  });

  it('does not stop the other resource types of its service', async () => {
    world = new LivingWorld([
      {
        name: 'vault',
        resourceTypes: { secret: 'C', label: 'A' },
        typesBefore: { label: ['secret'] },
      },
      {
        name: 'booking',
        resourceTypes: { lease: 'D', host: 'A' },
        typesBefore: { host: ['lease'] },
      },
    ]);
    await notified();
    await world.settle();
    expect(world.left()).toEqual({ 'vault.secret': 2, 'booking.lease': 2 });
  });

  it('does not stop the services that depend on its service', async () => {
    world = new LivingWorld([
      ...EVERY_CLASS,
      { name: 'shelf', resourceTypes: { board: 'A' }, dependsOn: [required('vault', 'booking')] },
    ]);
    await notified();
    await world.settle();
    expect(world.left()).toEqual({ 'vault.secret': 2, 'booking.lease': 2 });
    expect(world.tasks.shelf).toBe('finished');
  });

  it('is shown by the ended operation, which waits on no actor and is not finished', async () => {
    await notified();
    await world.settle();
    const { body } = await world.call('GET', `/v1/operations/${world.operation.id}`);
    expect(body).toMatchObject({
      operation: { state: 'unverified' },
      waitsOn: [],
      resources: { left: 2 },
    });
  });

  it('is counted in mode observe, and not reported as unreachable', async () => {
    world.mode = 'observe';
    await notified();
    await world.settle();
    expect(world.state).toBe('observed');
    expect(world.cloud.of(TARGET)).toHaveLength(12);
    expect(world.task('booking').counts).toMatchObject({ 'booking.lease': { found: 2 } });
  });
});

describe('one run of a service with resources that need the living project', () => {
  it.each([
    [
      'booking',
      { 'booking.lease': { listed: 2, gone: 0, left: 2 } },
      'leases could not be reached',
    ],
    ['vault', {}, 'secrets could not be reached'],
  ])(
    '%s: counts the listed resources, removes those that it may, and is unreachable',
    async (name, counts, because) => {
      world = new LivingWorld(EVERY_CLASS);
      world.cloud.delete(TARGET);
      const service = world.services.find((one) => one.name === name);
      if (!service) throw new Error(`no ${name}`);
      const confirmation = Confirmation.of(TARGET, [0, 5000], 5000);
      const report = await runProjectCleanup({
        service,
        context: contextOf(),
        phase: 'apply',
        confirmation,
        deadline: 60_000,
      });
      expect(report.outcome).toEqual({ kind: 'unreachable', because });
      expect(report.counts).toEqual({
        ...counts,
        [name === 'vault' ? 'vault.label' : 'booking.host']: { listed: 2, gone: 2, left: 0 },
      });
      expect(world.cloud.of(TARGET, name)).toHaveLength(2);
    },
  );
});

describe('a resource type that was verified empty while the project existed', () => {
  it('is not listed again after the deletion', async () => {
    await world.ask();
    expect(
      await world.until(
        () => world.engine.tasks.size > 0 && world.task('vault').preDelete === 'done',
      ),
    ).toBe(true);
    expect(emptyBeforeDeletion(world.task('vault').verifications)).toContain('vault.secret');
    await world.settle();
    expect(world.state).toBe('finished');
    expect(world.tasks.vault).toBe('finished');
  });

  it('is listed with a token on the project, because the token of the administrator shows nothing', async () => {
    await world.ask();
    expect(await world.until(() => world.cloud.roles.size > 0)).toBe(true);
    expect(world.cloud.list('vault.secret', 'C', TARGET, 'cleaner')).toEqual([]);
    expect(world.left()['vault.secret']).toBe(2);
    await world.settle();
    expect(world.left()).toEqual({});
  });

  it('keeps the counts of the resources that were found and removed', async () => {
    await world.ask();
    await world.settle();
    expect(world.task('vault').counts).toMatchObject({
      'vault.secret': { found: 2, removed: 2, left: 0 },
    });
    expect(world.task('booking').counts).toMatchObject({
      'booking.lease': { found: 2, removed: 2, left: 0 },
    });
  });
});

describe('a disabled project whose cleanup was requested', () => {
  it('is deleted only after an operator has decided about the unreachable resources', async () => {
    world.cloud.enable(TARGET, false);
    await world.ask({});
    await world.settle();
    expect(world.operation).toMatchObject({
      state: 'held',
      hold: {
        about: 'leftovers',
        reason: expect.stringMatching(
          /booking: leases could not be reached; vault: secrets could not be reached/,
        ),
      },
    });
    expect(world.cloud.projects.has(TARGET)).toBe(true);
    await world.release();
    await world.settle();
    expect(world.operation).toMatchObject({
      state: 'unverified',
      released: { by: 'bob', reason: 'looked at it' },
    });
    expect(world.cloud.projects.has(TARGET)).toBe(false);
    expect(world.left()).toEqual({ 'vault.secret': 2, 'booking.lease': 2 });
  });
});
