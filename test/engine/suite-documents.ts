import type { Engine } from '../../lib/engine/port.ts';
import { operation, unique } from './samples.ts';

/** Documents are versioned records of other modules. The first writer of a new one wins. */
export function documentSuite(open: () => Promise<Engine>): void {
  describe('a document', () => {
    let engine: Engine;
    beforeAll(async () => {
      engine = await open();
    });
    afterAll(() => engine.close());

    it('is created only once, and is changed and deleted only with its current version', async () => {
      const key = { collection: 'suspension', partition: unique(), id: 'nova/a/x' } as const;
      const read = () => engine.reads.documents('suspension', key.partition);
      const value = { state: 'noted', before: { status: 'ACTIVE', tags: ['ä', null] } };
      expect(await engine.commit({ documents: [{ ...key, version: 0, value }] })).toBe('committed');
      expect(await read()).toEqual([{ ...key, version: 1, value }]);
      expect(await engine.commit({ documents: [{ ...key, version: 0, value: {} }] })).toBe(
        'conflict',
      );
      expect(await engine.commit({ documents: [{ ...key, version: 2, value: {} }] })).toBe(
        'conflict',
      );
      expect(await read()).toEqual([{ ...key, version: 1, value }]);
      const later = { state: 'suspended' };
      expect(await engine.commit({ documents: [{ ...key, version: 1, value: later }] })).toBe(
        'committed',
      );
      expect(await engine.commit({ documents: [{ ...key, version: 1 }] })).toBe('conflict');
      expect(await read()).toEqual([{ ...key, version: 2, value: later }]);
      expect(await engine.commit({ documents: [{ ...key, version: 2 }] })).toBe('committed');
      expect(await read()).toEqual([]);
    });

    it('is in conflict if one change writes or deletes it twice, and is then unchanged', async () => {
      const key = { collection: 'suspension', partition: unique(), id: 'nova/a/x' } as const;
      const first = { ...key, version: 0, value: { number: 1 } };
      const second = { ...key, version: 0, value: { number: 2 } };
      expect(await engine.commit({ documents: [first, second] })).toBe('conflict');
      expect(await engine.reads.documents('suspension', key.partition)).toEqual([]);
      expect(await engine.commit({ documents: [first] })).toBe('committed');
      const [written, deleted] = [
        { ...second, version: 1 },
        { ...key, version: 1 },
      ];
      expect(await engine.commit({ documents: [written, deleted] })).toBe('conflict');
      expect(await engine.reads.documents('suspension', key.partition)).toEqual([
        { ...first, version: 1 },
      ]);
    });

    it('is found by its collection, its partition and the start of its id, in order', async () => {
      const partition = unique();
      const ids = ['nova/a/b', 'nova/a/a', 'nova/ab/a', 'swift/a/ä/b', 'nova%/a', 'Nova/a/a'];
      for (const [at, collection] of [
        [partition, 'suspension'],
        [partition, 'hold'],
        [`${partition}2`, 'suspension'],
      ] as const)
        await engine.commit({
          documents: ids.map((id) => ({ collection, partition: at, id, version: 0, value: {} })),
        });
      const found = async (prefix?: string) =>
        (await engine.reads.documents('suspension', partition, prefix)).map(({ id }) => id);
      expect(await found('nova/a/')).toEqual(['nova/a/a', 'nova/a/b']);
      expect(await found('swift/a/ä')).toEqual(['swift/a/ä/b']);
      expect(await found('nova/a/c')).toEqual([]);
      expect(await found()).toEqual([...ids].sort());
    });

    it('is not written when another part of the change is in conflict', async () => {
      const opened = operation();
      await engine.commit({ operations: [opened] });
      const key = { collection: 'hold', partition: unique(), id: 'p' } as const;
      const documents = [{ ...key, version: 0, value: { by: 'ann' } }];
      expect(await engine.commit({ operations: [opened], documents })).toBe('conflict');
      expect(await engine.reads.documents('hold', key.partition)).toEqual([]);
    });
  });
}
