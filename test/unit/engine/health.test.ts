import type { Database } from '../../../lib/engine/postgres/database.ts';
import { StoreHealth } from '../../../lib/engine/postgres/health.ts';

/** A database whose transactions do what the test says. */
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

describe('The health of the store', () => {
  it('is a write, which checks within 2 s share', async () => {
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

  it('is false while the last commit failed, and true after one that succeeds', async () => {
    const { port } = database(async () => undefined);
    const health = new StoreHealth(port, () => 0);
    await health.observe(Promise.reject(new Error('read-only'))).catch(() => undefined);
    await expect(health.check()).rejects.toMatchObject(NOT_WRITABLE);
    await health.observe(Promise.resolve('committed'));
    await expect(health.check()).resolves.toBeUndefined();
  });

  it('is true again a minute after a failed commit, when a write succeeds', async () => {
    let now = 0;
    const { port } = database(async () => undefined);
    const health = new StoreHealth(port, () => now);
    await health.observe(Promise.reject(new Error('a defect'))).catch(() => undefined);
    now = 60_000;
    await expect(health.check()).resolves.toBeUndefined();
  });

  it('is false when the write hangs, and no second write begins meanwhile', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { seen, port } = database(() => promise);
    const health = new StoreHealth(port);
    const checks = await Promise.allSettled([health.check(), health.check()]);
    expect(checks.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(seen.transactions).toBe(1);
    resolve();
  }, 10_000);
});
