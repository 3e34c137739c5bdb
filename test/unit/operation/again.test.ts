import type { AccountEvent } from '../../../events/account.ts';
import { UserId } from '../../../events/ids.ts';
import { openCleanup } from '../../../lib/operation/open-cleanup.ts';
import {
  CONTROL,
  DELETED_USER,
  EVERY_CLASS,
  StatefulSimulation,
  TARGET,
} from '../../property/stateful-simulation.ts';

const CLASS_A = EVERY_CLASS.filter(({ name }) => name === 'compute' || name === 'network');

/** A notification about the deletion of the target, at the time of the simulated clock. */
function announceDeletion(
  simulation: StatefulSimulation,
  {
    messageId = `m-${simulation.engine.time}`,
    digest = 'one',
    at = simulation.engine.time,
    type = 'project' as const,
  } = {},
): Promise<unknown> {
  const message = {
    type: `account.${type}.deleted`,
    data: {
      account: { type, id: TARGET },
      cause: { messageId, digest, eventType: `identity.${type}.deleted`, at },
    },
  } as AccountEvent;
  return simulation.engine.commit({ messages: [message] });
}
/** Records in the inventory that the target exists now. */
const recordAsExisting = (simulation: StatefulSimulation) =>
  simulation.engine.commit({
    accounts: [
      {
        account: { type: 'project', id: TARGET },
        seenAt: simulation.engine.time,
        deletedAt: undefined,
        members: undefined,
      },
    ],
  });
const restoreInKeystone = (simulation: StatefulSimulation) =>
  simulation.cloud.projects.set(TARGET, { name: 'shop', enabled: true });
const cleanupStates = (simulation: StatefulSimulation) =>
  [...simulation.engine.operations.values()].map(
    ({ generation, state }) => `${generation} ${state}`,
  );

async function simulationAfterCleanup(): Promise<StatefulSimulation> {
  const simulation = new StatefulSimulation(CLASS_A);
  simulation.cloud.delete(TARGET);
  await announceDeletion(simulation, { messageId: 'first' });
  await simulation.settle();
  expect(cleanupStates(simulation)).toEqual(['1 finished']);
  expect(simulation.left()).toEqual({});
  simulation.engine.time += 3_600_000;
  return simulation;
}

it('a deleted project has the members that the inventory learns of after the deletion', async () => {
  const simulation = new StatefulSimulation(CLASS_A);
  const record = (...members: string[]) =>
    simulation.engine.commit({
      accounts: [
        {
          account: { type: 'project', id: TARGET },
          seenAt: simulation.engine.time,
          deletedAt: undefined,
          members: members.map((id) => UserId.parse(id)),
        },
      ],
    });
  await record('u1');
  simulation.cloud.delete(TARGET);
  await announceDeletion(simulation, { messageId: 'first' });
  await simulation.until(() => simulation.engine.operations.size > 0);
  expect(simulation.operation.scope).toMatchObject({ members: ['u1'] });
  await record('u1', 'u2');
  await simulation.settle();
  expect(simulation.operation).toMatchObject({
    state: 'finished',
    scope: { members: ['u1', 'u2'] },
  });
});

describe('a project id that is deleted again', () => {
  it('is cleaned up again, and the control project is untouched', async () => {
    const simulation = await simulationAfterCleanup();
    restoreInKeystone(simulation);
    simulation.cloud.make('compute.server', TARGET);
    simulation.engine.time += 1000;
    simulation.cloud.delete(TARGET);
    await announceDeletion(simulation, { messageId: 'second' });
    await simulation.settle();
    expect(cleanupStates(simulation)).toEqual(['1 finished', '2 finished']);
    expect(simulation.left()).toEqual({});
    simulation.expectOthersUntouched();
  });

  it('is cleaned up again, although the clock of Keystone is slow, if the inventory recorded it as existing', async () => {
    const simulation = await simulationAfterCleanup();
    simulation.cloud.make('compute.server', TARGET);
    await recordAsExisting(simulation);
    simulation.engine.time += 1000;
    await announceDeletion(simulation, { messageId: 'second', at: 0 });
    await simulation.settle();
    expect(cleanupStates(simulation)).toEqual(['1 finished', '2 finished']);
    expect(simulation.left()).toEqual({});
  });

  it('is distinguished from the first deletion by the content of the message, not only by its id', async () => {
    const simulation = await simulationAfterCleanup();
    simulation.cloud.make('compute.server', TARGET);
    await announceDeletion(simulation, { messageId: 'first', digest: 'another content' });
    await simulation.settle();
    expect(cleanupStates(simulation)).toEqual(['1 finished', '2 finished']);
  });

  it('is cleaned up after the first cleanup has ended, if it was deleted again during that cleanup', async () => {
    const simulation = new StatefulSimulation(CLASS_A);
    simulation.cloud.delete(TARGET);
    await announceDeletion(simulation, { messageId: 'first' });
    await simulation.until(() => simulation.state === 'running');
    simulation.engine.time += 1000;
    await announceDeletion(simulation, { messageId: 'second' });
    await announceDeletion(simulation, { messageId: 'second' });
    // A new resource of a type that the first cleanup has verified as empty.
    await simulation.until(() => simulation.taskOf('compute')?.state === 'finished');
    simulation.cloud.make('compute.server', TARGET);
    await simulation.settle();
    expect(cleanupStates(simulation)).toEqual(['1 finished', '2 finished']);
    expect(simulation.left()).toEqual({});
    simulation.expectOthersUntouched();
  });
});

describe('a second notification of the same deletion', () => {
  it.each([
    ['the same message again', { messageId: 'first', at: 1_000_000_000 }],
    ['another message from before the cleanup began', { messageId: 'late', at: 1_000_000_000 }],
  ])('opens no operation: %s', async (_, again) => {
    const simulation = await simulationAfterCleanup();
    await announceDeletion(simulation, again);
    await simulation.settle();
    expect(cleanupStates(simulation)).toEqual(['1 finished']);
  });

  it('opens no operation while the deletion is being confirmed', async () => {
    const simulation = new StatefulSimulation(CLASS_A);
    simulation.cloud.delete(TARGET);
    await announceDeletion(simulation, { messageId: 'first' });
    simulation.engine.time += 500;
    await announceDeletion(simulation, { messageId: 'second' });
    await simulation.settle();
    expect(cleanupStates(simulation)).toEqual(['1 finished']);
  });

  it('opens no operation after the propagator itself has deleted the project', async () => {
    const simulation = new StatefulSimulation(CLASS_A);
    await simulation.ask();
    await simulation.settle();
    expect(cleanupStates(simulation)).toEqual(['1 finished']);
    await announceDeletion(simulation, { messageId: 'our own deletion' });
    await simulation.settle();
    expect(cleanupStates(simulation)).toEqual(['1 finished']);
    simulation.engine.time += 3_600_000;
    await announceDeletion(simulation, { messageId: 'restored, and deleted again' });
    await simulation.settle();
    expect(cleanupStates(simulation)).toEqual(['1 finished', '2 finished']);
  });
});

describe('an operation that ended', () => {
  const rerun = (
    simulation: StatefulSimulation,
    wish: object = {},
    { id } = simulation.operation,
  ) => simulation.call('POST', `/v1/operations/${id}/rerun`, { reason: 'stragglers', ...wish });
  const view = async (simulation: StatefulSimulation) =>
    (await simulation.call('GET', `/v1/operations/${simulation.operation.id}`)).body;

  it('can run again after it finished, and reports the resources created since', async () => {
    const simulation = await simulationAfterCleanup();
    const first = simulation.operation;
    simulation.cloud.make('compute.server', TARGET);
    const answer = await rerun(simulation);
    expect(answer).toMatchObject({ status: 202, body: { opened: simulation.operation.id } });
    await simulation.settle();
    expect(cleanupStates(simulation)).toEqual(['1 finished', '2 finished']);
    expect(simulation.left()).toEqual({});
    expect(await view(simulation)).toMatchObject({
      operation: { rerun: { of: first.id, by: 'ann', reason: 'stragglers' } },
      foundAgain: [{ resourceType: 'compute.server', found: 1, leftBefore: 0 }],
    });
    simulation.expectOthersUntouched();
  });

  it('can run again for a service that is new in the catalog', async () => {
    const simulation = await simulationAfterCleanup();
    simulation.services.push(
      ...new StatefulSimulation([{ name: 'share', resourceTypes: { share: 'A' } }]).services,
    );
    simulation.cloud.moreTypes.push('share');
    await rerun(simulation);
    await simulation.settle();
    expect(await view(simulation)).toMatchObject({
      foundAgain: [{ resourceType: 'share.share', found: 2 }],
    });
  });

  it('can run again many times, each time as a new generation', async () => {
    const simulation = await simulationAfterCleanup();
    for (let n = 0; n < 3; n += 1) {
      expect(await rerun(simulation)).toMatchObject({ status: 202 });
      await simulation.settle();
    }
    expect(cleanupStates(simulation)).toEqual([
      '1 finished',
      '2 finished',
      '3 finished',
      '4 finished',
    ]);
    expect(await view(simulation)).toMatchObject({ foundAgain: [] });
  });

  it('removes nothing if it runs again while Keystone shows the project', async () => {
    const simulation = await simulationAfterCleanup();
    restoreInKeystone(simulation);
    simulation.cloud.make('compute.server', TARGET);
    await rerun(simulation);
    await simulation.settle();
    expect(cleanupStates(simulation)).toEqual(['1 finished', '2 refused']);
    expect(simulation.left()).toEqual({ 'compute.server': 1 });
  });

  it('does not prevent the cleanup after a later deletion if it was refused', async () => {
    const simulation = new StatefulSimulation(CLASS_A);
    await announceDeletion(simulation, { messageId: 'forged' });
    await simulation.settle();
    expect(cleanupStates(simulation)).toEqual(['1 refused']);
    simulation.cloud.delete(TARGET);
    const { operation } = simulation;
    await announceDeletion(simulation, { messageId: 'true' });
    await simulation.settle();
    expect(cleanupStates(simulation)).toEqual(['1 finished']);
    expect(operation.id).toBe(simulation.operation.id);
    expect(simulation.left()).toEqual({});
  });

  it('can run again in mode enforce after it was observed', async () => {
    const simulation = new StatefulSimulation(CLASS_A);
    simulation.mode = 'observe';
    simulation.cloud.delete(TARGET);
    await announceDeletion(simulation);
    await simulation.settle();
    simulation.mode = 'enforce';
    await rerun(simulation);
    await simulation.settle();
    expect(cleanupStates(simulation)).toEqual(['1 observed', '2 finished']);
  });

  it('can run again after it ended as unverified', async () => {
    const simulation = new StatefulSimulation(EVERY_CLASS);
    simulation.cloud.delete(TARGET);
    await announceDeletion(simulation);
    await simulation.settle();
    expect(cleanupStates(simulation)).toEqual(['1 unverified']);
    expect(await rerun(simulation)).toMatchObject({ status: 202 });
    await simulation.settle();
    expect(cleanupStates(simulation)).toEqual(['1 unverified', '2 unverified']);
  });

  it('can run again after the deletion of the project, if it was requested', async () => {
    const simulation = new StatefulSimulation(EVERY_CLASS);
    await simulation.ask();
    await simulation.settle();
    simulation.cloud.make('compute.server', TARGET);
    expect(await rerun(simulation)).toMatchObject({ status: 202 });
    await simulation.settle();
    expect(simulation.state).not.toBe('confirming');
    expect(simulation.left()).toEqual({});
  });

  it('can run again for an existing project if it was requested and the request has its name', async () => {
    const simulation = new StatefulSimulation(EVERY_CLASS);
    simulation.mode = 'observe';
    await simulation.ask();
    await simulation.settle();
    simulation.mode = 'enforce';
    expect(await rerun(simulation)).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining('confirm it with its name') } },
    });
    expect(await rerun(simulation, { name: 'shop' })).toMatchObject({ status: 202 });
    await simulation.settle();
    expect(cleanupStates(simulation)).toEqual(['1 observed', '2 finished']);
    expect(simulation.cloud.projects.has(TARGET)).toBe(false);
    expect(simulation.cloud.projects.has(CONTROL)).toBe(true);
  });

  it('cannot run again while an operation on the account has not ended; the answer names it', async () => {
    const simulation = new StatefulSimulation(CLASS_A);
    simulation.cloud.delete(TARGET);
    await announceDeletion(simulation);
    await simulation.until(() => simulation.state === 'running');
    const first = simulation.operation;
    expect(await rerun(simulation)).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringMatching(/has not ended: it is running/) } },
    });
    await simulation.settle();
    await rerun(simulation);
    expect(await rerun(simulation, {}, first)).toMatchObject({
      status: 409,
      body: {
        error: { message: expect.stringContaining(`${simulation.operation.id} is confirming`) },
      },
    });
    expect(
      (await simulation.call('POST', '/v1/operations/op-000000000000/rerun', { reason: 'x' }))
        .status,
    ).toBe(404);
  });

  it('can run again for a user', async () => {
    const simulation = new StatefulSimulation([{ name: 'keys', userResourceTypes: ['pair'] }]);
    simulation.cloud.users.delete(DELETED_USER);
    await simulation.engine.commit({
      messages: [
        {
          type: 'account.user.deleted',
          data: {
            account: { type: 'user', id: DELETED_USER },
            cause: { messageId: 'm', eventType: 'identity.user.deleted', at: 0 },
          },
        } as AccountEvent,
      ],
    });
    await simulation.settle();
    simulation.cloud.make('keys.pair', DELETED_USER);
    await rerun(simulation);
    await simulation.settle();
    expect(cleanupStates(simulation)).toEqual(['1 finished', '2 finished']);
    expect(simulation.left(DELETED_USER)).toEqual({});
    simulation.expectOthersUntouched();
  });
});

describe('a notification about a project that Keystone shows', () => {
  it('does not block a requested cleanup', async () => {
    const simulation = new StatefulSimulation(EVERY_CLASS);
    await announceDeletion(simulation, { messageId: 'forged' });
    await simulation.until(
      () => simulation.state === 'confirming' && simulation.operation.hold !== undefined,
    );
    expect(await simulation.ask()).toMatchObject({ status: 202 });
    await simulation.settle();
    expect(cleanupStates(simulation)).toEqual(['1 refused', '2 finished']);
    expect(simulation.left()).toEqual({});
    simulation.expectOthersUntouched();
  });

  it('blocks a requested cleanup once the removal has started', async () => {
    const simulation = new StatefulSimulation(CLASS_A);
    simulation.cloud.delete(TARGET);
    await announceDeletion(simulation);
    await simulation.until(() => simulation.state === 'running');
    restoreInKeystone(simulation);
    expect(await simulation.ask()).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining('is running') } },
    });
  });
});

it('opens no second operation on a protected project if its message is repeated', () => {
  const input = {
    scope: { type: 'project' as const, id: TARGET },
    cause: { messageId: 'm', eventType: 'e', at: 0 },
    mode: 'enforce' as const,
    now: 1,
    gracePeriodMillis: 0,
    protectedBecause: 'the settings protect it',
  };
  const first = openCleanup({ ...input, cleanups: [] });
  expect(first?.operation.state).toBe('refused');
  expect(openCleanup({ ...input, cleanups: first ? [first.operation] : [] })).toBeUndefined();
});
