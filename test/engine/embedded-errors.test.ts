import fs, { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { TaskId } from '../../events/ids.ts';
import type { WorkerEngine } from '../../lib/engine/port.ts';
import { openPostgresEngine } from '../../lib/engine/postgres/open.ts';
import { operation, unique } from './samples.ts';

let folder: string;
let engine: WorkerEngine;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'propagator-'));
  engine = await openPostgresEngine({ dataFolder: folder });
});
afterEach(async () => {
  jest.restoreAllMocks();
  await engine.close().catch(() => undefined);
  rmSync(folder, { recursive: true });
});

/** PostgreSQL refuses this text, because it contains U+0000. */
const REFUSED = 'op-000000000000/nova/a\0' as TaskId;

describe('the embedded engine', () => {
  it('returns to each read its own rows directly after a failed read', async () => {
    const operations = Array.from({ length: 8 }, () => operation());
    await engine.commit({ operations });
    for (const { id } of operations) {
      await expect(engine.reads.task(REFUSED)).rejects.toMatchObject({ code: '22021' });
      expect((await engine.reads.operation(id))?.id).toBe(id);
    }
    await expect(engine.reads.task(REFUSED)).rejects.toMatchObject({ code: '22021' });
    for (const { id } of operations) expect((await engine.reads.operation(id))?.id).toBe(id);
  });

  it('stores each of the changes at the same time as failed reads', async () => {
    const operations = Array.from({ length: 8 }, () => operation());
    const results = await Promise.allSettled(
      operations.flatMap((one) => [
        engine.commit({ operations: [one] }),
        engine.reads.task(REFUSED),
        engine.reads.operation(one.id),
      ]),
    );
    expect(results.map(({ status }) => status)).toEqual(
      operations.flatMap(() => ['fulfilled', 'rejected', 'fulfilled']),
    );
    for (const { id } of operations)
      expect(await engine.reads.operation(id)).toMatchObject({ id, version: 1 });
  });

  it('settles all calls that run or begin while it closes', async () => {
    const id = operation().id;
    const before = Array.from({ length: 20 }, () => engine.reads.operation(id));
    const closing = engine.close();
    const during = Array.from({ length: 20 }, () => engine.reads.operation(id));
    const results = await Promise.allSettled([...before, closing, ...during]);
    expect(results.slice(0, 21).map(({ status }) => status)).toEqual(
      Array.from({ length: 21 }, () => 'fulfilled'),
    );
    await expect(engine.reads.operation(id)).rejects.toMatchObject({
      report: { code: 'engine.closed' },
    });
  });

  it.each<[string, () => void]>([
    [
      'PGlite throws',
      () => {
        jest.spyOn(PGlite.prototype, 'execProtocolRawSync').mockImplementation(() => {
          throw new Error('unreachable');
        });
      },
    ],
    [
      'PostgreSQL stops because the disk fails',
      () => {
        jest.spyOn(fs, 'fsyncSync').mockImplementation(() => {
          throw new Error('EIO');
        });
      },
    ],
  ])('fails all calls after %s, also when the fault has ended', async (_, breakDatabase) => {
    await engine.commit({ operations: [operation()] });
    breakDatabase();
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const results = await Promise.allSettled([
        engine.commit({ operations: [operation()] }),
        engine.commit({ counters: { [unique()]: 1 } }),
        engine.reads.operation(operation().id),
      ]);
      expect(results.slice(0, 2).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      jest.restoreAllMocks();
    }
    await expect(engine.reads.accountCount()).rejects.toThrow(/unreachable|has stopped/);
    await engine.close();
  });
});
