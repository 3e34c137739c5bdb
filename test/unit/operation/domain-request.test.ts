import { isNewDeletion } from '../../../lib/operation/generation.ts';
import { DOMAIN } from '../../property/domain-simulation.ts';
import { approveNewPlan, eachDomain, projectsLeft, simulation } from './domain-request-fixture.ts';

eachDomain();

const shownOperation = async () => {
  const { body } = await simulation.call('GET', `/v1/operations/${simulation.domainOperation.id}`);
  return body as { operation: { state: string }; waitsOn: { on: string; advice: string }[] };
};

describe('the plan of a domain', () => {
  it('lists projects deepest first, their resources, and the data of the domain in Keystone', async () => {
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

  it('is refused for an unknown domain, for the default domain, and for the id of a project', async () => {
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
    await approveNewPlan();
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
    await approveNewPlan();
    await simulation.settle();
    expect(simulation.domainOperation.state).toBe('finished');
    expect(simulation.cloud.domains.has(DOMAIN)).toBe(false);
  });

  it('names the project with a hold that it waits for, deletes the others, and ends after the hold', async () => {
    const hold = { project: 'middle', reason: 'lawsuit' };
    expect(await simulation.call('POST', '/v1/holds', hold)).toMatchObject({ status: 201 });
    await approveNewPlan();
    await simulation.settle();
    expect(projectsLeft()).toEqual(['root', 'middle']);
    expect(simulation.left('middle')).toEqual({ 'compute.server': 1, 'network.port': 1 });
    expect(simulation.left('root')).toEqual({ 'compute.server': 1, 'network.port': 1 });
    // The users of the project with the hold go on working, so the domain and the projects above stay.
    expect(simulation.cloud.domains.get(DOMAIN)).toMatchObject({ enabled: true });
    for (const id of ['root', 'middle'])
      expect(simulation.cloud.projects.get(id)).toMatchObject({ enabled: true });
    // The project above the held one is not begun.
    const begun = [...simulation.engine.operations.values()].filter(
      ({ action, scope }) => action === 'cleanup' && scope.type === 'project',
    );
    expect(begun.map(({ scope }) => scope.id)).toEqual(['leaf', 'single', 'middle']);
    const operationView = await shownOperation();
    expect(operationView.operation.state).toBe('waiting');
    expect(operationView.waitsOn).toEqual(
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

  it('opens a cleanup when another client deletes a kept domain, and none when the operation deleted it', async () => {
    const isNewAfter = (): boolean => {
      const { endedAt = 0 } = simulation.domainOperation;
      const deletion = { announcedAt: endedAt + 1000, seenAliveAt: undefined };
      return isNewDeletion(simulation.domainOperation, deletion);
    };
    simulation.protectedProjects.push('middle');
    await approveNewPlan();
    await simulation.settle();
    expect(isNewAfter()).toBe(true);
    simulation.protectedProjects.length = 0;
    await approveNewPlan();
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
    expect((await shownOperation()).waitsOn).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ on: expect.stringMatching(/name-single .*more resources/) }),
      ]),
    );
  });

  it('does not delete a domain in which a project appeared', async () => {
    await approveNewPlan();
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
    await approveNewPlan();
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
});
