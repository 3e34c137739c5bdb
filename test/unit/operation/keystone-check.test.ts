import {
  adviceOnRefusal,
  checkKeystone,
  type KeystoneFacts,
} from '../../../lib/operation/keystone-check.ts';
import { PropagatorError } from '../../../lib/shared/errors.ts';
import { EVERY_CLASS, failure, LivingWorld, TARGET } from '../../property/stateful-world.ts';

const FACTS: KeystoneFacts = {
  project: { id: 'p1', enabled: true, immutable: false },
  domain: { id: 'd1', enabled: true, immutable: false },
  children: [],
  cleaner: { userId: 'u1', ownProject: 'own', isAdmin: true, isProjectBound: false },
  mayUpdate: { kind: 'granted' },
  mayRevokeRole: { kind: 'granted' },
  mayDelete: { kind: 'granted' },
};
const refused = (rule: string) =>
  ({ kind: 'refused', message: `You are not authorized: identity:${rule}.` }) as const;
const project = { ...FACTS.project, immutable: true };
const disabled = { ...FACTS.project, enabled: false };
const bound = { ...FACTS.cleaner, isProjectBound: true };
const noAdmin = { ...FACTS.cleaner, isAdmin: false };
const children = Array.from({ length: 7 }, (_, n) => ({ id: `c${n}`, name: `child ${n}` }));

describe('the reasons why Keystone would refuse to delete a project', () => {
  it.each([
    ['an immutable project', { project }, 'immutable', 'openstack project set --no-immutable p1'],
    [
      'a project that becomes immutable after it was read',
      {
        mayUpdate: {
          kind: 'refused',
          message: 'Unable to update immutable project resource: `p1. Set resource option first.',
        },
      },
      'immutable',
      'openstack project set --no-immutable p1',
    ],
    ['a project with children', { children }, '7 projects', 'openstack project delete c0 c1 c2'],
    [
      'a disabled domain',
      { domain: { id: 'd1', enabled: false, immutable: false } },
      'domain d1 is disabled',
      'Type: openstack domain set --enable d1',
    ],
    [
      'a disabled domain that is immutable',
      { domain: { id: 'd1', enabled: false, immutable: true } },
      'domain d1 is disabled',
      'openstack project set --no-immutable d1 && openstack domain set --enable d1',
    ],
    ['an application credential', { cleaner: bound }, 'application credential', '--disable p1'],
    [
      'a policy against updates',
      { mayUpdate: refused('update_project') },
      'identity:update_project.',
      'change its rule identity:update_project',
    ],
    [
      'a policy against revoking roles',
      { mayRevokeRole: refused('revoke_grant') },
      'give back its role',
      'change its rule identity:revoke_grant',
    ],
    [
      'a policy against deletions, for a user without the role admin',
      { mayDelete: refused('delete_project'), cleaner: noAdmin },
      'delete the project',
      'openstack role add --user u1 --project own admin',
    ],
  ] as const)('names %s and the command', (_, difference, message, advice) => {
    const { refusals, unknown } = checkKeystone({ ...FACTS, ...difference });
    expect(refusals).toEqual([
      { message: expect.stringContaining(message), advice: expect.stringContaining(advice) },
    ]);
    expect(unknown).toEqual([]);
  });

  it('are all reported together', () => {
    const domain = { id: 'd1', enabled: false, immutable: false };
    const { refusals } = checkKeystone({ ...FACTS, project, domain, children, cleaner: bound });
    expect(refusals).toHaveLength(4);
  });

  it.each([
    ['no reason exists', {}],
    ['the domain is immutable', { domain: { id: 'd1', enabled: true, immutable: true } }],
    [
      'the project is disabled: no token on it is needed',
      {
        project: disabled,
        domain: { id: 'd1', enabled: false, immutable: false },
        cleaner: bound,
        mayUpdate: undefined,
        mayRevokeRole: undefined,
      },
    ],
  ])('are none when %s', (_, difference) => {
    expect(checkKeystone({ ...FACTS, ...difference })).toEqual({ refusals: [], unknown: [] });
  });

  it('are reported as unknown if Keystone does not show them', () => {
    const mayDelete = { kind: 'unknown', because: 'it was not asked' } as const;
    const { refusals, unknown } = checkKeystone({ ...FACTS, domain: undefined, mayDelete });
    expect(refusals).toEqual([]);
    expect(unknown).toEqual([
      expect.stringContaining('domain may be disabled'),
      'whether the propagator may delete the project (identity:delete_project): it was not asked',
    ]);
  });
});

describe('the advice after a refusal by Keystone', () => {
  const report = (message: string) =>
    new PropagatorError({ code: 'keystone.http.403', class: 'Denied', message, advice: '' }).report;

  it('names the rule of the policy that Keystone named', () => {
    const message =
      'You are not authorized to perform the requested action: identity:delete_project.';
    expect(adviceOnRefusal(report(message), [])).toContain('its rule identity:delete_project');
  });

  it('names no rule for an unknown message', () => {
    const advice = adviceOnRefusal(report('Computer says no'), []);
    expect(advice).toBe('Clear the reason that Keystone gives in this message.');
  });
});

describe('a cleanup request whose project Keystone would refuse to delete', () => {
  let world: LivingWorld;
  let whole: Record<string, number>;
  beforeEach(() => {
    world = new LivingWorld(EVERY_CLASS);
    whole = world.left();
  });
  afterEach(() => world.expectOthersUntouched());
  const change = (more: object) =>
    world.cloud.projects.set(TARGET, { name: 'shop', enabled: true, ...more });

  it.each([
    ['is immutable', () => change({ immutable: true }), 'openstack project set --no-immutable'],
    [
      'has a project below it',
      () => world.cloud.projects.set('kid', { name: 'kid', enabled: false, parentId: TARGET }),
      'openstack project delete kid',
    ],
    [
      'is in a disabled domain',
      () => {
        world.cloud.isDomainEnabled = false;
      },
      'openstack domain set --enable default',
    ],
    [
      'must not be deleted by the policy',
      () => {
        world.cloud.mayDelete = refused('delete_project');
      },
      'identity:delete_project',
    ],
    [
      'gives no token to an application credential',
      () => {
        world.cloud.isBound = true;
      },
      `openstack project set --disable ${TARGET}`,
    ],
  ])('is refused when the project %s: nothing is opened or changed', async (_, make, command) => {
    make();
    const answer = await world.ask();
    expect(answer).toMatchObject({
      status: 409,
      body: { error: { code: 'api.refused', advice: expect.stringContaining(command) } },
    });
    expect(world.engine.operations.size).toBe(0);
    expect(world.left()).toEqual(whole);
    expect([...world.cloud.roles]).toEqual([]);
  });

  it('is refused for the id of a domain, and the message names the domain', async () => {
    const account = { type: 'domain', id: TARGET, name: 'market', enabled: true };
    const show = async () => ({ kind: 'present', account });
    Object.assign(world.cloud.port.keystone, { show });
    const answer = await world.ask({ name: 'market' });
    expect(answer).toMatchObject({
      status: 409,
      body: {
        error: {
          message: `${TARGET} is the id of a domain (market), not of a project`,
          advice: expect.stringContaining(`openstack project list --domain ${TARGET}`),
        },
      },
    });
    expect(world.engine.operations.size).toBe(0);
    expect(world.left()).toEqual(whole);
  });

  it('reports the facts that could not be checked in advance', async () => {
    world.cloud.mayDelete = { kind: 'unknown', because: 'the policy is not readable' };
    const { status, body } = await world.ask();
    expect(status).toBe(202);
    expect(body.unknown).toEqual([expect.stringContaining('identity:delete_project')]);
  });

  it('waits before the first removal if the reason arises after the request', async () => {
    await world.ask();
    change({ immutable: true });
    await world.settle(40);
    expect(world.state).toBe('confirming');
    expect(world.operation.hold).toMatchObject({
      reason: expect.stringContaining('immutable'),
      advice: expect.stringContaining('--no-immutable'),
    });
    const { body } = await world.call('GET', `/v1/operations/${world.operation.id}`);
    expect(body.waitsOn).toMatchObject([{ actor: 'operator' }]);
    expect(world.left()).toEqual(whole);
    change({});
    await world.settle();
    expect(world.operation).toMatchObject({ state: 'finished', hold: undefined });
    expect(world.left()).toEqual({});
  });

  it('waits before the first removal if the reason arises while the operation is held', async () => {
    world.limits = { ...world.limits, maxResourcesPerOperation: 1 };
    await world.ask();
    await world.settle();
    expect(world.state).toBe('held');
    change({ immutable: true });
    await world.release();
    await world.settle(40);
    expect(world.state).toBe('pre-delete');
    expect(world.operation.hold?.reason).toContain('immutable');
    expect(world.left()).toEqual(whole);
    expect([...world.cloud.roles]).toEqual([]);
    change({});
    await world.settle();
    expect(world.state).toBe('finished');
  });

  it('waits, and names the domain, if the domain is disabled during the cleanup', async () => {
    await world.ask();
    expect(
      await world.until(() => world.state === 'pre-delete' && world.cloud.roles.size > 0),
    ).toBe(true);
    world.cloud.isDomainEnabled = false;
    await world.settle(60);
    expect(world.state).toBe('pre-delete');
    expect(world.engine.deadLetterList).toEqual([]);
    const { body } = await world.call('GET', `/v1/operations/${world.operation.id}`);
    expect(body.waitsOn).toContainEqual(
      expect.objectContaining({
        on: expect.stringContaining('domain default is disabled'),
        advice: expect.stringContaining('openstack domain set --enable default'),
        actor: 'operator',
      }),
    );
    expect(world.left()['vault.secret']).toBe(2);
    world.cloud.isDomainEnabled = true;
    await world.settle();
    expect(world.state).toBe('finished');
    expect(world.left()).toEqual({});
  });

  it('is held with the reason of Keystone if the reason arises after the first removal', async () => {
    await world.ask();
    await world.until(() => Object.keys(world.left()).length < Object.keys(whole).length);
    const words = 'Unable to update immutable project resource';
    world.cloud.refusals.disable = [failure('Denied', 'keystone.http.403', words)];
    change({ immutable: true });
    await world.settle();
    expect(world.operation).toMatchObject({
      state: 'held',
      hold: {
        reason: expect.stringContaining(words),
        advice: expect.stringContaining(`openstack project set --no-immutable ${TARGET}`),
      },
    });
    expect(world.operation.hold?.advice).not.toContain('role');
  });
});
