import { heat as heatService } from '../../../lib/services/heat.ts';
import { SERVICES } from '../../../lib/services/index.ts';
import type { ProjectContext } from '../../../lib/task/service.ts';
import { heat } from '../../cloud/documented/heat.ts';
import { heatIn, made, resource, type Stack } from '../../cloud/documented/heat-rows.ts';
import { mistral } from '../../cloud/documented/mistral.ts';
import { made as madeInMistral, mistralIn } from '../../cloud/documented/mistral-rows.ts';
import { zaqar, zaqarIn } from '../../cloud/documented/zaqar.ts';
import { newAccount, newContainer } from '../../cloud/swift-state.ts';
import { TimedFixture } from './timed-fixture.ts';

let timed: TimedFixture;
beforeEach(async () => {
  timed = await TimedFixture.open({
    with: [heat, zaqar, mistral],
    durations: { documented: 5000 },
  });
});
afterEach(() => timed.fixture.close());

const state = () => timed.fixture.rehearsal.state;
const left = (): string[] => timed.fixture.left('heat').sort();
const addStack = (
  name: string,
  resources: Stack['resources'],
  registry: Stack['registry'] = {},
): Stack =>
  heatIn(state()).stacks.add(
    made({ name: 'ann' }, timed.project, name, timed.clock.now(), { resources, registry }),
  );
const cleanUp = () => timed.applyUntilEnd(heatService);

/** The cleaner's own user and project. */
const cleaner = () => {
  const { identity } = state();
  const [user] = identity.users.where((row) => row.name === 'admin');
  const [project] = identity.projects.where((row) => row.name === 'admin');
  if (!user || !project) throw new TypeError('a cloud has an admin');
  return { user: user.id, project: project.id };
};
const ownKeypair = (name: string) => {
  const { user } = cleaner();
  return state().compute.keypairs.add({ id: `${user}/${name}`, name, user_id: user });
};
const ownContainers = () => {
  const name = `AUTH_${cleaner().project}`;
  const account = state().accounts.get(name) ?? newAccount(name, 0);
  state().accounts.set(name, account);
  return account.containers;
};
const ownContainer = (name: string) => ownContainers().set(name, newContainer(name, 0));
const preDelete = async (more: Partial<ProjectContext> = {}) => {
  const apiOf: ProjectContext['apiOf'] = async (name) => {
    const service = SERVICES.find((known) => known.name === name);
    return service && timed.fixture.cloud.api(service, 'RegionOne');
  };
  for (let runs = 1; ; runs += 1) {
    const report = await timed.fixture.preDelete(heatService, {
      apiOf,
      now: () => timed.clock.now(),
      ...more,
    });
    if (report.outcome.kind !== 'again' || runs === 6) return report;
    timed.clock.advance(10_000);
  }
};
const blockedCondition = (stack: Stack, message: string) =>
  expect.objectContaining({
    class: 'Blocked',
    actor: 'operator',
    example: stack.id,
    message: expect.stringContaining(message),
  });

describe('a stack whose deletion would remove a resource of the cleaner by its name', () => {
  it('is kept if the cleaner has a keypair of that name, whatever its case and accents; other stacks are removed', async () => {
    const stack = addStack('with-key', [resource('OS::Nova::KeyPair', 'Ops-Clé')]);
    const key = ownKeypair('ops-cle');
    const report = await cleanUp();
    expect(report.conditions).toEqual([blockedCondition(stack, 'keypair "Ops-Clé"')]);
    expect(left()).toContain('heat.stack with-key');
    expect(left()).not.toContain('heat.stack network');
    expect(stack.status).toBe('CREATE_COMPLETE');
    expect(state().compute.keypairs.get(key.id)).toBe(key);
    state().compute.keypairs.delete(key.id);
    ownKeypair('renamed');
    expect((await cleanUp()).outcome).toEqual({ kind: 'finished' });
    expect(left()).toEqual([]);
    expect(state().compute.keypairs.some((row) => row.name === 'renamed')).toBe(true);
    expect(timed.controlsAreUntouched).toBe(true);
  });

  it('is detected with an alias of the stack, a wildcard, and a type that only the operator knows', async () => {
    const stacks = [
      addStack('aliased', [resource('My::Key', 'ops')], { 'My::Key': 'OS::Nova::KeyPair' }),
      addStack('in-disguise', [resource('OS::Heat::Value', 'ops')], {
        resources: { any: { 'OS::Heat::Value': 'OS::Nova::KeyPair' } },
      }),
      addStack('starred', [resource('My::KeyPair', 'ops')], { 'My::*': 'OS::Nova::Key*' }),
      addStack('of-the-operator', [resource('Operator::KeyPair', 'ops')]),
    ];
    const key = ownKeypair('OPS');
    const report = await cleanUp();
    expect(report.conditions).toEqual([
      expect.objectContaining({ class: 'Blocked', count: stacks.length }),
    ]);
    expect(left().filter((name) => name.startsWith('heat.stack'))).toHaveLength(stacks.length);
    expect(state().compute.keypairs.get(key.id)).toBe(key);
  });

  it('is detected in a nested stack', async () => {
    const parent = addStack('parent', []);
    const child = addStack('child', [resource('OS::Nova::KeyPair', 'ops')]);
    child.parent = parent.id;
    const key = ownKeypair('ops');
    expect((await cleanUp()).conditions).toEqual([blockedCondition(parent, 'keypair "ops"')]);
    expect(state().compute.keypairs.get(key.id)).toBe(key);
  });

  it('is kept if the cleaner has a container of that name, unless the token is on the project itself', async () => {
    ownContainer('backups');
    const stack = addStack('with-container', [resource('OS::Swift::Container', 'backups')]);
    expect((await cleanUp()).conditions).toEqual([
      blockedCondition(stack, 'Swift container "backups" of the propagator'),
    ]);
    expect([...ownContainers().keys()]).toEqual(['backups']);
    await timed.fixture.grantCleaner();
    expect((await preDelete()).outcome).toEqual({ kind: 'finished' });
    expect(left()).toEqual([]);
    expect([...ownContainers().keys()]).toEqual(['backups']);
  });

  it('is kept if the cleaner has a keypair of that name, even with a token on the project', async () => {
    const stack = addStack('with-key', [resource('OS::Nova::KeyPair', 'ops')]);
    const key = ownKeypair('ops');
    await timed.fixture.grantCleaner();
    expect((await preDelete()).conditions).toEqual([blockedCondition(stack, 'keypair "ops"')]);
    expect(state().compute.keypairs.get(key.id)).toBe(key);
  });

  it('is kept if the cleaner has the container with the object that a server polls', async () => {
    ownContainer('state files');
    const url = `http://swift/v1/AUTH_${timed.project}/state%20files/x?temp_url_sig=1`;
    const stack = addStack('polled', [
      resource('OS::Heat::DeployedServer', undefined, { properties: { metadata_url: url } }),
    ]);
    addStack('not-polled', [resource('OS::Heat::DeployedServer')]);
    expect((await cleanUp()).conditions).toEqual([
      blockedCondition(stack, 'Swift container "state files"'),
    ]);
    expect([...ownContainers().keys()]).toEqual(['state files']);
    expect(left()).not.toContain('heat.stack not-polled');
  });

  it('is kept if the cleaner has a queue of that name', async () => {
    const stack = addStack('with-queue', [resource('OS::Zaqar::Queue', 'jobs')]);
    zaqarIn(state()).queues.add({
      id: `${cleaner().project}/jobs`,
      name: 'jobs',
      project_id: cleaner().project,
    });
    expect((await cleanUp()).conditions).toEqual([blockedCondition(stack, 'Zaqar queue "jobs"')]);
  });

  it.each(['OS::Mistral::CronTrigger', 'OS::Mistral::Workflow'])(
    'is kept if another project has a resource of that name, because Mistral searches all projects: %s',
    async (type) => {
      const [collection, name] = type.endsWith('Workflow')
        ? (['workflows', 'flow'] as const)
        : (['cron_triggers', 'nightly'] as const);
      const stack = addStack('with-mistral', [resource(type, name)]);
      mistralIn(state())[collection].add(madeInMistral(timed.project, 'ours-alone'));
      const free = addStack('free', [resource(type, 'ours-alone')]);
      expect((await cleanUp()).conditions).toEqual([
        blockedCondition(stack, `"${name}" of another project`),
      ]);
      expect(left()).not.toContain(`heat.stack ${free.name}`);
      await timed.fixture.grantCleaner();
      expect((await preDelete()).conditions).toEqual([
        blockedCondition(stack, `"${name}" of another project`),
      ]);
    },
  );

  it('is kept if the service that lists the names does not answer', async () => {
    const before = left();
    const fault = timed.fixture.rehearsal.faults.inject({
      service: 'nova',
      method: 'GET',
      effect: { does: 'answer', status: 500 },
    });
    const report = await timed.run(heatService);
    expect(report.outcome).toMatchObject({ kind: 'again', error: { service: 'nova' } });
    timed.clock.advance(10_000);
    expect(before).toContain('heat.stack named');
    expect(left()).toContain('heat.stack named');
    fault.clear();
    expect((await cleanUp()).outcome).toEqual({ kind: 'finished' });
  });

  it('is checked only if a stack has such a resource type', async () => {
    const { stacks } = heatIn(state());
    for (const row of stacks.where(
      (one) => one.project_id === timed.project && one.name !== 'network',
    ))
      stacks.delete(row.id);
    expect((await cleanUp()).outcome).toEqual({ kind: 'finished' });
    expect(new Set(timed.fixture.rehearsal.calls.map((call) => call.service))).toEqual(
      new Set(['keystone', 'heat']),
    );
  });
});

describe('Heat, with a template that would use the rights of the administrator', () => {
  const quota = (name: string, type: string, registry: Stack['registry']) =>
    addStack(
      name,
      [
        resource(type, '', {
          status: 'CREATE_FAILED',
          properties: { project: timed.controlProject },
        }),
      ],
      registry,
    );

  it.each([
    ['by its name', 'OS::Nova::Quota', {}],
    ['by an alias', 'My::Quota', { 'My::Quota': 'OS::Nova::Quota' }],
    ['by a wildcard', 'My::Quota', { 'My::*': 'OS::Nova::*' }],
    ['under the name of another type', 'OS::Heat::Value', { 'OS::Heat::Value': 'OS::Nova::Quota' }],
  ] as const)(
    'does not reset the quota of another project that a stack names %s',
    async (_how, type, registry) => {
      state().compute.quotas.add({ id: timed.controlProject, values: { instances: 5 } });
      timed.rememberControls();
      const stack = quota('grabbing', type, registry);
      const report = await cleanUp();
      expect(report.conditions).toEqual([blockedCondition(stack, 'of other projects')]);
      expect(left().filter((name) => name.startsWith('heat.stack'))).toEqual([
        'heat.stack grabbing',
      ]);
      expect(state().compute.quotas.get(timed.controlProject)).toEqual({
        id: timed.controlProject,
        values: { instances: 5 },
      });
      expect(timed.controlsAreUntouched).toBe(true);
    },
  );

  it('runs no workflow that a stack requests at its deletion, and deletes nothing in Keystone', async () => {
    addStack('runs', [resource('OS::Mistral::ExternalResource')]);
    addStack('rules', [resource('OS::Keystone::Project')]);
    await cleanUp();
    expect(left().filter((name) => name.startsWith('heat.stack'))).toEqual([
      'heat.stack rules',
      'heat.stack runs',
    ]);
  });

  it('keeps a floating IP of another project with the association that a failed stack names', async () => {
    const { floatingips } = state().network;
    const [address] = floatingips.where(
      (row) => row.project_id === timed.controlProject && row.port_id !== null,
    );
    if (!address) throw new TypeError('the control project has a floating IP in use');
    const port = address.port_id;
    const broken = { status: 'UPDATE_FAILED', properties: { floatingip: address.id } };
    const stacks = ['OS::Neutron::FloatingIPAssociation', 'OS::Quantum::FloatingIPAssociation'].map(
      (type) => addStack(`reaching by ${type}`, [resource(type, undefined, broken)]),
    );
    addStack('served', [resource('OS::Neutron::FloatingIPAssociation')]);
    const report = await cleanUp();
    expect(report.conditions).toEqual([
      expect.objectContaining({
        count: stacks.length,
        message: expect.stringContaining('UPDATE_FAILED'),
      }),
    ]);
    expect(left()).not.toContain('heat.stack served');
    expect(address.port_id).toBe(port);
    expect(timed.controlsAreUntouched).toBe(true);
  });

  it('deletes a stack whose resource is deleted already', async () => {
    addStack('nearly-gone', [resource('OS::Nova::Quota', 'q', { status: 'DELETE_COMPLETE' })]);
    expect((await cleanUp()).outcome).toEqual({ kind: 'finished' });
    expect(left()).toEqual([]);
  });
});
