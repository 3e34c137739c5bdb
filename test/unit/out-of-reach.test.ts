import { Confirmation } from '../../lib/cleanup/laws.ts';
import { cleanupPass } from '../../lib/cleanup/pass.ts';
import { deleted, EVERY_CLASS, failure, LivingWorld, VICTIM } from '../property/living-world.ts';
import { reachOf } from './reach.ts';

let world: LivingWorld;
beforeEach(() => {
  world = new LivingWorld(EVERY_CLASS, 2, 1);
});
afterEach(() => world.expectOthersUntouched());

/** Keystone deletes the project without asking anybody, and tells. */
async function notified(): Promise<void> {
  world.cloud.delete(VICTIM);
  await world.engine.commit({ messages: [deleted('project', VICTIM)] });
}

describe('what needs the project alive, after Keystone has deleted it', () => {
  it('is unreachable, never finished; all else is emptied and proven, of the same services, too', async () => {
    await notified();
    await world.settle();
    expect(world.state).toBe('residue-unknown');
    expect(world.left()).toEqual({ 'vault.secret': 2, 'booking.lease': 2 });
    expect(world.tasks).toEqual({ compute: 'finished', network: 'finished', vault: 'unreachable', booking: 'unreachable' });
    expect(world.task('vault').counts).toMatchObject({ 'vault.label': { found: 2, removed: 2, left: 0 } });
    expect(world.task('booking').counts).toMatchObject({ 'booking.host': { found: 2, removed: 2, left: 0 } });
  });

  it('class C: nobody sees it, so nothing is counted; why and what to do is said', async () => {
    await notified();
    await world.settle();
    const task = world.task('vault');
    expect(task.counts).not.toHaveProperty(['vault.secret']);
    expect(task.because).toBe('secrets could not be reached');
    expect(task.conditions).toEqual([
      expect.objectContaining({ kind: 'vault.secret', actor: 'operator', advice: 'Remove the secrets by hand.' }),
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
        kind: 'booking.lease',
        actor: 'operator',
        count: 2,
        example: 'victim-0',
        advice: 'Remove the leases by hand.',
      }),
    ]);
  });

  it('class D: is finished where there was none', async () => {
    world.cloud.things = world.cloud.things.filter(({ kind, owner }) => kind !== 'booking.lease' || owner !== VICTIM);
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
    world.cloud.things = world.cloud.things.filter(({ kind, owner }) => kind !== 'booking.lease' || owner !== VICTIM);
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
    expect(world.task('booking').counts).toMatchObject({ 'booking.lease': { found: 2, removed: 0, left: 2 } });
  });

  it('keeps no kind of its service from its turn', async () => {
    world = new LivingWorld([
      { name: 'vault', kinds: { secret: 'C', label: 'A' }, kindsAfter: { label: ['secret'] } },
      { name: 'booking', kinds: { lease: 'D', host: 'A' }, kindsAfter: { host: ['lease'] } },
    ]);
    await notified();
    await world.settle();
    expect(world.left()).toEqual({ 'vault.secret': 2, 'booking.lease': 2 });
  });

  it('does not keep what stands behind its service from its turn', async () => {
    world = new LivingWorld([...EVERY_CLASS, { name: 'shelf', kinds: { board: 'A' }, after: ['vault', 'booking'] }]);
    await notified();
    await world.settle();
    expect(world.left()).toEqual({ 'vault.secret': 2, 'booking.lease': 2 });
    expect(world.tasks.shelf).toBe('finished');
  });

  it('is shown on the operation that has ended: it waits for nobody, and is not called finished', async () => {
    await notified();
    await world.settle();
    const { body } = await world.call('GET', `/v1/operations/${world.operation.id}`);
    expect(body).toMatchObject({ operation: { state: 'residue-unknown' }, waitsOn: [], things: { left: 2 } });
  });

  it('is counted in mode observe without being called unreachable', async () => {
    world.mode = 'observe';
    await notified();
    await world.settle();
    expect(world.state).toBe('observed');
    expect(world.cloud.of(VICTIM)).toHaveLength(12);
    expect(world.task('booking').counts).toMatchObject({ 'booking.lease': { found: 2 } });
  });
});

describe('one pass over a service whose things need the project alive', () => {
  it.each([
    ['booking', { 'booking.lease': { listed: 2, gone: 0, left: 2 } }, 'leases could not be reached'],
    ['vault', {}, 'secrets could not be reached'],
  ])('%s: counts what it sees, removes what it may, and is unreachable', async (name, counts, because) => {
    world = new LivingWorld(EVERY_CLASS);
    world.cloud.delete(VICTIM);
    const service = world.services.find((one) => one.name === name);
    if (!service) throw new Error(`no ${name}`);
    const confirmation = Confirmation.of(VICTIM, [0, 5000], 5000);
    const report = await cleanupPass({ service, reach: reachOf(), phase: 'clean', confirmation, deadline: 60_000 });
    expect(report.outcome).toEqual({ is: 'unreachable', because });
    expect(report.counts).toEqual({ ...counts, [name === 'vault' ? 'vault.label' : 'booking.host']: { listed: 2, gone: 2, left: 0 } });
    expect(world.cloud.of(VICTIM, name)).toHaveLength(2);
  });
});

describe('what was proven empty while the project lived', () => {
  it('is not asked for again afterwards', async () => {
    await world.ask();
    expect(await world.until(() => world.engine.tasks.size > 0 && world.task('vault').early === 'done')).toBe(true);
    expect(world.task('vault').provenEarly).toContain('vault.secret');
    await world.settle();
    expect(world.state).toBe('finished');
    expect(world.tasks.vault).toBe('finished');
  });

  it('is looked at with a token on the project: the admin’s own shows nothing, and that is no proof', async () => {
    await world.ask();
    expect(await world.until(() => world.cloud.roles.size > 0)).toBe(true);
    expect(world.cloud.list('vault.secret', 'C', VICTIM, 'cleaner')).toEqual([]);
    expect(world.left()['vault.secret']).toBe(2);
    await world.settle();
    expect(world.left()).toEqual({});
  });

  it('counts for what was found in it, too', async () => {
    await world.ask();
    await world.settle();
    expect(world.task('vault').counts).toMatchObject({ 'vault.secret': { found: 2, removed: 2, left: 0 } });
    expect(world.task('booking').counts).toMatchObject({ 'booking.lease': { found: 2, removed: 2, left: 0 } });
  });
});

describe('a disabled project whose cleanup an administrator asks for', () => {
  it('is not deleted while a person has not decided about what nobody can reach', async () => {
    world.cloud.enable(VICTIM, false);
    await world.ask({});
    await world.settle();
    expect(world.operation).toMatchObject({
      state: 'held',
      hold: {
        about: 'residue',
        reason: expect.stringMatching(/vault: secrets could not be reached; booking: leases could not be reached/),
      },
    });
    expect(world.cloud.projects.has(VICTIM)).toBe(true);
    await world.release();
    await world.settle();
    expect(world.operation).toMatchObject({ state: 'residue-unknown', released: { by: 'bob', reason: 'looked at it' } });
    expect(world.cloud.projects.has(VICTIM)).toBe(false);
    expect(world.left()).toEqual({ 'vault.secret': 2, 'booking.lease': 2 });
  });
});
