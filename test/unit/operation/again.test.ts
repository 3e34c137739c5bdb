import type { AccountEvent } from '../../../events/account.ts';
import { openCleanup } from '../../../lib/operation/open.ts';
import {
  CONTROL,
  EVERY_CLASS,
  GONE_USER,
  LivingWorld,
  TARGET,
} from '../../property/stateful-world.ts';

const CLASS_A = EVERY_CLASS.filter(({ name }) => name === 'compute' || name === 'network');

/** A notification about the deletion of the target, at the time of the clock of the world. */
function announce(
  world: LivingWorld,
  {
    messageId = `m-${world.engine.time}`,
    digest = 'one',
    at = world.engine.time,
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
  return world.engine.commit({ messages: [message] });
}
/** Records in the inventory that the target exists now. */
const seenAlive = (world: LivingWorld) =>
  world.engine.commit({
    accounts: [
      {
        account: { type: 'project', id: TARGET },
        seenAt: world.engine.time,
        deletedAt: undefined,
        members: undefined,
      },
    ],
  });
const restore = (world: LivingWorld) =>
  world.cloud.projects.set(TARGET, { name: 'shop', enabled: true });
const states = (world: LivingWorld) =>
  [...world.engine.operations.values()].map(({ generation, state }) => `${generation} ${state}`);

async function cleaned(): Promise<LivingWorld> {
  const world = new LivingWorld(CLASS_A);
  world.cloud.delete(TARGET);
  await announce(world, { messageId: 'first' });
  await world.settle();
  expect(states(world)).toEqual(['1 finished']);
  expect(world.left()).toEqual({});
  world.engine.time += 3_600_000;
  return world;
}

describe('a project id that is deleted again', () => {
  it('is cleaned up again, and the control project is untouched', async () => {
    const world = await cleaned();
    restore(world);
    world.cloud.make('compute.server', TARGET);
    world.engine.time += 1000;
    world.cloud.delete(TARGET);
    await announce(world, { messageId: 'second' });
    await world.settle();
    expect(states(world)).toEqual(['1 finished', '2 finished']);
    expect(world.left()).toEqual({});
    world.expectOthersUntouched();
  });

  it('is cleaned up again, although the clock of Keystone is slow, if the inventory recorded it as existing', async () => {
    const world = await cleaned();
    world.cloud.make('compute.server', TARGET);
    await seenAlive(world);
    world.engine.time += 1000;
    await announce(world, { messageId: 'second', at: 0 });
    await world.settle();
    expect(states(world)).toEqual(['1 finished', '2 finished']);
    expect(world.left()).toEqual({});
  });

  it('is distinguished from the first deletion by the content of the message, not only by its id', async () => {
    const world = await cleaned();
    world.cloud.make('compute.server', TARGET);
    await announce(world, { messageId: 'first', digest: 'another content' });
    await world.settle();
    expect(states(world)).toEqual(['1 finished', '2 finished']);
  });

  it('during the first cleanup is cleaned up when the first cleanup has ended', async () => {
    const world = new LivingWorld(CLASS_A);
    world.cloud.delete(TARGET);
    await announce(world, { messageId: 'first' });
    await world.until(() => world.state === 'running');
    world.engine.time += 1000;
    await announce(world, { messageId: 'second' });
    await announce(world, { messageId: 'second' });
    // A new resource of a type that the first cleanup has verified as empty.
    await world.until(() => world.taskOf('compute')?.state === 'finished');
    world.cloud.make('compute.server', TARGET);
    await world.settle();
    expect(states(world)).toEqual(['1 finished', '2 finished']);
    expect(world.left()).toEqual({});
    world.expectOthersUntouched();
  });
});

describe('a second notification of the same deletion', () => {
  it.each([
    ['the same message again', { messageId: 'first', at: 1_000_000_000 }],
    ['another message from before the cleanup began', { messageId: 'late', at: 1_000_000_000 }],
  ])('opens no operation: %s', async (_, again) => {
    const world = await cleaned();
    await announce(world, again);
    await world.settle();
    expect(states(world)).toEqual(['1 finished']);
  });

  it('opens no operation while the deletion is being confirmed', async () => {
    const world = new LivingWorld(CLASS_A);
    world.cloud.delete(TARGET);
    await announce(world, { messageId: 'first' });
    world.engine.time += 500;
    await announce(world, { messageId: 'second' });
    await world.settle();
    expect(states(world)).toEqual(['1 finished']);
  });

  it('opens no operation after the propagator itself has deleted the project', async () => {
    const world = new LivingWorld(CLASS_A);
    await world.ask();
    await world.settle();
    expect(states(world)).toEqual(['1 finished']);
    await announce(world, { messageId: 'our own deletion' });
    await world.settle();
    expect(states(world)).toEqual(['1 finished']);
    world.engine.time += 3_600_000;
    await announce(world, { messageId: 'restored, and deleted again' });
    await world.settle();
    expect(states(world)).toEqual(['1 finished', '2 finished']);
  });
});

describe('an operation that ended', () => {
  const rerun = (world: LivingWorld, wish: object = {}, { id } = world.operation) =>
    world.call('POST', `/v1/operations/${id}/rerun`, { reason: 'stragglers', ...wish });
  const view = async (world: LivingWorld) =>
    (await world.call('GET', `/v1/operations/${world.operation.id}`)).body;

  it('as finished can run again, and reports the resources created since', async () => {
    const world = await cleaned();
    const first = world.operation;
    world.cloud.make('compute.server', TARGET);
    const answer = await rerun(world);
    expect(answer).toMatchObject({ status: 202, body: { opened: world.operation.id } });
    await world.settle();
    expect(states(world)).toEqual(['1 finished', '2 finished']);
    expect(world.left()).toEqual({});
    expect(await view(world)).toMatchObject({
      operation: { rerun: { of: first.id, by: 'ann', reason: 'stragglers' } },
      foundAgain: [{ resourceType: 'compute.server', found: 1, leftBefore: 0 }],
    });
    world.expectOthersUntouched();
  });

  it('can run again for a service that is new in the catalog', async () => {
    const world = await cleaned();
    world.services.push(
      ...new LivingWorld([{ name: 'share', resourceTypes: { share: 'A' } }]).services,
    );
    world.cloud.moreTypes.push('share');
    await rerun(world);
    await world.settle();
    expect(await view(world)).toMatchObject({
      foundAgain: [{ resourceType: 'share.share', found: 2 }],
    });
  });

  it('can run again many times, each time as a new generation', async () => {
    const world = await cleaned();
    for (let n = 0; n < 3; n += 1) {
      expect(await rerun(world)).toMatchObject({ status: 202 });
      await world.settle();
    }
    expect(states(world)).toEqual(['1 finished', '2 finished', '3 finished', '4 finished']);
    expect(await view(world)).toMatchObject({ foundAgain: [] });
  });

  it('removes nothing if it runs again while Keystone shows the project', async () => {
    const world = await cleaned();
    restore(world);
    world.cloud.make('compute.server', TARGET);
    await rerun(world);
    await world.settle();
    expect(states(world)).toEqual(['1 finished', '2 refused']);
    expect(world.left()).toEqual({ 'compute.server': 1 });
  });

  it('as refused does not hide a later deletion', async () => {
    const world = new LivingWorld(CLASS_A);
    await announce(world, { messageId: 'forged' });
    await world.settle();
    expect(states(world)).toEqual(['1 refused']);
    world.cloud.delete(TARGET);
    const { operation } = world;
    await announce(world, { messageId: 'true' });
    await world.settle();
    expect(states(world)).toEqual(['1 finished']);
    expect(operation.id).toBe(world.operation.id);
    expect(world.left()).toEqual({});
  });

  it('as observed can run again in mode enforce', async () => {
    const world = new LivingWorld(CLASS_A);
    world.mode = 'observe';
    world.cloud.delete(TARGET);
    await announce(world);
    await world.settle();
    world.mode = 'enforce';
    await rerun(world);
    await world.settle();
    expect(states(world)).toEqual(['1 observed', '2 finished']);
  });

  it('as unverified can run again', async () => {
    const world = new LivingWorld(EVERY_CLASS);
    world.cloud.delete(TARGET);
    await announce(world);
    await world.settle();
    expect(states(world)).toEqual(['1 unverified']);
    expect(await rerun(world)).toMatchObject({ status: 202 });
    await world.settle();
    expect(states(world)).toEqual(['1 unverified', '2 unverified']);
  });

  it('and was requested can run again after the deletion of the project', async () => {
    const world = new LivingWorld(EVERY_CLASS);
    await world.ask();
    await world.settle();
    world.cloud.make('compute.server', TARGET);
    expect(await rerun(world)).toMatchObject({ status: 202 });
    await world.settle();
    expect(world.state).not.toBe('confirming');
    expect(world.left()).toEqual({});
  });

  it('and was requested can run again for an existing project, if the request has its name', async () => {
    const world = new LivingWorld(EVERY_CLASS);
    world.mode = 'observe';
    await world.ask();
    await world.settle();
    world.mode = 'enforce';
    expect(await rerun(world)).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining('say its name') } },
    });
    expect(await rerun(world, { name: 'shop' })).toMatchObject({ status: 202 });
    await world.settle();
    expect(states(world)).toEqual(['1 observed', '2 finished']);
    expect(world.cloud.projects.has(TARGET)).toBe(false);
    expect(world.cloud.projects.has(CONTROL)).toBe(true);
  });

  it('cannot run again while an operation on the account has not ended; the answer names it', async () => {
    const world = new LivingWorld(CLASS_A);
    world.cloud.delete(TARGET);
    await announce(world);
    await world.until(() => world.state === 'running');
    const first = world.operation;
    expect(await rerun(world)).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringMatching(/has not ended: it is running/) } },
    });
    await world.settle();
    await rerun(world);
    expect(await rerun(world, {}, first)).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining(`${world.operation.id} is confirming`) } },
    });
    expect(
      (await world.call('POST', '/v1/operations/op-000000000000/rerun', { reason: 'x' })).status,
    ).toBe(404);
  });

  it('of a user can run again', async () => {
    const world = new LivingWorld([{ name: 'keys', userResourceTypes: ['pair'] }]);
    world.cloud.users.delete(GONE_USER);
    await world.engine.commit({
      messages: [
        {
          type: 'account.user.deleted',
          data: {
            account: { type: 'user', id: GONE_USER },
            cause: { messageId: 'm', eventType: 'identity.user.deleted', at: 0 },
          },
        } as AccountEvent,
      ],
    });
    await world.settle();
    world.cloud.make('keys.pair', GONE_USER);
    await rerun(world);
    await world.settle();
    expect(states(world)).toEqual(['1 finished', '2 finished']);
    expect(world.left(GONE_USER)).toEqual({});
    world.expectOthersUntouched();
  });
});

describe('a notification about a project that Keystone shows', () => {
  it('does not block a requested cleanup', async () => {
    const world = new LivingWorld(EVERY_CLASS);
    await announce(world, { messageId: 'forged' });
    await world.until(() => world.state === 'confirming' && world.operation.hold !== undefined);
    expect(await world.ask()).toMatchObject({ status: 202 });
    await world.settle();
    expect(states(world)).toEqual(['1 refused', '2 finished']);
    expect(world.left()).toEqual({});
    world.expectOthersUntouched();
  });

  it('blocks a requested cleanup once the removal has started', async () => {
    const world = new LivingWorld(CLASS_A);
    world.cloud.delete(TARGET);
    await announce(world);
    await world.until(() => world.state === 'running');
    restore(world);
    expect(await world.ask()).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining('is running') } },
    });
  });
});

it('a repeated message opens no second operation on a protected project', () => {
  const input = {
    scope: { type: 'project' as const, id: TARGET },
    cause: { messageId: 'm', eventType: 'e', at: 0 },
    mode: 'enforce' as const,
    now: 1,
    gracePeriodMillis: 0,
    protectedBecause: 'the settings protect it',
  };
  const first = openCleanup({ ...input, existing: [] });
  expect(first?.operation.state).toBe('refused');
  expect(openCleanup({ ...input, existing: first ? [first.operation] : [] })).toBeUndefined();
});
