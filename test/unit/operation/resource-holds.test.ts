import type { StoredDocument } from '../../../lib/engine/port.ts';
import { heldResourceFinder } from '../../../lib/handlers/deletion-holds.ts';

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
