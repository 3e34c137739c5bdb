import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from '../../../lib/engine/postgres/database.ts';
import { openEmbedded } from '../../../lib/engine/postgres/embedded.ts';
import { StoreHealth } from '../../../lib/engine/postgres/health.ts';
import { createBoss } from '../../../lib/engine/postgres/queues.ts';
import { migrate } from '../../../lib/engine/postgres/schema.ts';

/** A database whose transactions run the function of the test. */
function database(transaction: () => Promise<unknown>) {
  const seen = { transactions: 0 };
  const port = {
    transaction: () => {
      seen.transactions += 1;
      return transaction();
    },
  };
  return { seen, port: port as unknown as Database };
}

const NOT_WRITABLE = { report: { code: 'engine.database.not-writable' } };

describe('the health of the store', () => {
  it('is checked with a test write, which all checks within 2 s share', async () => {
    let now = 0;
    const { seen, port } = database(async () => undefined);
    const health = new StoreHealth(port, () => now);
    await Promise.all([health.check(), health.check()]);
    await health.check();
    expect(seen.transactions).toBe(1);
    now = 2000;
    await health.check();
    expect(seen.transactions).toBe(2);
  });

  it('is false when the write fails, and names the cause', async () => {
    const { port } = database(() => Promise.reject(new Error('No space left on device')));
    await expect(new StoreHealth(port).check()).rejects.toMatchObject(NOT_WRITABLE);
    await expect(new StoreHealth(port).check()).rejects.toThrow('No space left on device');
  });

  it('is false after a failed commit, and true after a commit that succeeds', async () => {
    const { port } = database(async () => undefined);
    const health = new StoreHealth(port, () => 0);
    await health.recordCommit(Promise.reject(new Error('read-only'))).catch(() => undefined);
    await expect(health.check()).rejects.toMatchObject(NOT_WRITABLE);
    await health.recordCommit(Promise.resolve('committed'));
    await expect(health.check()).resolves.toBeUndefined();
  });

  it('is true again a minute after a failed commit if the test write succeeds', async () => {
    let now = 0;
    const { port } = database(async () => undefined);
    const health = new StoreHealth(port, () => now);
    await health.recordCommit(Promise.reject(new Error('a defect'))).catch(() => undefined);
    now = 60_000;
    await expect(health.check()).resolves.toBeUndefined();
  });

  it('is false if the test write does not end, and no second test write starts before its end', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { seen, port } = database(() => promise);
    const health = new StoreHealth(port);
    const checks = await Promise.allSettled([health.check(), health.check()]);
    expect(checks.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(seen.transactions).toBe(1);
    resolve();
  }, 10_000);
});

describe('the health of a real database', () => {
  const folder = mkdtempSync(join(tmpdir(), 'health-'));
  let store: Database;
  let boss: ReturnType<typeof createBoss>;
  /** Each check needs a new health, because checks within 2 s share a write. */
  const check = () => new StoreHealth(store).check();

  beforeAll(async () => {
    store = await openEmbedded(folder);
    await migrate(store);
    boss = createBoss(store, () => undefined);
    await boss.start();
  }, 60_000);
  afterAll(async () => {
    await boss.stop({ close: false, graceful: false });
    await store.close();
    rmSync(folder, { recursive: true });
  });

  it('is true while the database accepts writes', async () => {
    await expect(check()).resolves.toBeUndefined();
  });

  it('is false while the database is read-only, and true afterwards', async () => {
    await store.runScript('SET default_transaction_read_only = on');
    await expect(check()).rejects.toMatchObject(NOT_WRITABLE);
    await expect(check()).rejects.toThrow('read-only transaction');
    await store.runScript('SET default_transaction_read_only = off');
    await expect(check()).resolves.toBeUndefined();
  });

  it('is false while the disk is full, and true once it has space', async () => {
    await store.runScript(`
      CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE disk_full USING MESSAGE = 'No space left on device'; END $$;
      CREATE TRIGGER no_space BEFORE INSERT ON propagator.counter EXECUTE FUNCTION no_space()`);
    await expect(check()).rejects.toMatchObject(NOT_WRITABLE);
    await expect(check()).rejects.toThrow('No space left on device');
    await store.runScript('DROP TRIGGER no_space ON propagator.counter');
    await expect(check()).resolves.toBeUndefined();
  });

  it('is false while another transaction holds the database', async () => {
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    const holder = store.transaction(async () => held);
    await expect(check()).rejects.toMatchObject({ report: { code: 'engine.database.slow' } });
    release();
    await holder;
    await expect(check()).resolves.toBeUndefined();
  }, 20_000);
});
