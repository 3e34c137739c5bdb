import { foldId, ProjectId } from '../../../events/ids.ts';
import { EVERY_CLASS, LivingWorld } from '../../property/stateful-world.ts';

const CLASS_A = EVERY_CLASS.filter(({ name }) => name === 'compute' || name === 'network');

/** `living` is in Keystone; the deletion of `id` is announced, and what both own is seeded. */
async function deleted(id: string, living: string, isKnown: boolean): Promise<LivingWorld> {
  const world = new LivingWorld(CLASS_A);
  world.cloud.projects.set(living, { name: 'living', enabled: true });
  for (const owner of [id, living]) world.cloud.make('compute.server', owner);
  if (isKnown)
    await world.engine.commit({
      accounts: [
        {
          account: { type: 'project', id: ProjectId.parse(living) },
          seenAt: 1,
          deletedAt: undefined,
          members: undefined,
        },
      ],
    });
  await world.engine.commit({
    messages: [
      {
        type: 'account.project.deleted',
        data: {
          account: { type: 'project', id: ProjectId.parse(id) },
          cause: { messageId: 'm', eventType: 'identity.project.deleted', at: 0 },
        },
      },
    ],
  });
  await world.settle();
  return world;
}

describe('a deleted project whose id a database may take for that of a living one', () => {
  it.each([
    ['capital letters', 'ABCDEF', 'abcdef', false],
    ['small letters', 'abcdef', 'ABCDEF', false],
    ['mixed letters, known to the inventory', 'abcdef', 'aBcDeF', true],
    ['a space at the end, known to the inventory', 'abcdef', 'abcdef ', true],
    ['a space at the end of the deleted one', 'abcdef ', 'abcdef', false],
    ['an accent, known to the inventory', 'resume', 'résumé', true],
  ])('is refused with the reason, and nothing is removed: %s', async (_, id, living, isKnown) => {
    const world = await deleted(id, living, isKnown);
    expect(world.operation).toMatchObject({
      state: 'refused',
      hold: { reason: expect.stringContaining(`(${living})`) },
    });
    expect(world.left(id)).toEqual({ 'compute.server': 1 });
    expect(world.left(living)).toEqual({ 'compute.server': 1 });
    expect(world.engine.tasks.size).toBe(0);
  });

  it.each([
    ['the other one begins with it', 'abc', 'abcdef'],
    ['it begins with the other one', 'abcdef', 'abc'],
    ['one is the other in a URL', 'a/b', 'a%2Fb'],
  ])('is cleaned up where the ids differ: %s', async (_, id, living) => {
    const world = await deleted(id, living, true);
    expect(world.state).toBe('finished');
    expect(world.left(id)).toEqual({});
    expect(world.left(living)).toEqual({ 'compute.server': 1 });
  });

  it('is cleaned up once the other one is gone as well', async () => {
    const world = await deleted('ABCDEF', 'abcdef', true);
    world.cloud.delete('abcdef');
    await world.call('POST', `/v1/operations/${world.operation.id}/rerun`, { reason: 'gone' });
    await world.settle();
    expect(world.state).toBe('finished');
    expect(world.left('ABCDEF')).toEqual({});
  });
});

it.each([
  ['ABC', 'abc'],
  ['abc  ', 'abc'],
  ['É', 'e'],
  ['4F0A', '4f0a'],
  ['İ', 'i'],
])('%s and %s fold to the same', (one, other) => {
  expect(foldId(one)).toBe(foldId(other));
});
