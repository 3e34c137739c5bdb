import type { StoredDocument } from '../../../lib/engine/port.ts';
import { heldResourceFinder } from '../../../lib/handlers/deletion-holds.ts';
import { PropagatorError } from '../../../lib/shared/errors.ts';

const hold = (id: string): StoredDocument => ({
  collection: 'deletion-hold',
  partition: 'resource',
  id,
  version: 1,
  value: { target: 'resource', id, by: 'an operator', reason: 'evidence', at: 0 },
});

describe('The holds on resources that a run reads', () => {
  it('are read once in a second for all types, and apply to the resource that they name', async () => {
    let reads = 0;
    let now = 0;
    const stored = [hold('nova.server/one')];
    const documents = async () => {
      reads += 1;
      return [...stored];
    };
    const held = heldResourceFinder({ engine: { reads: { documents } }, now: () => now });
    const ids = async (type: string) => [...(await held(type, [{ id: 'one' }])).keys()];
    expect([await ids('nova.server'), await ids('cinder.volume')]).toEqual([['one'], []]);
    expect(reads).toBe(1);
    stored.push(hold('cinder.volume/one'));
    now = 1000;
    expect(await ids('cinder.volume')).toEqual(['one']);
    expect(reads).toBe(2);
  });

  it('also apply to a resource with which the held resource would be deleted', async () => {
    const documents = async () => [hold('cinder.volume/one')];
    const held = heldResourceFinder({ engine: { reads: { documents } }, now: () => 0 });
    const failing = (error: Error) => ({
      id: 'failing',
      idsDeletedTogether: () => Promise.reject(error),
    });
    const seenTypes: string[] = [];
    const blockers = await held('nova.server', [
      {
        id: 'with-it',
        idsDeletedTogether: async (types) => {
          seenTypes.push(...types);
          return ['one', 'two'];
        },
      },
      { id: 'without-it', idsDeletedTogether: async () => ['two'] },
      failing(new Error('no answer')),
    ]);
    expect(seenTypes).toEqual(['cinder.volume']);
    expect([...blockers]).toEqual([
      ['with-it', expect.objectContaining({ isHold: true, actor: 'operator' })],
      ['failing', expect.objectContaining({ actor: 'none' })],
    ]);
    const gone = new PropagatorError({
      code: 'heat.http.404',
      class: 'Gone',
      message: 'no such stack',
      advice: '-',
    });
    expect([...(await held('heat.stack', [failing(gone)]))]).toEqual([]);
  });

  it('are read again after a failure, which the caller receives', async () => {
    let isAway = true;
    const documents = async () => {
      if (isAway) throw new Error('the store is away');
      return [hold('nova.server/one')];
    };
    const held = heldResourceFinder({ engine: { reads: { documents } }, now: () => 0 });
    await expect(held('nova.server', [{ id: 'one' }])).rejects.toThrow('the store is away');
    isAway = false;
    expect([...(await held('nova.server', [{ id: 'one' }])).keys()]).toEqual(['one']);
  });
});
