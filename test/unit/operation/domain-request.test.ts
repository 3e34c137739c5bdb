import { DomainId, type OperationId, ProjectId } from '../../../events/ids.ts';
import { isNewDeletion } from '../../../lib/operation/generation.ts';
import type { Operation } from '../../../lib/operation/model.ts';
import { DOMAIN, DomainSimulation, WITH_SECRETS } from '../../property/domain-simulation.ts';
import { failure } from '../../property/stateful-simulation.ts';

let simulation: DomainSimulation;
beforeEach(() => {
  simulation = new DomainSimulation();
  simulation.project('root');
  simulation.project('middle', { parentId: 'root' });
  simulation.project('leaf', { parentId: 'middle', enabled: false });
  simulation.project('single');
});
afterEach(() => {
  simulation.expectOthersUntouched();
});
const carryOut = async (): Promise<void> => {
  expect(await simulation.approve(await simulation.plan())).toMatchObject({ status: 202 });
};
const projectsLeft = (): string[] =>
  [...simulation.cloud.projects].flatMap(([id, { domainId }]) => (domainId === DOMAIN ? [id] : []));
const shown = async () => {
  const { body } = await simulation.call('GET', `/v1/operations/${simulation.domainOperation.id}`);
  return body as { operation: { state: string }; waitsOn: { on: string; advice: string }[] };
};

describe('the plan of a domain', () => {
  it('lists projects deepest first, their resources, and what Keystone holds', async () => {
    const plan = await simulation.plan();
    expect(plan).toMatchObject({
      scope: { type: 'domain', id: DOMAIN },
      state: 'observed',
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      resources: 8,
      keystoneCheck: { refusals: [] },
    });
    expect((plan.projects as { id: string }[]).map(({ id }) => id)).toEqual([
      'leaf',
      'middle',
      'root',
      'single',
    ]);
    expect(plan.pages).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          resourceType: 'keystone.user',
          resources: [{ id: 'u1', name: 'u1' }],
        }),
      ]),
    );
    expect(simulation.cloud.events).toEqual([]);
    expect(simulation.cloud.domains.get(DOMAIN)).toMatchObject({ enabled: true });
  });

  it('has another digest when a user or a resource of a nested project was added', async () => {
    const first = await simulation.plan();
    const again = await simulation.call('GET', `/v1/operations/${first.id}/plan`);
    expect(again.body.digest).toBe(first.digest);
    simulation.cloud.make('compute.server', 'leaf');
    const second = await simulation.plan();
    simulation.cloud.domainUsers.set('u3', DOMAIN);
    const third = await simulation.plan();
    expect(new Set([first, second, third].map(({ digest }) => digest)).size).toBe(3);
  });

  it('is refused for an unknown domain, for the default one, and for one that is a project', async () => {
    simulation.cloud.domains.set('default', { name: 'Default', enabled: true });
    for (const id of ['nothing', 'default', 'root'])
      expect(await simulation.call('POST', `/v1/domains/${id}/plan`, {})).toMatchObject({
        status: 409,
      });
    expect(simulation.engine.operations.size).toBe(0);
  });
});

describe('an approved plan of a domain', () => {
  it('disables the projects and the domain, deletes the deepest projects first, and the domain last', async () => {
    await carryOut();
    await simulation.settle();
    expect(simulation.domainOperation).toMatchObject({ state: 'finished', hold: undefined });
    const { events } = simulation.cloud;
    const disabled = events.filter((event) => event.startsWith('disabled'));
    expect(disabled.at(-1)).toBe(`disabled ${DOMAIN}`);
    expect(disabled.indexOf('disabled middle')).toBeLessThan(disabled.indexOf('disabled root'));
    expect(events.indexOf(`disabled ${DOMAIN}`)).toBeLessThan(events.indexOf('deleted root'));
    expect(events.at(-1)).toBe(`deleted ${DOMAIN}`);
    const nested = ['deleted leaf', 'deleted middle', 'deleted root'];
    expect(events.filter((event) => nested.includes(event))).toEqual(nested);
    expect(projectsLeft()).toEqual([]);
    for (const id of ['root', 'middle', 'leaf', 'single']) expect(simulation.left(id)).toEqual({});
    expect(simulation.cloud.domainUsers.has('u1')).toBe(false);
  });

  it('deletes a domain without projects', async () => {
    for (const id of projectsLeft()) simulation.cloud.projects.delete(id);
    await carryOut();
    await simulation.settle();
    expect(simulation.domainOperation.state).toBe('finished');
    expect(simulation.cloud.domains.has(DOMAIN)).toBe(false);
  });

  it('waits by name for a project with a hold, deletes the others, and ends after the hold', async () => {
    const hold = { project: 'middle', reason: 'lawsuit' };
    expect(await simulation.call('POST', '/v1/holds', hold)).toMatchObject({ status: 201 });
    await carryOut();
    await simulation.settle();
    expect(projectsLeft()).toEqual(['root', 'middle']);
    expect(simulation.left('middle')).toEqual({ 'compute.server': 1, 'network.port': 1 });
    expect(simulation.left('root')).toEqual({ 'compute.server': 1, 'network.port': 1 });
    // The users of the held project go on working, so the domain and the projects above stay.
    expect(simulation.cloud.domains.get(DOMAIN)).toMatchObject({ enabled: true });
    for (const id of ['root', 'middle'])
      expect(simulation.cloud.projects.get(id)).toMatchObject({ enabled: true });
    // The project above the held one is not begun.
    const begun = [...simulation.engine.operations.values()].filter(
      ({ action, scope }) => action === 'cleanup' && scope.type === 'project',
    );
    expect(begun.map(({ scope }) => scope.id)).toEqual(['leaf', 'single', 'middle']);
    const seen = await shown();
    expect(seen.operation.state).toBe('waiting');
    expect(seen.waitsOn).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          on: expect.stringMatching(/^project name-middle \(op-\w+\): .*lawsuit/),
          advice: expect.stringContaining('hold remove --project middle'),
        }),
      ]),
    );
    await simulation.call('DELETE', '/v1/holds/project/middle');
    await simulation.settle();
    expect(simulation.domainOperation.state).toBe('finished');
    expect(projectsLeft()).toEqual([]);
  });

  it('keeps a protected project and the domain, and reports them', async () => {
    simulation.protectedProjects.push('middle');
    const plan = await simulation.plan();
    expect(plan.projects).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          id: 'middle',
          protectedBecause: 'the settings protect this project',
        }),
      ]),
    );
    await simulation.approve(plan);
    await simulation.settle();
    expect(projectsLeft()).toEqual(['root', 'middle']);
    expect(simulation.domainOperation).toMatchObject({
      state: 'unverified',
      hold: { reason: expect.stringContaining('name-middle (protected:') },
    });
    expect(simulation.cloud.domains.get(DOMAIN)).toMatchObject({ enabled: true });
  });

  it('opens a cleanup when Keystone deletes a domain that stayed, and none when the operation deleted it', async () => {
    const isNewAfter = (): boolean => {
      const { endedAt = 0 } = simulation.domainOperation;
      const deletion = { announcedAt: endedAt + 1000, seenAliveAt: undefined };
      return isNewDeletion(simulation.domainOperation, deletion);
    };
    simulation.protectedProjects.push('middle');
    await carryOut();
    await simulation.settle();
    expect(isNewAfter()).toBe(true);
    simulation.protectedProjects.length = 0;
    await carryOut();
    await simulation.settle();
    expect(simulation.domainOperation.state).toBe('finished');
    expect(isNewAfter()).toBe(false);
  });

  it('holds only the project that drifted', async () => {
    simulation.approvalRules = {
      twoApprovers: { domain: false, resources: undefined, tags: [] },
      drift: { resources: 0, percent: 0 },
    };
    const plan = await simulation.plan();
    simulation.cloud.make('compute.server', 'single');
    await simulation.approve(plan);
    await simulation.settle();
    expect(projectsLeft()).toEqual(['single']);
    expect((await shown()).waitsOn).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ on: expect.stringMatching(/name-single .*more resources/) }),
      ]),
    );
  });

  it('does not delete a domain in which a project appeared', async () => {
    await carryOut();
    await simulation.until(() => simulation.cloud.events.includes(`disabled ${DOMAIN}`));
    simulation.project('late');
    await simulation.settle();
    expect(projectsLeft()).toEqual(['late']);
    expect(simulation.left('late')).toEqual({ 'compute.server': 1, 'network.port': 1 });
    expect(simulation.domainOperation).toMatchObject({
      state: 'closing',
      hold: { reason: expect.stringContaining('name-late (late)') },
    });
  });

  it('is refused when a project appeared before the approval, or the domain was renamed', async () => {
    const plan = await simulation.plan();
    simulation.project('late');
    expect(await simulation.approve(plan)).toMatchObject({ status: 409 });
    simulation.cloud.projects.delete('late');
    simulation.cloud.domains.set(DOMAIN, { name: 'Another', enabled: true });
    expect(await simulation.approve(plan)).toMatchObject({ status: 409 });
    expect(simulation.cloud.events).toEqual([]);
  });

  it('does not delete a domain that was enabled again, and continues when it is disabled', async () => {
    await carryOut();
    await simulation.until(() => simulation.cloud.events.includes(`disabled ${DOMAIN}`));
    simulation.cloud.domains.set(DOMAIN, { name: 'Customer', enabled: true });
    await simulation.settle();
    expect(simulation.domainOperation).toMatchObject({
      state: 'closing',
      hold: { reason: expect.stringContaining('the domain was enabled again') },
    });
    expect(simulation.cloud.domains.has(DOMAIN)).toBe(true);
    simulation.cloud.domains.set(DOMAIN, { name: 'Customer', enabled: false });
    await simulation.settle();
    expect(simulation.domainOperation.state).toBe('finished');
  });

  it('is refused when a disabled project was enabled after the plan', async () => {
    const plan = await simulation.plan();
    simulation.cloud.enable('leaf', true);
    expect(await simulation.approve(plan)).toMatchObject({ status: 409 });
    expect(simulation.cloud.events).toEqual([]);
  });

  it('is refused when a project was renamed after the plan', async () => {
    const plan = await simulation.plan();
    const middle = simulation.cloud.projects.get('middle');
    if (!middle) throw new Error('the domain has no project middle');
    simulation.cloud.projects.set('middle', { ...middle, name: 'production' });
    expect(await simulation.approve(plan)).toMatchObject({
      status: 409,
      body: {
        error: {
          message: expect.stringMatching(/project middle was renamed .*name is production now/),
        },
      },
    });
    await simulation.settle();
    expect(simulation.cloud.events).toEqual([]);
    simulation.cloud.projects.set('middle', middle);
    expect(await simulation.approve(plan)).toMatchObject({ status: 202 });
  });

  it('needs two other persons if the settings require two approvals', async () => {
    simulation.approvalRules = {
      twoApprovers: { domain: true, resources: undefined, tags: [] },
      drift: { resources: 10, percent: 5 },
    };
    const plan = await simulation.plan();
    expect(plan).toMatchObject({ approvalsNeeded: 2, twoBecause: 'it is a domain' });
    expect(await simulation.approve(plan, 'ann')).toMatchObject({ status: 409 });
    expect(await simulation.approve(plan, 'bob')).toMatchObject({
      status: 202,
      body: { waitsFor: expect.stringContaining('two approvals') },
    });
    await simulation.settle();
    expect(simulation.cloud.events).toEqual([]);
  });

  it('stops with all its projects when it is canceled', async () => {
    await simulation.call('POST', '/v1/holds', { project: 'single', reason: 'lawsuit' });
    await simulation.call('POST', '/v1/holds', { project: 'leaf', reason: 'lawsuit' });
    await carryOut();
    await simulation.settle(60);
    const path = `/v1/operations/${simulation.domainOperation.id}/cancel`;
    expect(await simulation.call('POST', path, { reason: 'the domain is needed' })).toMatchObject({
      status: 202,
    });
    await simulation.call('DELETE', '/v1/holds/project/single');
    await simulation.settle();
    const ends = [...simulation.engine.operations.values()].filter(
      ({ action }) => action === 'cleanup',
    );
    expect(ends.length).toBeGreaterThan(2);
    expect(new Set(ends.map(({ state }) => state))).toEqual(new Set(['canceled']));
    expect(projectsLeft()).toHaveLength(4);
    expect(simulation.left('single')).toEqual({ 'compute.server': 1, 'network.port': 1 });
  });

  const cleanupOf = (project: string): Operation | undefined =>
    [...simulation.engine.operations.values()].findLast(
      ({ action, scope }) => action === 'cleanup' && scope.id === project,
    );
  const cancelDomain = () =>
    simulation.call('POST', `/v1/operations/${simulation.domainOperation.id}/cancel`, {
      reason: 'the domain is needed',
    });
  const refuseDeletion = async (): Promise<void> => {
    await carryOut();
    await simulation.until(() => simulation.domainOperation.state === 'closing');
    expect(projectsLeft()).toEqual([]);
  };

  it('is canceled while Keystone does not delete the domain, and says what is gone', async () => {
    await refuseDeletion();
    expect(await cancelDomain()).toMatchObject({ status: 409 });
    simulation.cloud.refusals.delete = Array.from({ length: 9 }, () => failure('Transient'));
    await simulation.until(() => simulation.domainOperation.hold !== undefined);
    expect(await cancelDomain()).toMatchObject({ status: 202 });
    await simulation.settle();
    expect(simulation.domainOperation).toMatchObject({
      state: 'canceled',
      hold: {
        reason: 'canceled by ann: the domain is needed',
        advice: expect.stringMatching(
          /deleted, with all their resources: name-leaf, .*openstack domain set --enable customer/,
        ),
      },
    });
    expect(simulation.cloud.domains.has(DOMAIN)).toBe(true);
    expect(simulation.cloud.domainUsers.has('u1')).toBe(true);
    expect(simulation.engine.waiting).toEqual([]);
  });

  it('ends finished when Keystone deletes the domain before the cancellation arrives', async () => {
    await refuseDeletion();
    simulation.cloud.refusals.delete = [failure('Transient')];
    await simulation.until(() => simulation.domainOperation.hold !== undefined);
    await cancelDomain();
    await simulation.until(() => simulation.domainOperation.canceled !== undefined);
    // The call was under way: its answer was lost.
    simulation.cloud.domains.delete(DOMAIN);
    await simulation.settle();
    expect(simulation.domainOperation).toMatchObject({ state: 'finished', hold: undefined });
  });

  it('is canceled while it is held, and says which projects are deleted', async () => {
    await carryOut();
    simulation.cloud.domainRefusals.push(failure('Denied'));
    await simulation.settle();
    expect(simulation.domainOperation.state).toBe('held');
    await cancelDomain();
    await simulation.settle();
    expect(simulation.domainOperation).toMatchObject({
      state: 'canceled',
      hold: { advice: expect.stringMatching(/projects are deleted, .*name-single/) },
    });
  });

  describe('with a project that drifted, and a newer plan of that project', () => {
    async function replaced(): Promise<Operation> {
      simulation.approvalRules = {
        twoApprovers: { domain: false, resources: undefined, tags: [] },
        drift: { resources: 0, percent: 0 },
      };
      const plan = await simulation.plan();
      simulation.cloud.make('compute.server', 'single');
      await simulation.approve(plan);
      await simulation.settle();
      const held = cleanupOf('single');
      expect(held).toMatchObject({ state: 'held', hold: { about: 'drift' } });
      const asked = await simulation.call('POST', '/v1/projects/single/plan', {});
      await simulation.settle();
      const path = `/v1/operations/${asked.body.opened}/plan`;
      const { body } = await simulation.call('GET', path);
      expect(await simulation.approve(body as never)).toMatchObject({ status: 202 });
      const { id, children } = simulation.domainOperation;
      expect(cleanupOf('single')).toMatchObject({ parentId: id });
      expect(children).toContain(cleanupOf('single')?.id);
      expect(children).not.toContain(held?.id);
      return cleanupOf('single') as Operation;
    }

    it('waits for the newer operation, and deletes the domain after it', async () => {
      await replaced();
      await simulation.settle();
      expect(projectsLeft()).toEqual([]);
      expect(simulation.domainOperation.state).toBe('finished');
    });

    it('cancels the newer operation with the one of the domain', async () => {
      await replaced();
      await cancelDomain();
      await simulation.settle();
      expect(cleanupOf('single')?.state).toBe('canceled');
      expect(simulation.domainOperation.state).toBe('canceled');
      expect(projectsLeft()).toContain('single');
    });
  });

  it('is canceled without the operation that another person requested for a project', async () => {
    for (const project of ['single', 'leaf'])
      await simulation.call('POST', '/v1/holds', { project, reason: 'lawsuit' });
    const asked = { action: 'cleanup', project: 'single', name: 'name-single', reason: 'unused' };
    const { body } = await simulation.call('POST', '/v1/operations', asked, 'bob');
    const ofBob = () => simulation.engine.operations.get(body.opened as OperationId);
    await carryOut();
    await simulation.settle(60);
    const { id, children } = simulation.domainOperation;
    expect(children).toContain(ofBob()?.id);
    const path = `/v1/operations/${id}/cancel`;
    expect(await simulation.call('POST', path, { reason: 'the domain is needed' })).toMatchObject({
      status: 202,
    });
    await simulation.settle(60);
    expect(simulation.domainOperation.state).toBe('canceled');
    expect(ofBob()).not.toMatchObject({ state: 'canceled' });
    await simulation.call('DELETE', '/v1/holds/project/single');
    await simulation.call('DELETE', '/v1/holds/project/leaf');
    await simulation.settle();
    expect(ofBob()).toMatchObject({ state: 'finished' });
    expect(projectsLeft()).toEqual(['root', 'middle', 'leaf']);
  });

  it('ends unverified when the operation of a project is canceled that others wait for', async () => {
    simulation.cloud.projects.delete('single');
    simulation.cloud.refusals.delete = [failure('Denied', 'keystone.http.403')];
    await carryOut();
    await simulation.settle();
    const of = (project: string) =>
      [...simulation.engine.operations.values()].findLast(
        ({ action, scope }) => action === 'cleanup' && scope.id === project,
      );
    expect(of('leaf')).toMatchObject({ state: 'held' });
    // The projects above wait for its deletion, and are disabled already.
    for (const id of ['middle', 'root'])
      expect(of(id)).toMatchObject({ state: 'running', waitsBelow: true });
    const { id } = of('leaf') as Operation;
    await simulation.call('POST', `/v1/operations/${id}/cancel`, { reason: 'it is needed' });
    await simulation.settle();
    expect(of('middle')).toMatchObject({
      state: 'canceled',
      hold: {
        reason: expect.stringContaining(`a project below it stays: name-leaf (${id} is canceled)`),
        advice: expect.stringContaining('openstack project set --enable middle'),
      },
    });
    expect(of('root')).toMatchObject({
      state: 'canceled',
      hold: { reason: expect.stringContaining('a project below it stays: name-middle') },
    });
    expect(simulation.domainOperation).toMatchObject({
      state: 'unverified',
      hold: { reason: expect.stringContaining(`name-leaf (${id} is canceled)`) },
    });
    expect(projectsLeft()).toEqual(['root', 'middle', 'leaf']);
    for (const project of ['root', 'middle'])
      expect(simulation.left(project)).toEqual({ 'compute.server': 1, 'network.port': 1 });
    expect(simulation.cloud.domains.has(DOMAIN)).toBe(true);
    expect([...simulation.cloud.roles]).toEqual([]);
    expect(simulation.engine.waiting).toEqual([]);
  });

  it('ends unverified when a project is canceled while the one above it is emptied by its token', async () => {
    simulation = new DomainSimulation(WITH_SECRETS);
    simulation.project('root');
    simulation.project('nested', { parentId: 'root' });
    simulation.cloud.refusals.delete = [failure('Denied', 'keystone.http.403')];
    await carryOut();
    const of = (project: string) =>
      [...simulation.engine.operations.values()].findLast(
        ({ action, scope }) => action === 'cleanup' && scope.id === project,
      );
    expect(await simulation.until(() => of('root')?.state === 'pre-delete')).toBe(true);
    expect(await simulation.until(() => of('nested')?.state === 'held')).toBe(true);
    expect(of('root')?.state).toBe('pre-delete');
    await simulation.call('POST', `/v1/operations/${of('nested')?.id}/cancel`, { reason: 'no' });
    await simulation.settle();
    expect(of('root')).toMatchObject({ state: 'canceled' });
    expect(simulation.domainOperation).toMatchObject({ state: 'unverified' });
    expect(projectsLeft()).toEqual(['root', 'nested']);
    expect([...simulation.cloud.roles]).toEqual([]);
    expect(simulation.engine.waiting).toEqual([]);
  });

  it('removes what only a token on the project lists, before the domain is disabled', async () => {
    simulation = new DomainSimulation(WITH_SECRETS);
    simulation.project('root');
    simulation.project('nested', { parentId: 'root' });
    await carryOut();
    await simulation.settle();
    expect(simulation.domainOperation.state).toBe('finished');
    expect([simulation.left('root'), simulation.left('nested')]).toEqual([{}, {}]);
    expect(simulation.cloud.violations).toEqual([]);
    expect(simulation.cloud.domains.has(DOMAIN)).toBe(false);
  });

  it('holds a disabled project before its deletion if a type cannot be listed without its token', async () => {
    simulation = new DomainSimulation(WITH_SECRETS);
    simulation.project('root', { enabled: false });
    await carryOut();
    await simulation.settle();
    expect(projectsLeft()).toEqual(['root']);
    const held = [...simulation.engine.operations.values()].find(({ state }) => state === 'held');
    expect(held?.hold?.about).toBe('leftovers');
    await simulation.release(held);
    await simulation.settle();
    expect(simulation.domainOperation.state).toBe('unverified');
    expect(simulation.cloud.domains.has(DOMAIN)).toBe(false);
  });

  it('holds the domain when more users appeared than the settings allow, until a release', async () => {
    simulation.approvalRules = {
      twoApprovers: { domain: false, resources: undefined, tags: [] },
      drift: { resources: 0, percent: 0 },
    };
    await carryOut();
    simulation.cloud.domainUsers.set('late-user', DOMAIN);
    await simulation.settle();
    expect(projectsLeft()).toEqual([]);
    expect(simulation.domainOperation).toMatchObject({
      state: 'held',
      hold: { about: 'drift', reason: expect.stringContaining('keystone.user late-user') },
    });
    expect(simulation.cloud.domains.has(DOMAIN)).toBe(true);
    await simulation.release(simulation.domainOperation);
    await simulation.settle();
    expect(simulation.domainOperation.state).toBe('finished');
    expect(simulation.cloud.domains.has(DOMAIN)).toBe(false);
  });

  it.each(['confirming', 'waiting'])(
    'disables no domain to which the user of the propagator belongs (%s)',
    async (state) => {
      await carryOut();
      await simulation.until(() => simulation.domainOperation.state === state);
      expect(simulation.domainOperation.state).toBe(state);
      const { deps } = simulation;
      const protection = async () => ({ ...(await deps.protection()), ownUserDomain: DOMAIN });
      Object.defineProperty(simulation, 'deps', { value: { ...deps, protection } });
      await simulation.settle();
      expect(simulation.cloud.domains.get(DOMAIN)).toMatchObject({ enabled: true });
      expect(simulation.domainOperation.hold?.reason).toContain(
        'the user of the propagator belongs to this domain',
      );
    },
  );

  it('is not disabled while a project is in it that the plan does not list', async () => {
    await carryOut();
    simulation.project('late');
    await simulation.settle();
    expect(projectsLeft()).toEqual(['late']);
    expect(simulation.domainOperation).toMatchObject({
      state: 'waiting',
      hold: { reason: expect.stringContaining('name-late (late)') },
    });
    expect(simulation.cloud.domains.get(DOMAIN)).toMatchObject({ enabled: true });
    simulation.cloud.delete('late');
    simulation.cloud.resources = simulation.cloud.resources.filter(({ owner }) => owner !== 'late');
    await simulation.settle();
    expect(simulation.domainOperation.state).toBe('finished');
  });

  it('ends unverified with the reason when something of the domain cannot be listed afterwards', async () => {
    simulation.cloud.unlistedOfDomain.push('limits of the domain: no token on the system');
    await carryOut();
    await simulation.settle();
    expect(simulation.cloud.domains.has(DOMAIN)).toBe(false);
    expect(simulation.domainOperation).toMatchObject({
      state: 'unverified',
      hold: { reason: expect.stringContaining('limits of the domain: no token on the system') },
    });
  });

  describe('when another client deletes the domain before the first answer of Keystone', () => {
    const deleteDomain = (): void => {
      for (const id of projectsLeft()) simulation.cloud.projects.delete(id);
      simulation.cloud.domains.delete(DOMAIN);
      simulation.cloud.domainUsers.delete('u1');
    };
    const inventory = (id: string) =>
      simulation.engine.commit({
        accounts: [
          {
            account: {
              type: 'project',
              id: ProjectId.parse(id),
              domainId: DomainId.parse(DOMAIN),
            },
            seenAt: simulation.engine.time,
            deletedAt: undefined,
            members: undefined,
          },
        ],
      });
    const leftOf = (...ids: string[]): number =>
      ids.reduce((sum, id) => sum + Object.keys(simulation.left(id)).length, 0);

    it.each([[[]], [['root']], [['root', 'middle', 'leaf', 'single']]])(
      'removes what its projects left, if the inventory lists %j',
      async (known) => {
        await carryOut();
        for (const id of known) await inventory(id);
        deleteDomain();
        let leftAtEnd: number | undefined;
        await simulation.until(() => {
          if (simulation.domainOperation.state === 'finished')
            leftAtEnd = leftOf('root', 'middle', 'leaf', 'single');
          return leftAtEnd !== undefined;
        });
        expect(leftAtEnd).toBe(0);
        await simulation.settle();
        expect(simulation.domainOperation).toMatchObject({ state: 'finished', hold: undefined });
      },
    );

    it('waits for a project that only the inventory lists, too', async () => {
      await carryOut();
      simulation.project('late');
      await inventory('late');
      deleteDomain();
      const hold = { project: 'late', reason: 'lawsuit' };
      expect(await simulation.call('POST', '/v1/holds', hold)).toMatchObject({ status: 201 });
      await simulation.settle(100);
      expect(leftOf('root', 'middle', 'leaf', 'single')).toBe(0);
      expect(leftOf('late')).toBeGreaterThan(0);
      expect(simulation.domainOperation.state).toBe('waiting');
      await simulation.call('DELETE', '/v1/holds/project/late');
      await simulation.settle();
      expect(simulation.domainOperation.state).toBe('finished');
      expect(leftOf('late')).toBe(0);
    });
  });

  it('is held when Keystone refuses to disable the domain, and continues after a release', async () => {
    await carryOut();
    simulation.cloud.domainRefusals.push(failure('Denied'));
    await simulation.settle();
    expect(simulation.domainOperation).toMatchObject({ state: 'held' });
    expect(projectsLeft()).toEqual([]);
    await simulation.release(simulation.domainOperation);
    await simulation.settle();
    expect(simulation.domainOperation.state).toBe('finished');
  });
});
