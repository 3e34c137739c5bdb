import type { OperationId } from '../../../events/ids.ts';
import type { Operation } from '../../../lib/operation/model.ts';
import { Policy } from '../../../lib/policy/schema.ts';
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

describe('the operation of an approved plan of a domain that is canceled', () => {
  it('stops, and the operations of all its projects stop', async () => {
    await simulation.call('POST', '/v1/holds', { project: 'single', reason: 'lawsuit' });
    await simulation.call('POST', '/v1/holds', { project: 'leaf', reason: 'lawsuit' });
    await approveNewPlan();
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
    await approveNewPlan();
    await simulation.until(() => simulation.domainOperation.state === 'closing');
    expect(projectsLeft()).toEqual([]);
  };

  it('is canceled while Keystone does not delete the domain, and names the removed resources', async () => {
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

  it('disables no domain after its cancellation was accepted', async () => {
    await approveNewPlan();
    const isDue = () => {
      const { keystoneAction, state } = simulation.domainOperation;
      return state === 'waiting' && keystoneAction?.what === 'disable' && !keystoneAction.done;
    };
    expect(await simulation.until(isDue)).toBe(true);
    const { id } = simulation.domainOperation;
    const disable = simulation.engine.waiting.find(
      ({ message }) =>
        message.type === 'operation.keystone-action' && message.data.operationId === id,
    );
    if (!disable) throw new Error('the domain is not disabled');
    expect(await cancelDomain()).toMatchObject({ status: 202 });
    simulation.engine.removeDelivered(disable);
    await simulation.handle(disable.message);
    expect(simulation.cloud.domains.get(DOMAIN)?.enabled).toBe(true);
    await simulation.settle();
    expect(simulation.domainOperation.state).toBe('canceled');
    expect(simulation.cloud.domains.get(DOMAIN)?.enabled).toBe(true);
    expect(simulation.engine.waiting).toEqual([]);
  });

  it.each(['closing', 'waiting'])(
    'keeps the domain in state %s when Keystone answers one wrong 404',
    async (state) => {
      if (state === 'closing') {
        await refuseDeletion();
        simulation.cloud.refusals.delete = [failure('Transient')];
        await simulation.until(() => simulation.domainOperation.hold !== undefined);
      } else {
        await approveNewPlan();
        const isDue = () => simulation.domainOperation.keystoneAction?.what === 'disable';
        expect(await simulation.until(isDue)).toBe(true);
      }
      expect(simulation.domainOperation.state).toBe(state);
      await cancelDomain();
      const { id } = simulation.domainOperation;
      const { keystone } = simulation.cloud.port;
      const { show } = keystone;
      let wrong = 1;
      keystone.show = async (type, account) => {
        if (account !== DOMAIN || wrong <= 0) return show(type, account);
        wrong -= 1;
        return { kind: 'absent' };
      };
      const action = simulation.engine.waiting.find(
        ({ message }) =>
          message.type === 'operation.keystone-action' && message.data.operationId === id,
      );
      if (!action) throw new Error('the domain has no action');
      simulation.engine.removeDelivered(action);
      await simulation.handle(action.message);
      expect(wrong).toBe(0);
      await simulation.settle();
      expect(simulation.domainOperation.state).toBe('canceled');
      const enabled = state === 'waiting';
      expect(simulation.cloud.domains.get(DOMAIN)).toMatchObject({ enabled });
      expect(simulation.cloud.domainUsers.has('u1')).toBe(true);
    },
  );

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

  it('ends finished when Keystone deletes the domain and does not answer the next question', async () => {
    await refuseDeletion();
    simulation.cloud.refusals.delete = [failure('Transient')];
    await simulation.until(() => simulation.domainOperation.hold !== undefined);
    await cancelDomain();
    await simulation.until(() => simulation.domainOperation.canceled !== undefined);
    simulation.cloud.domains.delete(DOMAIN);
    const { keystone } = simulation.cloud.port;
    const { show } = keystone;
    let failures = 1;
    keystone.show = (...account) => {
      failures -= 1;
      return failures >= 0 ? Promise.reject(failure('Transient')) : show(...account);
    };
    await simulation.settle();
    expect(failures).toBeLessThan(0);
    expect(simulation.domainOperation).toMatchObject({ state: 'finished', hold: undefined });
  });

  it('is canceled while it is held, and names the deleted projects', async () => {
    await approveNewPlan();
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
    /** Returns the plan of the project, which the held operation does not carry out. */
    async function newerPlan(): Promise<{ id: string; digest: string }> {
      simulation.approvalRules = {
        twoApprovers: { domain: false, resources: undefined, tags: [] },
        drift: { resources: 0, percent: 0 },
      };
      const plan = await simulation.plan();
      simulation.cloud.make('compute.server', 'single');
      await simulation.approve(plan);
      await simulation.settle();
      expect(cleanupOf('single')).toMatchObject({ state: 'held', hold: { about: 'drift' } });
      const asked = await simulation.call('POST', '/v1/projects/single/plan', {});
      await simulation.settle();
      const path = `/v1/operations/${asked.body.opened}/plan`;
      return (await simulation.call('GET', path)).body as never;
    }

    async function replaced(): Promise<Operation> {
      const plan = await newerPlan();
      const held = cleanupOf('single');
      expect(await simulation.approve(plan)).toMatchObject({ status: 202 });
      const { id, children } = simulation.domainOperation;
      expect(cleanupOf('single')).toMatchObject({ parentId: id });
      expect(children).toContain(cleanupOf('single')?.id);
      expect(children).not.toContain(held?.id);
      return cleanupOf('single') as Operation;
    }

    it.each([
      ['no recovery window, although the policy has one', {}, undefined],
      ['the recovery window that its approval requests', { recoverForSeconds: 600 }, 600_000],
    ])('gives the newer operation %s', async (_, window, lengthMillis) => {
      const { id, digest } = await newerPlan();
      const rule = { match: { name: 'name-single' }, deletion: { recoverFor: '30d' } };
      const policy = Policy.parse({ version: 1, rules: [rule] });
      Object.defineProperty(simulation, 'deps', { value: { ...simulation.deps, policy } });
      const path = `/v1/operations/${id}/approve`;
      expect(await simulation.call('POST', path, { digest, ...window })).toMatchObject({
        status: 202,
      });
      expect(cleanupOf('single')).toMatchObject({ parentId: simulation.domainOperation.id });
      expect(cleanupOf('single')?.recovery?.lengthMillis).toBe(lengthMillis);
    });

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

  it('does not cancel the operation that another person requested for a project', async () => {
    for (const project of ['single', 'leaf'])
      await simulation.call('POST', '/v1/holds', { project, reason: 'lawsuit' });
    const asked = { action: 'cleanup', project: 'single', name: 'name-single', reason: 'unused' };
    const { body } = await simulation.call('POST', '/v1/operations', asked, 'bob');
    const ofBob = () => simulation.engine.operations.get(body.opened as OperationId);
    await approveNewPlan();
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

  it('ends unverified when the cleanup of a project is canceled and other projects wait for it', async () => {
    simulation.cloud.projects.delete('single');
    simulation.cloud.refusals.delete = [failure('Denied', 'keystone.http.403')];
    await approveNewPlan();
    await simulation.settle();
    const of = (project: string) =>
      [...simulation.engine.operations.values()].findLast(
        ({ action, scope }) => action === 'cleanup' && scope.id === project,
      );
    expect(of('leaf')).toMatchObject({ state: 'held' });
    // The projects above wait for its deletion, and are disabled already.
    for (const id of ['middle', 'root'])
      expect(of(id)).toMatchObject({ state: 'running', waitsForChildProjects: true });
    const { id } = of('leaf') as Operation;
    await simulation.call('POST', `/v1/operations/${id}/cancel`, { reason: 'it is needed' });
    await simulation.settle();
    expect(of('middle')).toMatchObject({
      state: 'canceled',
      hold: {
        reason: expect.stringContaining(
          `a project below it was not deleted: name-leaf (${id} is canceled)`,
        ),
        advice: expect.stringContaining('openstack project set --enable middle'),
      },
    });
    expect(of('root')).toMatchObject({
      state: 'canceled',
      hold: { reason: expect.stringContaining('a project below it was not deleted: name-middle') },
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

  it('ends unverified when a project is canceled while its parent is emptied with a project token', async () => {
    useDomainWithSecrets();
    simulation.project('root');
    simulation.project('nested', { parentId: 'root' });
    simulation.cloud.refusals.delete = [failure('Denied', 'keystone.http.403')];
    await approveNewPlan();
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
});
