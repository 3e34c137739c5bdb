import type { AccountEvent } from '../../../events/account.ts';
import { DomainId, ProjectId } from '../../../events/ids.ts';
import type { Operation } from '../../../lib/operation/model.ts';
import {
  CONTROL,
  EVERY_CLASS,
  StatefulSimulation,
  TARGET,
} from '../../property/stateful-simulation.ts';

const CLASS_A = EVERY_CLASS.filter(({ name }) => name === 'compute' || name === 'network');
const DOMAIN = DomainId.parse('d1');
const SECOND = ProjectId.parse('second');

/** A deleted domain with two projects. The control project is in another domain. */
async function deletedDomain(): Promise<StatefulSimulation> {
  const simulation = new StatefulSimulation(CLASS_A);
  const seen = { seenAt: simulation.engine.time, deletedAt: undefined, members: undefined };
  const project = (id: ProjectId, domainId: DomainId) => ({
    account: { type: 'project' as const, id, domainId },
    ...seen,
  });
  await simulation.engine.commit({
    accounts: [
      { account: { type: 'domain', id: DOMAIN }, ...seen },
      project(TARGET, DOMAIN),
      project(SECOND, DOMAIN),
      project(CONTROL, DomainId.parse('other')),
    ],
  });
  simulation.cloud.make('compute.server', SECOND);
  simulation.cloud.delete(TARGET);
  simulation.engine.time += 1000;
  const event: AccountEvent = {
    type: 'account.domain.deleted',
    data: {
      account: { type: 'domain', id: DOMAIN },
      cause: { messageId: 'm', eventType: 'identity.domain.deleted', at: simulation.engine.time },
    },
  };
  await simulation.engine.commit({ messages: [event] });
  await simulation.settle();
  expect(states(simulation)).toEqual(['d1 1 finished', 'second 1 finished', 'target 1 finished']);
  simulation.engine.time += 3_600_000;
  return simulation;
}

const states = (simulation: StatefulSimulation): string[] =>
  [...simulation.engine.operations.values()]
    .map(({ scope, generation, state }) => `${scope.id} ${generation} ${state}`)
    .toSorted();

function operationOf(simulation: StatefulSimulation, id: string, generation: number): Operation {
  const found = [...simulation.engine.operations.values()].find(
    (one) => one.scope.id === id && one.generation === generation,
  );
  if (!found) throw new Error(`no operation ${generation} of ${id}`);
  return found;
}

const rerun = (simulation: StatefulSimulation, { id } = operationOf(simulation, DOMAIN, 1)) =>
  simulation.call('POST', `/v1/operations/${id}/rerun`, { reason: 'stragglers' });

describe('the operation of a domain that is run again', () => {
  it('runs each of its projects again, removes resources created since, and leaves the control project unchanged', async () => {
    const simulation = await deletedDomain();
    simulation.cloud.make('compute.server', TARGET);
    simulation.cloud.make('network.port', SECOND);
    expect(await rerun(simulation)).toMatchObject({
      status: 202,
      body: { opened: operationOf(simulation, DOMAIN, 2).id },
    });
    await simulation.settle();
    expect(states(simulation)).toEqual([
      ...['d1 1 finished', 'd1 2 finished', 'second 1 finished', 'second 2 finished'],
      ...['target 1 finished', 'target 2 finished'],
    ]);
    expect(simulation.left(TARGET)).toEqual({});
    expect(simulation.left(SECOND)).toEqual({});
    for (const project of [TARGET, SECOND]) {
      const child = operationOf(simulation, project, 2);
      expect(child).toMatchObject({
        parentId: operationOf(simulation, DOMAIN, 2).id,
        rerun: { of: operationOf(simulation, project, 1).id, by: 'ann', reason: 'stragglers' },
      });
      expect((await simulation.call('GET', `/v1/operations/${child.id}`)).body).toMatchObject({
        foundAgain: [{ found: 1, leftBefore: 0 }],
      });
    }
    expect([...operationOf(simulation, DOMAIN, 2).children].toSorted()).toEqual(
      [TARGET, SECOND].map((project) => operationOf(simulation, project, 2).id).toSorted(),
    );
    simulation.expectOthersUntouched();
  });

  it('removes nothing from a project that exists again, and does not end as finished', async () => {
    const simulation = await deletedDomain();
    simulation.cloud.projects.set(TARGET, { name: 'shop', enabled: true });
    simulation.cloud.make('compute.server', TARGET);
    simulation.cloud.make('compute.server', SECOND);
    await rerun(simulation);
    await simulation.settle();
    expect(states(simulation)).toEqual([
      ...['d1 1 finished', 'd1 2 unverified', 'second 1 finished', 'second 2 finished'],
      ...['target 1 finished', 'target 2 refused'],
    ]);
    expect(simulation.left(TARGET)).toEqual({ 'compute.server': 1 });
    expect(simulation.left(SECOND)).toEqual({});
    simulation.expectOthersUntouched();
  });

  it('reuses the open rerun of a project, and opens no second one', async () => {
    const simulation = await deletedDomain();
    simulation.cloud.make('compute.server', TARGET);
    await rerun(simulation, operationOf(simulation, TARGET, 1));
    await rerun(simulation);
    await simulation.settle();
    expect(states(simulation)).toEqual([
      ...['d1 1 finished', 'd1 2 finished', 'second 1 finished', 'second 2 finished'],
      ...['target 1 finished', 'target 2 finished'],
    ]);
    expect(operationOf(simulation, DOMAIN, 2).children).toContain(
      operationOf(simulation, TARGET, 2).id,
    );
    expect(simulation.left(TARGET)).toEqual({});
    simulation.expectOthersUntouched();
  });
});
