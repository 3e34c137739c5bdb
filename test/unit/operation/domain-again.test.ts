import type { AccountEvent } from '../../../events/account.ts';
import { DomainId, ProjectId } from '../../../events/ids.ts';
import type { Operation } from '../../../lib/operation/model.ts';
import { CONTROL, EVERY_CLASS, LivingWorld, TARGET } from '../../property/stateful-world.ts';

const CLASS_A = EVERY_CLASS.filter(({ name }) => name === 'compute' || name === 'network');
const DOMAIN = DomainId.parse('d1');
const SECOND = ProjectId.parse('second');

/** A deleted domain with two projects. The control project is in another domain. */
async function deletedDomain(): Promise<LivingWorld> {
  const world = new LivingWorld(CLASS_A);
  const seen = { seenAt: world.engine.time, deletedAt: undefined, members: undefined };
  const project = (id: ProjectId, domainId: DomainId) => ({
    account: { type: 'project' as const, id, domainId },
    ...seen,
  });
  await world.engine.commit({
    accounts: [
      { account: { type: 'domain', id: DOMAIN }, ...seen },
      project(TARGET, DOMAIN),
      project(SECOND, DOMAIN),
      project(CONTROL, DomainId.parse('other')),
    ],
  });
  world.cloud.make('compute.server', SECOND);
  world.cloud.delete(TARGET);
  world.engine.time += 1000;
  const event: AccountEvent = {
    type: 'account.domain.deleted',
    data: {
      account: { type: 'domain', id: DOMAIN },
      cause: { messageId: 'm', eventType: 'identity.domain.deleted', at: world.engine.time },
    },
  };
  await world.engine.commit({ messages: [event] });
  await world.settle();
  expect(states(world)).toEqual(['d1 1 finished', 'second 1 finished', 'target 1 finished']);
  world.engine.time += 3_600_000;
  return world;
}

const states = (world: LivingWorld): string[] =>
  [...world.engine.operations.values()]
    .map(({ scope, generation, state }) => `${scope.id} ${generation} ${state}`)
    .toSorted();

function operationOf(world: LivingWorld, id: string, generation: number): Operation {
  const found = [...world.engine.operations.values()].find(
    (one) => one.scope.id === id && one.generation === generation,
  );
  if (!found) throw new Error(`no operation ${generation} of ${id}`);
  return found;
}

const rerun = (world: LivingWorld, { id } = operationOf(world, DOMAIN, 1)) =>
  world.call('POST', `/v1/operations/${id}/rerun`, { reason: 'stragglers' });

describe('the operation of a domain that is run again', () => {
  it('runs each of its projects again, removes resources created since, and leaves the control project unchanged', async () => {
    const world = await deletedDomain();
    world.cloud.make('compute.server', TARGET);
    world.cloud.make('network.port', SECOND);
    expect(await rerun(world)).toMatchObject({
      status: 202,
      body: { opened: operationOf(world, DOMAIN, 2).id },
    });
    await world.settle();
    expect(states(world)).toEqual([
      ...['d1 1 finished', 'd1 2 finished', 'second 1 finished', 'second 2 finished'],
      ...['target 1 finished', 'target 2 finished'],
    ]);
    expect(world.left(TARGET)).toEqual({});
    expect(world.left(SECOND)).toEqual({});
    for (const project of [TARGET, SECOND]) {
      const child = operationOf(world, project, 2);
      expect(child).toMatchObject({
        parentId: operationOf(world, DOMAIN, 2).id,
        rerun: { of: operationOf(world, project, 1).id, by: 'ann', reason: 'stragglers' },
      });
      expect((await world.call('GET', `/v1/operations/${child.id}`)).body).toMatchObject({
        foundAgain: [{ found: 1, leftBefore: 0 }],
      });
    }
    expect([...operationOf(world, DOMAIN, 2).children].toSorted()).toEqual(
      [TARGET, SECOND].map((project) => operationOf(world, project, 2).id).toSorted(),
    );
    world.expectOthersUntouched();
  });

  it('removes nothing from a project that exists again, and does not end as finished', async () => {
    const world = await deletedDomain();
    world.cloud.projects.set(TARGET, { name: 'shop', enabled: true });
    world.cloud.make('compute.server', TARGET);
    world.cloud.make('compute.server', SECOND);
    await rerun(world);
    await world.settle();
    expect(states(world)).toEqual([
      ...['d1 1 finished', 'd1 2 unverified', 'second 1 finished', 'second 2 finished'],
      ...['target 1 finished', 'target 2 refused'],
    ]);
    expect(world.left(TARGET)).toEqual({ 'compute.server': 1 });
    expect(world.left(SECOND)).toEqual({});
    world.expectOthersUntouched();
  });

  it('reuses the open rerun of a project, and opens no second one', async () => {
    const world = await deletedDomain();
    world.cloud.make('compute.server', TARGET);
    await rerun(world, operationOf(world, TARGET, 1));
    await rerun(world);
    await world.settle();
    expect(states(world)).toEqual([
      ...['d1 1 finished', 'd1 2 finished', 'second 1 finished', 'second 2 finished'],
      ...['target 1 finished', 'target 2 finished'],
    ]);
    expect(operationOf(world, DOMAIN, 2).children).toContain(operationOf(world, TARGET, 2).id);
    expect(world.left(TARGET)).toEqual({});
    world.expectOthersUntouched();
  });
});
