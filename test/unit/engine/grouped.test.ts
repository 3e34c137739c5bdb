import { describe, expect, it } from '@jest/globals';
import type { Session } from '../../../lib/engine/postgres/database.ts';
import { createGroupedTransactions } from '../../../lib/engine/postgres/grouped.ts';

/** A database that records its statements. Its transactions end one after the other. */
function fakeDatabase(commitError?: Error) {
  const statements: string[] = [];
  const session: Session = {
    query: async (sql) => {
      statements.push(sql);
      return [];
    },
  };
  const transaction = async (work: (session: Session) => Promise<void>): Promise<void> => {
    statements.push('BEGIN');
    try {
      await work(session);
    } catch (error) {
      statements.push('ROLLBACK');
      throw error;
    }
    await new Promise((resolve) => setImmediate(resolve));
    if (commitError) throw commitError;
    statements.push('COMMIT');
  };
  return { statements, run: createGroupedTransactions(transaction) };
}
const work =
  (name: string, error?: Error) =>
  async (session: Session): Promise<string> => {
    await session.query(`INSERT ${name}`);
    if (error) throw error;
    return name;
  };
/** Starts one work, then the others while the transaction of the first runs. */
async function runDuringFirst<T>(first: Promise<T>, others: () => Promise<T>[]) {
  await Promise.resolve().then(() => undefined);
  return Promise.allSettled([first, ...others()]);
}

describe('grouped transactions', () => {
  it('run the works that arrive during one transaction in the next transaction', async () => {
    const { statements, run } = fakeDatabase();
    const results = await runDuringFirst(run(work('a')), () => [run(work('b')), run(work('c'))]);
    expect(results.map((result) => result.status === 'fulfilled' && result.value)).toEqual([
      'a',
      'b',
      'c',
    ]);
    const savepoint = (name: string) => [
      'SAVEPOINT work',
      `INSERT ${name}`,
      'RELEASE SAVEPOINT work',
    ];
    expect(statements).toEqual([
      ...['BEGIN', 'INSERT a', 'COMMIT'],
      ...['BEGIN', ...savepoint('b'), ...savepoint('c'), 'COMMIT'],
    ]);
  });

  it('roll back only the work that throws', async () => {
    const { statements, run } = fakeDatabase();
    const results = await runDuringFirst(run(work('a')), () => [
      run(work('b', new Error('a conflict'))),
      run(work('c')),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(results[1]).toMatchObject({ reason: new Error('a conflict') });
    expect(statements.slice(3)).toEqual([
      'BEGIN',
      ...['SAVEPOINT work', 'INSERT b', 'ROLLBACK TO SAVEPOINT work', 'RELEASE SAVEPOINT work'],
      ...['SAVEPOINT work', 'INSERT c', 'RELEASE SAVEPOINT work'],
      'COMMIT',
    ]);
  });

  it('roll back the transaction of a work that is alone and throws', async () => {
    const { statements, run } = fakeDatabase();
    await expect(run(work('a', new Error('a conflict')))).rejects.toThrow('a conflict');
    expect(statements).toEqual(['BEGIN', 'INSERT a', 'ROLLBACK']);
  });

  it('fail all works if the transaction cannot be committed', async () => {
    const { run } = fakeDatabase(new Error('the disk is full'));
    const results = await runDuringFirst(run(work('a')), () => [run(work('b')), run(work('c'))]);
    expect(results.map((result) => result.status === 'rejected' && result.reason.message)).toEqual(
      Array.from({ length: 3 }, () => 'the disk is full'),
    );
  });
});
