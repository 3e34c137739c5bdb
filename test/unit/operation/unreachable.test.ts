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
import { reachOf } from '../task/context.ts';

let world: LivingWorld;
beforeEach(() => {
  world = new LivingWorld(EVERY_CLASS, 2, 1);
});
afterEach(() => world.expectOthersUntouched());

/** Keystone deletes the project without asking anybody, and tells. */
async function notified(): Promise<void> {
  world.cloud.delete(TARGET);
  await world.engine.commit({ messages: [deleted('project', TARGET)] });
}

describe('what needs the project alive, after Keystone has deleted it', () => {
  it('is unreachable, never finished; all else is emptied and proven, of the same services, too', async () => {
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

  it('class C: nobody sees it, so nothing is counted; why and what to do is said', async () => {
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

  it('class D: it is listed and left, no removal is tried, and one of them is named', async () => {
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

  it('class D: is finished where there was none', async () => {
    world.cloud.resources = world.cloud.resources.filter(
      ({ resourceType, owner }) => resourceType !== 'booking.lease' || owner !== TARGET,
    );
    await notified();
    await world.settle();
    expect(world.tasks.booking).toBe('finished');
    expect(world.tasks.vault).toBe('unreachable');
  });

  it('class D: the rows of others count for nothing, whatever the filter does', async () => {
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

  it('class D: is not unreachable but unknown as long as it cannot be listed', async () => {
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

  it('keeps no kind of its service from its turn', async () => {
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

  it('does not keep what stands behind its service from its turn', async () => {
    world = new LivingWorld([
      ...EVERY_CLASS,
      { name: 'shelf', resourceTypes: { board: 'A' }, dependsOn: [required('vault', 'booking')] },
    ]);
    await notified();
    await world.settle();
    expect(world.left()).toEqual({ 'vault.secret': 2, 'booking.lease': 2 });
    expect(world.tasks.shelf).toBe('finished');
  });

  it('is shown on the operation that has ended: it waits for nobody, and is not called finished', async () => {
    await notified();
    await world.settle();
    const { body } = await world.call('GET', `/v1/operations/${world.operation.id}`);
    expect(body).toMatchObject({
      operation: { state: 'unverified' },
      waitsOn: [],
      resources: { left: 2 },
    });
  });

  it('is counted in mode observe without being called unreachable', async () => {
    world.mode = 'observe';
    await notified();
    await world.settle();
    expect(world.state).toBe('observed');
    expect(world.cloud.of(TARGET)).toHaveLength(12);
    expect(world.task('booking').counts).toMatchObject({ 'booking.lease': { found: 2 } });
  });
});

describe('one pass over a service whose resources need the project alive', () => {
  it.each([
    [
      'booking',
      { 'booking.lease': { listed: 2, gone: 0, left: 2 } },
      'leases could not be reached',
    ],
    ['vault', {}, 'secrets could not be reached'],
  ])(
    '%s: counts what it sees, removes what it may, and is unreachable',
    async (name, counts, because) => {
      world = new LivingWorld(EVERY_CLASS);
      world.cloud.delete(TARGET);
      const service = world.services.find((one) => one.name === name);
      if (!service) throw new Error(`no ${name}`);
      const confirmation = Confirmation.of(TARGET, [0, 5000], 5000);
      const report = await runProjectCleanup({
        service,
        context: reachOf(),
        phase: 'apply',
        confirmation,
        deadline: 60_000,
      });
      expect(report.outcome).toEqual({ is: 'unreachable', because });
      expect(report.counts).toEqual({
        ...counts,
        [name === 'vault' ? 'vault.label' : 'booking.host']: { listed: 2, gone: 2, left: 0 },
      });
      expect(world.cloud.of(TARGET, name)).toHaveLength(2);
    },
  );
});

describe('what was proven empty while the project lived', () => {
  it('is not asked for again afterwards', async () => {
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

  it('is looked at with a token on the project: the admin’s own shows nothing, and that is no proof', async () => {
    await world.ask();
    expect(await world.until(() => world.cloud.roles.size > 0)).toBe(true);
    expect(world.cloud.list('vault.secret', 'C', TARGET, 'cleaner')).toEqual([]);
    expect(world.left()['vault.secret']).toBe(2);
    await world.settle();
    expect(world.left()).toEqual({});
  });

  it('counts for what was found in it, too', async () => {
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

describe('a disabled project whose cleanup an administrator asks for', () => {
  it('is not deleted while a person has not decided about what nobody can reach', async () => {
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
