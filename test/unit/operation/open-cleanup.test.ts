import type { Cause } from '../../../events/account.ts';
import { ProjectId } from '../../../events/ids.ts';
import type { Operation } from '../../../lib/operation/model.ts';
import { type OpenCleanupInput, openCleanup } from '../../../lib/operation/open-cleanup.ts';

const cause = (messageId: string): Cause => ({
  messageId,
  digest: messageId,
  eventType: 'identity.project.deleted',
  at: 1000,
});

const input: OpenCleanupInput = {
  scope: { type: 'project', id: ProjectId.parse('p1') },
  cause: cause('second'),
  cleanups: [],
  mode: 'enforce',
  now: 2000,
  gracePeriodMillis: 60_000,
  protectedBecause: undefined,
};

/** The operation of the first deletion, with these fields. */
function earlierCleanup(fields: Partial<Operation> = {}, more: Partial<OpenCleanupInput> = {}) {
  const opened = openCleanup({ ...input, cause: cause('first'), now: 1000, ...more })?.operation;
  if (!opened) throw new Error('no operation opened');
  return { ...opened, ...fields };
}

const heldForListing = () => earlierCleanup({}, { listingProblem: 'too many are missing' });

/** The result of a second deletion of the account. */
const afterSecond = (cleanup: Operation, more: Partial<OpenCleanupInput> = {}) =>
  openCleanup({ ...input, cleanups: [cleanup], ...more });

describe('a second deletion of an account', () => {
  it('continues an operation that was held because the lists of Keystone may be wrong', () => {
    const held = heldForListing();
    expect(held.state).toBe('held');
    expect(afterSecond(held)?.operation).toMatchObject({
      id: held.id,
      state: 'confirming',
      hold: undefined,
      confirmation: held.confirmation + 1,
      notBefore: 62_000,
    });
  });

  it.each([{ listingProblem: 'the list is short again' }, { protectedBecause: 'by a setting' }])(
    'does not continue the held operation with %j',
    (more) => {
      expect(afterSecond(heldForListing(), more)).toBeUndefined();
    },
  );

  it('is ignored if only the lists report it while the cleanup runs', () => {
    const deletion = { announcedAt: 1500, seenAliveAt: 1600 };
    const running = earlierCleanup({ state: 'running', startedAt: 1100 });
    const more = { deletionTimes: deletion, listingProblem: 'too many are missing' };
    expect(afterSecond(running, more)).toBeUndefined();
    expect(afterSecond(running, { deletionTimes: deletion })?.operation.nextDeletion).toEqual(
      cause('second'),
    );
  });

  it('is not recorded twice', () => {
    const deletion = { announcedAt: 1500, seenAliveAt: undefined };
    const running = earlierCleanup({
      state: 'running',
      startedAt: 1100,
      nextDeletion: cause('second'),
    });
    expect(afterSecond(running, { deletionTimes: deletion })).toBeUndefined();
  });

  it('lets Keystone confirm a refused cleanup again, unless the account is protected', () => {
    const refused = earlierCleanup({ state: 'refused', endedAt: 1500 });
    expect(afterSecond(refused)?.operation).toMatchObject({ id: refused.id, state: 'confirming' });
    expect(afterSecond(refused, { protectedBecause: 'by a setting' })).toBeUndefined();
    expect(
      afterSecond(refused, { listingProblem: 'too many are missing' })?.operation,
    ).toMatchObject({ id: refused.id, state: 'held', hold: { about: 'listing' } });
  });

  it('opens a new cleanup after a refused request', () => {
    const request = { by: 'ann', reason: 'test', at: 1000, enabled: false };
    const refused = earlierCleanup({ state: 'refused', endedAt: 1500, request });
    expect(afterSecond(refused)?.operation).toMatchObject({ generation: 2, state: 'confirming' });
  });

  it.each(['observed', 'refused', 'canceled'] as const)(
    'is new after a request that ended %s, because the project was not deleted then',
    (state) => {
      const request = { by: 'ann', reason: 'test', at: 1000, enabled: false };
      const ended = earlierCleanup({ state, startedAt: 1100, endedAt: 1500, request });
      const deletion = { announcedAt: 1400, seenAliveAt: undefined };
      const more = { deletionTimes: deletion, mode: 'observe' } as const;
      expect(afterSecond(ended, more)?.operation.generation).toBe(2);
      // The project was deleted at the end of a finished request, and Keystone announced that.
      expect(afterSecond({ ...ended, state: 'finished' }, more)).toBeUndefined();
    },
  );

  it('opens a new cleanup after an observed one only in mode enforce', () => {
    const observed = earlierCleanup({ state: 'observed', endedAt: 1500 });
    expect(afterSecond(observed)?.operation.generation).toBe(2);
    expect(afterSecond(observed, { mode: 'observe' })).toBeUndefined();
  });

  it('has no effect if it is the same message', () => {
    const finished = earlierCleanup({ state: 'finished', endedAt: 1500 });
    const deletion = { announcedAt: 1600, seenAliveAt: undefined };
    expect(afterSecond(finished, { deletionTimes: deletion })?.operation.generation).toBe(2);
    expect(
      afterSecond(finished, { deletionTimes: deletion, cause: cause('first') }),
    ).toBeUndefined();
  });
});
