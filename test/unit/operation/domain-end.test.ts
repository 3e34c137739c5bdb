import { DomainId, ProjectId } from '../../../events/ids.ts';
import { DOMAIN } from '../../property/domain-simulation.ts';
import { failure } from '../../property/stateful-simulation.ts';
import {
  approveNewPlan,
  eachDomain,
  projectsLeft,
  simulation,
  useDomainWithSecrets,
} from './domain-request-fixture.ts';

eachDomain();

describe('the operation of an approved plan of a domain', () => {
  it('removes what only a token on a project can list before it disables the domain', async () => {
    useDomainWithSecrets();
    simulation.project('root');
    simulation.project('nested', { parentId: 'root' });
    await approveNewPlan();
    await simulation.settle();
    expect(simulation.domainOperation.state).toBe('finished');
    expect([simulation.left('root'), simulation.left('nested')]).toEqual([{}, {}]);
    expect(simulation.cloud.violations).toEqual([]);
    expect(simulation.cloud.domains.has(DOMAIN)).toBe(false);
  });

  it('holds a disabled project before its deletion if a type cannot be listed without its token', async () => {
    useDomainWithSecrets();
    simulation.project('root', { enabled: false });
    await approveNewPlan();
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
    await approveNewPlan();
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
      await approveNewPlan();
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

  it('does not disable the domain while the domain has a project that the plan does not list', async () => {
    await approveNewPlan();
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

  it('ends unverified with the reason when a type of Keystone cannot be listed after the deletion of the domain', async () => {
    simulation.cloud.unlistedOfDomain.push('limits of the domain: no token on the system');
    await approveNewPlan();
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
      'removes the remaining resources of its projects, if the inventory lists %j',
      async (known) => {
        await approveNewPlan();
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

    it('waits even for a project that only the inventory lists', async () => {
      await approveNewPlan();
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
    await approveNewPlan();
    simulation.cloud.domainRefusals.push(failure('Denied'));
    await simulation.settle();
    expect(simulation.domainOperation).toMatchObject({ state: 'held' });
    expect(projectsLeft()).toEqual([]);
    await simulation.release(simulation.domainOperation);
    await simulation.settle();
    expect(simulation.domainOperation.state).toBe('finished');
  });
});
