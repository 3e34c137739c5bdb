import type { AccountEvent } from '../../../events/account.ts';
import { foldId, mayBeSameId, ProjectId } from '../../../events/ids.ts';
import {
  EVERY_CLASS,
  failure,
  StatefulSimulation,
  TARGET,
} from '../../property/stateful-simulation.ts';

const CLASS_A = EVERY_CLASS.filter(({ name }) => name === 'compute' || name === 'network');

const deletionOf = (id: ProjectId): AccountEvent => ({
  type: 'account.project.deleted',
  data: {
    account: { type: 'project', id },
    cause: { messageId: 'm', eventType: 'identity.project.deleted', at: 0 },
  },
});

/** Keystone has the project `living`, and the deletion of `id` is announced. Both own a server. */
async function simulateDeletion(
  id: string,
  living: string,
  isKnown: boolean,
): Promise<StatefulSimulation> {
  const simulation = new StatefulSimulation(CLASS_A);
  simulation.cloud.projects.set(living, { name: 'living', enabled: true });
  for (const owner of [id, living]) simulation.cloud.make('compute.server', owner);
  if (isKnown)
    await simulation.engine.commit({
      accounts: [
        {
          account: { type: 'project', id: ProjectId.parse(living) },
          seenAt: 1,
          deletedAt: undefined,
          members: undefined,
        },
      ],
    });
  await simulation.engine.commit({ messages: [deletionOf(ProjectId.parse(id))] });
  await simulation.settle();
  return simulation;
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
    const simulation = await simulateDeletion(id, living, isKnown);
    expect(simulation.operation).toMatchObject({
      state: 'refused',
      hold: { reason: expect.stringContaining(`(${living})`) },
    });
    expect(simulation.left(id)).toEqual({ 'compute.server': 1 });
    expect(simulation.left(living)).toEqual({ 'compute.server': 1 });
    expect(simulation.engine.tasks.size).toBe(0);
  });

  it.each([
    ['the id of the existing project begins with the deleted id', 'abc', 'abcdef'],
    ['the deleted id begins with the id of the existing project', 'abcdef', 'abc'],
    ['one id is the URL encoding of the other', 'a/b', 'a%2Fb'],
    ['an iota subscript is not an iota', 'ᾗ', 'ἯΙ'],
    ['one has an s less, although both may equal a third id', 'gros', 'gross'],
  ])('is cleaned up if the ids differ: %s', async (_, id, living) => {
    const simulation = await simulateDeletion(id, living, true);
    expect(simulation.state).toBe('finished');
    expect(simulation.left(id)).toEqual({});
    expect(simulation.left(living)).toEqual({ 'compute.server': 1 });
  });

  it('is cleaned up after the other project is deleted as well', async () => {
    const simulation = await simulateDeletion('ABCDEF', 'abcdef', true);
    simulation.cloud.delete('abcdef');
    await simulation.call('POST', `/v1/operations/${simulation.operation.id}/rerun`, {
      reason: 'gone',
    });
    await simulation.settle();
    expect(simulation.state).toBe('finished');
    expect(simulation.left('ABCDEF')).toEqual({});
  });
});

it('each confirmation asks Keystone about the id and a similar id at the same time', async () => {
  const simulation = new StatefulSimulation(CLASS_A);
  const { keystone } = simulation.cloud.port;
  const { show } = keystone;
  const asked: string[] = [];
  let [open, most] = [0, 0];
  Object.assign(keystone, {
    show: async (...about: Parameters<typeof show>) => {
      const { state } = simulation.operation;
      if (state === 'confirming') asked.push(about[1]);
      open += 1;
      most = Math.max(most, open);
      await new Promise((resolve) => setImmediate(resolve));
      open -= 1;
      return show(...about);
    },
  });
  simulation.cloud.delete(TARGET);
  await simulation.engine.commit({ messages: [deletionOf(TARGET)] });
  await simulation.settle();
  expect(simulation.state).toBe('finished');
  expect(most).toBe(2);
  expect(asked.toSorted()).toEqual([TARGET.toUpperCase(), TARGET.toUpperCase(), TARGET, TARGET]);
});

describe('a deleted project that cannot be queried in Keystone', () => {
  async function unsupported(code: string) {
    const simulation = new StatefulSimulation(CLASS_A);
    const { keystone } = simulation.cloud.port;
    const { show } = keystone;
    Object.assign(keystone, { show: () => Promise.reject(failure('Unsupported', code)) });
    simulation.cloud.delete(TARGET);
    await simulation.engine.commit({ messages: [deletionOf(TARGET)] });
    await simulation.settle(20);
    return { simulation, mend: () => Object.assign(keystone, { show }) };
  }

  it('is refused if its id is the reason, and nothing is removed', async () => {
    const { simulation } = await unsupported('keystone.id.hidden');
    expect(simulation.state).toBe('refused');
    expect(simulation.left()).toEqual({ 'compute.server': 2, 'network.port': 2 });
  });

  it.each(['keystone.http.405', 'keystone.endpoint.invalid'])(
    'waits, and reports the reason, if an operator can correct it: %s',
    async (code) => {
      const { simulation, mend } = await unsupported(code);
      expect(simulation.operation).toMatchObject({ state: 'confirming', hold: expect.anything() });
      mend();
      await simulation.settle();
      expect(simulation.state).toBe('finished');
      expect(simulation.left()).toEqual({});
      simulation.expectOthersUntouched();
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
  expect(mayBeSameId(one, other)).toBe(alike);
  expect(mayBeSameId(other, one)).toBe(alike);
  if (alike) expect(foldId(one)).toBe(foldId(other));
});

it('the key of an id is never empty; the key of an id of lowercase hexadecimal digits is the id', () => {
  expect(foldId('\u0301')).toBe(' ');
  expect(foldId('0123456789abcdef')).toBe('0123456789abcdef');
});
