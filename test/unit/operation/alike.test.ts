import type { AccountEvent } from '../../../events/account.ts';
import { areAlike, foldId, ProjectId } from '../../../events/ids.ts';
import { EVERY_CLASS, failure, LivingWorld, TARGET } from '../../property/stateful-world.ts';

const CLASS_A = EVERY_CLASS.filter(({ name }) => name === 'compute' || name === 'network');

const deletionOf = (id: ProjectId): AccountEvent => ({
  type: 'account.project.deleted',
  data: {
    account: { type: 'project', id },
    cause: { messageId: 'm', eventType: 'identity.project.deleted', at: 0 },
  },
});

/** Keystone has the project `living`, and the deletion of `id` is announced. Both own a server. */
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
  await world.engine.commit({ messages: [deletionOf(ProjectId.parse(id))] });
  await world.settle();
  return world;
}

describe('a deleted project whose id a database may treat as equal to the id of an existing project', () => {
  it.each([
    ['capital letters', 'ABCDEF', 'abcdef', false],
    ['small letters', 'abcdef', 'ABCDEF', false],
    ['upper and lower case, recorded in the inventory', 'abcdef', 'aBcDeF', true],
    ['a space at the end, recorded in the inventory', 'abcdef', 'abcdef ', true],
    ['a space at the end of the id of the deleted project', 'abcdef ', 'abcdef', false],
    ['an accent, recorded in the inventory', 'resume', 'résumé', true],
    ['an iota subscript, recorded in the inventory', 'η', 'ᾗ', true],
    ['a sharp s as one s, recorded in the inventory', 'gros', 'groß', true],
    ['a sharp s as two s, recorded in the inventory', 'gross', 'groß', true],
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
    ['the id of the existing project begins with the deleted id', 'abc', 'abcdef'],
    ['the deleted id begins with the id of the existing project', 'abcdef', 'abc'],
    ['one id is the URL encoding of the other', 'a/b', 'a%2Fb'],
    ['an iota subscript is not an iota', 'ᾗ', 'ἯΙ'],
    ['one has an s less, although both may equal a third id', 'gros', 'gross'],
  ])('is cleaned up if the ids differ: %s', async (_, id, living) => {
    const world = await deleted(id, living, true);
    expect(world.state).toBe('finished');
    expect(world.left(id)).toEqual({});
    expect(world.left(living)).toEqual({ 'compute.server': 1 });
  });

  it('is cleaned up after the other project is deleted as well', async () => {
    const world = await deleted('ABCDEF', 'abcdef', true);
    world.cloud.delete('abcdef');
    await world.call('POST', `/v1/operations/${world.operation.id}/rerun`, { reason: 'gone' });
    await world.settle();
    expect(world.state).toBe('finished');
    expect(world.left('ABCDEF')).toEqual({});
  });
});

describe('a deleted project that cannot be queried in Keystone', () => {
  async function unsupported(code: string) {
    const world = new LivingWorld(CLASS_A);
    const { keystone } = world.cloud.port;
    const { show } = keystone;
    Object.assign(keystone, { show: () => Promise.reject(failure('Unsupported', code)) });
    world.cloud.delete(TARGET);
    await world.engine.commit({ messages: [deletionOf(TARGET)] });
    await world.settle(20);
    return { world, mend: () => Object.assign(keystone, { show }) };
  }

  it('is refused if its id is the reason, and nothing is removed', async () => {
    const { world } = await unsupported('keystone.id.hidden');
    expect(world.state).toBe('refused');
    expect(world.left()).toEqual({ 'compute.server': 2, 'network.port': 2 });
  });

  it.each(['keystone.http.405', 'keystone.endpoint.invalid'])(
    'waits, and reports the reason, if an operator can correct it: %s',
    async (code) => {
      const { world, mend } = await unsupported(code);
      expect(world.operation).toMatchObject({ state: 'confirming', hold: expect.anything() });
      mend();
      await world.settle();
      expect(world.state).toBe('finished');
      expect(world.left()).toEqual({});
      world.expectOthersUntouched();
    },
  );
});

// Measured on MariaDB: utf8mb3_general_ci, utf8mb4_unicode_520_ci and utf8mb4_uca1400_ai_ci.
it.each([
  ['ABC', 'abc', true],
  ['abc  ', 'abc', true],
  ['É', 'e', true],
  ['4F0A', '4f0a', true],
  ['İ', 'i', true],
  ['ı', 'i', true],
  ['ᾗ', 'η', true],
  ['ᾗ', 'ἯΙ', false],
  ['ß', 's', true],
  ['ß', 'SS', true],
  ['s', 'ss', false],
  ['ﬁ', 'fi', true],
  ['ς', 'Σ', true],
  ['Ø', 'o', true],
  ['æ', 'AE', true],
  ['þ', 'th', false],
  [' ', '\t', true],
  [' ', '', false],
])('%s and %s are alike: %s', (one, other, alike) => {
  expect(areAlike(one, other)).toBe(alike);
  expect(areAlike(other, one)).toBe(alike);
  if (alike) expect(foldId(one)).toBe(foldId(other));
});

it('the key of an id is never empty, and that of small hexadecimal digits is the id', () => {
  expect(foldId('\u0301')).toBe(' ');
  expect(foldId('0123456789abcdef')).toBe('0123456789abcdef');
});
