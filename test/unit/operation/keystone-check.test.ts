import {
  adviceOnRefusal,
  checkKeystone,
  type KeystoneFacts,
} from '../../../lib/operation/keystone-check.ts';
import { PropagatorError } from '../../../lib/shared/errors.ts';
import {
  EVERY_CLASS,
  failure,
  StatefulSimulation,
  TARGET,
} from '../../property/stateful-simulation.ts';

const FACTS: KeystoneFacts = {
  project: { id: 'p1', enabled: true, immutable: false },
  domain: { id: 'd1', enabled: true, immutable: false },
  children: [],
  login: { userId: 'u1', ownProject: 'own', isAdmin: true, isProjectBound: false },
  updatePermission: { kind: 'granted' },
  revokeRolePermission: { kind: 'granted' },
  deletePermission: { kind: 'granted' },
};
const refused = (rule: string) =>
  ({ kind: 'refused', message: `You are not authorized: identity:${rule}.` }) as const;
const immutableProject = { ...FACTS.project, immutable: true };
const disabledProject = { ...FACTS.project, enabled: false };
const projectBoundLogin = { ...FACTS.login, isProjectBound: true };
const loginWithoutAdmin = { ...FACTS.login, isAdmin: false };
const children = Array.from({ length: 7 }, (_, n) => ({ id: `c${n}`, name: `child ${n}` }));

describe('the reasons why Keystone would refuse to delete a project', () => {
  it.each([
    [
      'an immutable project',
      { project: immutableProject },
      'immutable',
      'openstack project set --no-immutable p1',
    ],
    [
      'a project that becomes immutable after it was read',
      {
        updatePermission: {
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
    [
      'an application credential',
      { login: projectBoundLogin },
      'application credential',
      '--disable p1',
    ],
    [
      'a policy against updates',
      { updatePermission: refused('update_project') },
      'identity:update_project.',
      'change its rule identity:update_project',
    ],
    [
      'a policy against revoking roles',
      { revokeRolePermission: refused('revoke_grant') },
      'revoke its role',
      'change its rule identity:revoke_grant',
    ],
    [
      'a policy against deletions, for a user without the role admin',
      { deletePermission: refused('delete_project'), login: loginWithoutAdmin },
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
    const { refusals } = checkKeystone({
      ...FACTS,
      project: immutableProject,
      domain,
      children,
      login: projectBoundLogin,
    });
    expect(refusals).toHaveLength(4);
  });

  it.each([
    ['no reason exists', {}],
    ['the domain is immutable', { domain: { id: 'd1', enabled: true, immutable: true } }],
    [
      'the project is disabled: no token on it is needed',
      {
        project: disabledProject,
        domain: { id: 'd1', enabled: false, immutable: false },
        login: projectBoundLogin,
        updatePermission: undefined,
        revokeRolePermission: undefined,
      },
    ],
  ])('are none when %s', (_, difference) => {
    expect(checkKeystone({ ...FACTS, ...difference })).toEqual({ refusals: [], unknown: [] });
  });

  it('are reported as unknown if Keystone does not show the domain or did not answer about a permission', () => {
    const deletePermission = { kind: 'unknown', because: 'it was not asked' } as const;
    const { refusals, unknown } = checkKeystone({ ...FACTS, domain: undefined, deletePermission });
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
  let simulation: StatefulSimulation;
  let whole: Record<string, number>;
  beforeEach(() => {
    simulation = new StatefulSimulation(EVERY_CLASS);
    whole = simulation.left();
  });
  afterEach(() => simulation.expectOthersUntouched());
  const change = (more: object) =>
    simulation.cloud.projects.set(TARGET, { name: 'shop', enabled: true, ...more });

  it.each([
    ['is immutable', () => change({ immutable: true }), 'openstack project set --no-immutable'],
    [
      'has a project below it',
      () => simulation.cloud.projects.set('kid', { name: 'kid', enabled: false, parentId: TARGET }),
      'openstack project delete kid',
    ],
    [
      'is in a disabled domain',
      () => {
        simulation.cloud.isDomainEnabled = false;
      },
      'openstack domain set --enable default',
    ],
    [
      'must not be deleted by the policy',
      () => {
        simulation.cloud.deletePermission = refused('delete_project');
      },
      'identity:delete_project',
    ],
    [
      'gives no token to an application credential',
      () => {
        simulation.cloud.isBound = true;
      },
      `openstack project set --disable ${TARGET}`,
    ],
  ])('is refused when the project %s: nothing is opened or changed', async (_, make, command) => {
    make();
    const answer = await simulation.ask();
    expect(answer).toMatchObject({
      status: 409,
      body: { error: { code: 'api.refused', advice: expect.stringContaining(command) } },
    });
    expect(simulation.engine.operations.size).toBe(0);
    expect(simulation.left()).toEqual(whole);
    expect([...simulation.cloud.roles]).toEqual([]);
  });

  it('is refused for the id of a domain, and the message names the domain', async () => {
    const account = { type: 'domain', id: TARGET, name: 'market', enabled: true };
    const show = async () => ({ kind: 'present', account });
    Object.assign(simulation.cloud.port.keystone, { show });
    const answer = await simulation.ask({ name: 'market' });
    expect(answer).toMatchObject({
      status: 409,
      body: {
        error: {
          message: `${TARGET} is the id of a domain (market), not of a project`,
          advice: expect.stringContaining(`openstack project list --domain ${TARGET}`),
        },
      },
    });
    expect(simulation.engine.operations.size).toBe(0);
    expect(simulation.left()).toEqual(whole);
  });

  it('reports the facts that could not be checked in advance', async () => {
    simulation.cloud.deletePermission = { kind: 'unknown', because: 'the policy is not readable' };
    const { status, body } = await simulation.ask();
    expect(status).toBe(202);
    expect(body.unknown).toEqual([expect.stringContaining('identity:delete_project')]);
  });

  it('waits before the first removal if the reason arises after the request', async () => {
    await simulation.ask();
    change({ immutable: true });
    await simulation.settle(40);
    expect(simulation.state).toBe('confirming');
    expect(simulation.operation.hold).toMatchObject({
      reason: expect.stringContaining('immutable'),
      advice: expect.stringContaining('--no-immutable'),
    });
    const { body } = await simulation.call('GET', `/v1/operations/${simulation.operation.id}`);
    expect(body.waitsOn).toMatchObject([{ actor: 'operator' }]);
    expect(simulation.left()).toEqual(whole);
    change({});
    await simulation.settle();
    expect(simulation.operation).toMatchObject({ state: 'finished', hold: undefined });
    expect(simulation.left()).toEqual({});
  });

  it('waits before the first removal if the reason arises while the operation is held', async () => {
    simulation.limits = { ...simulation.limits, maxResourcesPerOperation: 1 };
    await simulation.ask();
    await simulation.settle();
    expect(simulation.state).toBe('held');
    change({ immutable: true });
    await simulation.release();
    await simulation.settle(40);
    expect(simulation.state).toBe('pre-delete');
    expect(simulation.operation.hold?.reason).toContain('immutable');
    expect(simulation.left()).toEqual(whole);
    expect([...simulation.cloud.roles]).toEqual([]);
    change({});
    await simulation.settle();
    expect(simulation.state).toBe('finished');
  });

  it('waits, and names the domain, if the domain is disabled during the cleanup', async () => {
    await simulation.ask();
    expect(
      await simulation.until(
        () => simulation.state === 'pre-delete' && simulation.cloud.roles.size > 0,
      ),
    ).toBe(true);
    simulation.cloud.isDomainEnabled = false;
    await simulation.settle(60);
    expect(simulation.state).toBe('pre-delete');
    expect(simulation.engine.deadLetterList).toEqual([]);
    const { body } = await simulation.call('GET', `/v1/operations/${simulation.operation.id}`);
    expect(body.waitsOn).toContainEqual(
      expect.objectContaining({
        on: expect.stringContaining('domain default is disabled'),
        advice: expect.stringContaining('openstack domain set --enable default'),
        actor: 'operator',
      }),
    );
    expect(simulation.left()['vault.secret']).toBe(2);
    simulation.cloud.isDomainEnabled = true;
    await simulation.settle();
    expect(simulation.state).toBe('finished');
    expect(simulation.left()).toEqual({});
  });

  it('is held with the reason of Keystone if the reason arises after the first removal', async () => {
    await simulation.ask();
    await simulation.until(() => Object.keys(simulation.left()).length < Object.keys(whole).length);
    const words = 'Unable to update immutable project resource';
    simulation.cloud.refusals.disable = [failure('Denied', 'keystone.http.403', words)];
    change({ immutable: true });
    await simulation.settle();
    expect(simulation.operation).toMatchObject({
      state: 'held',
      hold: {
        reason: expect.stringContaining(words),
        advice: expect.stringContaining(`openstack project set --no-immutable ${TARGET}`),
      },
    });
    expect(simulation.operation.hold?.advice).not.toContain('role');
  });
});
