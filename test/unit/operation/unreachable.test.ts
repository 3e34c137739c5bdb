import { typesEmptyBeforeDeletion } from '../../../lib/operation/verification.ts';
import { runProjectCleanup } from '../../../lib/task/run.ts';
import { Confirmation } from '../../../lib/task/safety-rules.ts';
import { required } from '../../dependencies.ts';
import {
  deleted,
  EVERY_CLASS,
  failure,
  StatefulSimulation,
  TARGET,
} from '../../property/stateful-simulation.ts';
import { contextOf } from '../task/context.ts';

let simulation: StatefulSimulation;
beforeEach(() => {
  simulation = new StatefulSimulation(EVERY_CLASS, 2, 1);
});
afterEach(() => simulation.expectOthersUntouched());

/** The project is deleted in Keystone, and Keystone publishes a notification. */
async function notified(): Promise<void> {
  simulation.cloud.delete(TARGET);
  await simulation.engine.commit({ messages: [deleted('project', TARGET)] });
}

describe('a resource that needs the living project, after Keystone has deleted the project', () => {
  it('is unreachable; all other resources, including those of the same service, are removed and verified', async () => {
    await notified();
    await simulation.settle();
    expect(simulation.state).toBe('unverified');
    expect(simulation.left()).toEqual({ 'vault.secret': 2, 'booking.lease': 2 });
    expect(simulation.tasks).toEqual({
      compute: 'finished',
      network: 'finished',
      vault: 'unreachable',
      booking: 'unreachable',
    });
    expect(simulation.task('vault').counts).toMatchObject({
      'vault.label': { found: 2, removed: 2, left: 0 },
    });
    expect(simulation.task('booking').counts).toMatchObject({
      'booking.host': { found: 2, removed: 2, left: 0 },
    });
  });

  it('class C: cannot be listed, so it is not counted; the reason and an advice are reported', async () => {
    await notified();
    await simulation.settle();
    const task = simulation.task('vault');
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
    await simulation.settle();
    const task = simulation.task('booking');
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
    simulation.cloud.resources = simulation.cloud.resources.filter(
      ({ resourceType, owner }) => resourceType !== 'booking.lease' || owner !== TARGET,
    );
    await notified();
    await simulation.settle();
    expect(simulation.tasks.booking).toBe('finished');
    expect(simulation.tasks.vault).toBe('unreachable');
  });

  it('class D: resources of other owners are not counted, even if the API ignores the filter', async () => {
    simulation.cloud.ignoresFilters = true;
    await notified();
    await simulation.settle();
    expect(simulation.task('booking').counts).toMatchObject({
      'booking.lease': { found: 2, left: 2 },
    });
    simulation = new StatefulSimulation(EVERY_CLASS, 1);
    simulation.cloud.ignoresFilters = true;
    simulation.cloud.resources = simulation.cloud.resources.filter(
      ({ resourceType, owner }) => resourceType !== 'booking.lease' || owner !== TARGET,
    );
    await notified();
    await simulation.settle();
    expect(simulation.tasks.booking).toBe('finished');
  });

  it('class D: the task does not end while the type cannot be listed', async () => {
    simulation.cloud.broken.set('booking', failure('Transient'));
    await notified();
    await simulation.settle(60);
    expect(simulation.state).toBe('running');
    expect(simulation.task('booking').endedAt).toBeUndefined();
    simulation.cloud.broken.clear();
    await simulation.settle();
    expect(simulation.tasks.booking).toBe('unreachable');
    expect(simulation.task('booking').counts).toMatchObject({
      'booking.lease': { found: 2, removed: 0, left: 2 },
    });
  });

  it('does not stop the other resource types of its service', async () => {
    simulation = new StatefulSimulation([
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
    await simulation.settle();
    expect(simulation.left()).toEqual({ 'vault.secret': 2, 'booking.lease': 2 });
  });

  it('does not stop the services that depend on its service', async () => {
    simulation = new StatefulSimulation([
      ...EVERY_CLASS,
      {
        name: 'storage',
        resourceTypes: { volume: 'A' },
        dependsOn: [required('vault', 'booking')],
      },
    ]);
    await notified();
    await simulation.settle();
    expect(simulation.left()).toEqual({ 'vault.secret': 2, 'booking.lease': 2 });
    expect(simulation.tasks.storage).toBe('finished');
  });

  it('is shown by the ended operation, which waits on no actor and is not finished', async () => {
    await notified();
    await simulation.settle();
    const { body } = await simulation.call('GET', `/v1/operations/${simulation.operation.id}`);
    expect(body).toMatchObject({
      operation: { state: 'unverified' },
      waitsOn: [],
      resources: { left: 2 },
    });
  });

  it('is counted in mode observe, and not reported as unreachable', async () => {
    simulation.mode = 'observe';
    await notified();
    await simulation.settle();
    expect(simulation.state).toBe('observed');
    expect(simulation.cloud.of(TARGET)).toHaveLength(12);
    expect(simulation.task('booking').counts).toMatchObject({ 'booking.lease': { found: 2 } });
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
      simulation = new StatefulSimulation(EVERY_CLASS);
      simulation.cloud.delete(TARGET);
      const service = simulation.services.find((one) => one.name === name);
      if (!service) throw new Error(`no ${name}`);
      const confirmation = Confirmation.fromAnswers(TARGET, [0, 5000], 5000);
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
      expect(simulation.cloud.of(TARGET, name)).toHaveLength(2);
    },
  );
});

describe('a resource type that was verified empty while the project existed', () => {
  it('is not listed again after the deletion', async () => {
    await simulation.ask();
    expect(
      await simulation.until(
        () => simulation.engine.tasks.size > 0 && simulation.task('vault').preDelete === 'done',
      ),
    ).toBe(true);
    expect(typesEmptyBeforeDeletion(simulation.task('vault').verifications)).toContain(
      'vault.secret',
    );
    await simulation.settle();
    expect(simulation.state).toBe('finished');
    expect(simulation.tasks.vault).toBe('finished');
  });

  it('is listed with a token on the project, because the token of the administrator shows nothing', async () => {
    await simulation.ask();
    expect(await simulation.until(() => simulation.cloud.roles.size > 0)).toBe(true);
    expect(simulation.cloud.list('vault.secret', 'C', TARGET, 'cleaner')).toEqual([]);
    expect(simulation.left()['vault.secret']).toBe(2);
    await simulation.settle();
    expect(simulation.left()).toEqual({});
  });

  it('keeps the counts of the resources that were found and removed', async () => {
    await simulation.ask();
    await simulation.settle();
    expect(simulation.task('vault').counts).toMatchObject({
      'vault.secret': { found: 2, removed: 2, left: 0 },
    });
    expect(simulation.task('booking').counts).toMatchObject({
      'booking.lease': { found: 2, removed: 2, left: 0 },
    });
  });
});

describe('a disabled project whose cleanup was requested', () => {
  it('is deleted only after an operator has decided about the unreachable resources', async () => {
    simulation.cloud.enable(TARGET, false);
    await simulation.ask({});
    await simulation.settle();
    expect(simulation.operation).toMatchObject({
      state: 'held',
      hold: {
        about: 'leftovers',
        reason: expect.stringMatching(
          /booking: leases could not be reached; vault: secrets could not be reached/,
        ),
      },
    });
    expect(simulation.cloud.projects.has(TARGET)).toBe(true);
    await simulation.release();
    await simulation.settle();
    expect(simulation.operation).toMatchObject({
      state: 'unverified',
      released: { by: 'bob', reason: 'looked at it' },
    });
    expect(simulation.cloud.projects.has(TARGET)).toBe(false);
    expect(simulation.left()).toEqual({ 'vault.secret': 2, 'booking.lease': 2 });
  });
});
