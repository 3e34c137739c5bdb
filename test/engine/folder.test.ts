import fs, {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import type { WorkerEngine } from '../../lib/engine/port.ts';
import type { Database } from '../../lib/engine/postgres/database.ts';
import { openEmbedded } from '../../lib/engine/postgres/embedded.ts';
import { openPostgresEngine, type PostgresEngineOptions } from '../../lib/engine/postgres/open.ts';
import { deleteOldSeenIds } from '../../lib/engine/postgres/record-writes.ts';
import { BUSY_TABLES } from '../../lib/engine/postgres/schema.ts';
import { QUICK_RETRY, until } from './engine-store.ts';
import { operation, queue, requested, serviceOf, unique } from './samples.ts';

/** Special properties of the embedded database: one process, one folder, no daemons. */
describe('The folder of the embedded engine', () => {
  let folder: string;
  const open: WorkerEngine[] = [];
  const opened = async (options: PostgresEngineOptions = {}): Promise<WorkerEngine> => {
    const engine = await openPostgresEngine({ dataFolder: folder, retry: QUICK_RETRY, ...options });
    open.push(engine);
    return engine;
  };
  /** Works on the database itself while no engine has it open. */
  const withinFolder = async (
    where: string,
    work: (database: Database) => Promise<unknown>,
  ): Promise<void> => {
    const database = await openEmbedded(where);
    await work(database).finally(() => database.close());
  };
  const within = (work: (database: Database) => Promise<unknown>) => withinFolder(folder, work);
  const closeAll = async () => {
    for (const engine of open.splice(0)) await engine.close();
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'propagator-folder-'));
    await opened();
    await closeAll();
  });
  afterEach(closeAll);
  afterAll(() => rmSync(folder, { recursive: true }));

  it('has every commit on the disk before the commit is reported', async () => {
    const engine = await opened();
    const sync = jest.spyOn(fs, 'fsyncSync');
    await engine.commit({ operations: [operation()] });
    expect(sync.mock.calls.length).toBeGreaterThan(0);
    const before = sync.mock.calls.length;
    await engine.reads.operations({});
    expect(sync.mock.calls.length).toBe(before);
    sync.mockRestore();
  });

  it('lets the next process receive the message of a killed process, and dead-letters a message that kills every process', async () => {
    const [mild, deadly] = [queue(), queue()];
    const engine = await opened();
    await engine.commit({ messages: [requested(serviceOf(mild)), requested(serviceOf(deadly))] });
    await closeAll();
    const died = `UPDATE propagator_queue.job SET state = 'active', started_on = now(), retry_count = $1 WHERE name = $2`;
    await within(async (database) => {
      await database.query(died, [1, mild]);
      await database.query(died, [19, deadly]);
    });
    const next = await opened();
    expect(await next.deadLetters({ service: serviceOf(deadly) })).toMatchObject([
      { queue: deadly, error: undefined },
    ]);
    expect((await next.reads.depths())[mild]).toMatchObject({ active: 0, dead: 0 });
    const counts: number[] = [];
    await next.work(mild, { concurrency: 1 }, async ([delivery]) => {
      counts.push(delivery?.receiveCount ?? 0);
      // A handler may fail up to the third delivery, but one of the three ended with a dead
      // process.
      if (counts.length === 1) throw new Error('failed');
    });
    await until('the message twice', () => counts.length === 2);
    expect(counts).toEqual([3, 4]);
  });

  it('has no background processes of a server: the engine removes dead rows and limits the write-ahead log', async () => {
    const engine = await opened();
    const name = queue();
    for (let iteration = 0; iteration < 5; iteration += 1)
      await engine.commit({
        messages: Array.from({ length: 100 }, () => requested(serviceOf(name))),
        counters: { [unique()]: 1 },
      });
    let taken = 0;
    await engine.work(name, { concurrency: 1, batchSize: 100 }, async (deliveries) => {
      taken += deliveries.length;
    });
    await until('500 messages', () => taken === 500);
    await closeAll();
    await within(async (database) => {
      const pages = async () =>
        Number(
          (await database.query(`SELECT pg_relation_size($1) / 8192 AS pages`, [BUSY_TABLES[0]]))[0]
            ?.pages,
        );
      const full = await pages();
      expect(full).toBeGreaterThan(10);
      const checkpoint = async () =>
        (await database.query('SELECT checkpoint_lsn::text AS at FROM pg_control_checkpoint()'))[0]
          ?.at;
      const before = await checkpoint();
      await database.housekeeping(0);
      expect(await pages()).toBeLessThan(full / 2);
      expect(await checkpoint()).not.toBe(before);
    });
  });

  it('keeps the ids of notifications for two weeks', async () => {
    const [old, young] = [unique(), unique()];
    const engine = await opened();
    await engine.commit({ seen: [old, young] });
    await closeAll();
    await within(async (database) => {
      const age = 'UPDATE propagator.seen SET at = now() - $1::interval WHERE id = $2';
      await database.query(age, ['14 days 1 minute', old]);
      await database.query(age, ['13 days 23 hours', young]);
      await deleteOldSeenIds(database);
    });
    expect(await (await opened()).reads.seenMessageIds([old, young])).toEqual(new Set([young]));
  });

  it('is not changed if a newer release wrote it, and the start fails with the reason', async () => {
    const age = (version: number) =>
      within((database) =>
        database.query('UPDATE propagator.migration SET version = version + $1', [version]),
      );
    await age(1000);
    await expect(opened()).rejects.toMatchObject({ report: { code: 'engine.schema.newer' } });
    await age(-1000);
    await expect((await opened()).health()).resolves.toBeUndefined();
  });

  it('is created again if its creation was interrupted', async () => {
    const cut = join(folder, 'cut');
    mkdirSync(join(cut, 'postgres'), { recursive: true });
    writeFileSync(join(cut, 'postgres', 'PG_VERSION'), '18\n');
    await expect(opened({ dataFolder: cut })).rejects.toMatchObject({
      report: { code: 'engine.folder.incomplete' },
    });
    writeFileSync(join(cut, 'creating'), '');
    const engine = await opened({ dataFolder: cut });
    expect(await engine.commit({ operations: [operation()] })).toBe('committed');
    expect(existsSync(join(cut, 'creating'))).toBe(false);
  });

  describe('with a database that is gone or damaged', () => {
    let data: string;
    let pristine: string;
    beforeAll(async () => {
      pristine = mkdtempSync(join(folder, 'pristine-'));
      const engine = await opened({ dataFolder: pristine });
      await engine.commit({ operations: [operation()] });
      await closeAll();
    });
    const inDatabase = (...names: string[]) => join(data, 'postgres', ...names);
    beforeEach(() => {
      data = mkdtempSync(join(folder, 'data-'));
      cpSync(pristine, data, { recursive: true });
    });

    it.each([
      ['the whole database', []],
      ['PG_VERSION', ['PG_VERSION']],
      ['the control file', ['global', 'pg_control']],
      ['the tables', ['base']],
      ['the write-ahead log', ['pg_wal']],
    ])(
      'stops the start without %s, with the file and the next step in the error',
      async (_, names) => {
        rmSync(inDatabase(...names), { recursive: true });
        const advice = expect.stringContaining('propagator start --begin-empty');
        const message = expect.stringContaining(inDatabase(...names));
        await expect(opened({ dataFolder: data })).rejects.toMatchObject({
          report: { code: 'engine.folder.incomplete', message, advice },
        });
        await expect(opened({ dataFolder: data })).rejects.toThrow('(1 operation, 0 dead letters');
      },
    );

    it('is replaced by an empty one with --begin-empty, and the old files are kept', async () => {
      rmSync(inDatabase('PG_VERSION'));
      const engine = await opened({ dataFolder: data, beginEmpty: true });
      expect(await engine.reads.operations({})).toEqual([]);
      await closeAll();
      const aside = readdirSync(data).filter((name) => name.startsWith('postgres.old-'));
      expect(aside).toHaveLength(1);
      expect(existsSync(join(data, aside[0] ?? '', 'global', 'pg_control'))).toBe(true);
    });

    it('is kept by --begin-empty if it can be opened', async () => {
      const engine = await opened({ dataFolder: data, beginEmpty: true });
      expect(await engine.reads.operations({})).toHaveLength(1);
    });

    it.each([
      ['a damaged control file', ['global', 'pg_control'], 0],
      ['a truncated control file', ['global', 'pg_control'], 100],
    ])(
      'stops the start with %s, with an error that does not mention WebAssembly',
      async (_, names, bytes) => {
        if (bytes > 0) truncateSync(inDatabase(...names), bytes);
        else writeFileSync(inDatabase(...names), Buffer.alloc(8192, 0x5a));
        const thrown = await opened({ dataFolder: data }).catch((error: unknown) => error);
        expect(thrown).toMatchObject({
          report: {
            code: 'engine.folder.damaged',
            message: expect.stringContaining(inDatabase()),
            advice: expect.stringContaining('propagator start --begin-empty'),
          },
        });
        expect(String(thrown)).not.toMatch(/ASSERTIONS|Aborted/);
      },
    );

    it.each(['operation', 'audit_head', 'operation_pkey'])(
      'stops the start with a truncated file of %s and names that file, instead of losing its rows',
      async (name) => {
        let file = '';
        await withinFolder(data, async (database) => {
          const [row] = await database.query('SELECT pg_relation_filepath($1) AS file', [
            `propagator.${name}`,
          ]);
          file = String(row?.file);
        });
        truncateSync(inDatabase(file), 0);
        await expect(opened({ dataFolder: data })).rejects.toMatchObject({
          report: {
            code: 'engine.folder.damaged',
            message: expect.stringContaining(inDatabase(file)),
            advice: expect.stringContaining('propagator start --begin-empty'),
          },
        });
      },
    );

    it('stops the start with damaged pages of a table, and names the file of the table', async () => {
      let file = '';
      await withinFolder(data, async (database) => {
        const [row] = await database.query(
          "SELECT pg_relation_filepath('propagator.migration') AS file",
        );
        file = String(row?.file);
      });
      writeFileSync(inDatabase(file), Buffer.alloc(8192, 0x5a));
      await expect(opened({ dataFolder: data })).rejects.toMatchObject({
        report: {
          code: 'engine.folder.damaged',
          message: expect.stringContaining(inDatabase(file)),
        },
      });
    });
  });

  it('must not be a file: otherwise the start fails with the reason', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    await expect(opened({ dataFolder: join(file, 'data') })).rejects.toMatchObject({
      report: { code: 'engine.folder.unusable' },
    });
    await expect(openPostgresEngine({})).rejects.toMatchObject({
      report: { code: 'engine.settings' },
    });
  });
});
