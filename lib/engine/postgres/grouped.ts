import { batchCalls } from './batched.ts';
import type { Session } from './database.ts';

type Work<T> = (session: Session) => Promise<T>;
type WorkInGroup = (session: Session, groupSize: number) => Promise<void>;

/**
 * Returns a function that runs `work` in a transaction, which other calls may share. All calls that
 * arrive during one transaction share the next transaction, so that they wait for the disk only
 * once. Each `work` has a savepoint: if it throws, only its own statements are rolled back. The
 * promise of a call settles when the transaction is on disk. If the transaction itself fails, the
 * promises of all its calls are rejected.
 */
export function createGroupedTransactions(
  transaction: (work: Work<void>) => Promise<void>,
): <T>(work: Work<T>) => Promise<T> {
  const runGroup = batchCalls<WorkInGroup>((works) =>
    transaction(async (session) => {
      for (const work of works) await work(session, works.length);
    }),
  );
  return async <T>(work: Work<T>): Promise<T> => {
    const results: PromiseSettledResult<T>[] = [];
    await runGroup([
      async (session, groupSize) => {
        // The only `work` of a transaction needs no savepoint: its error may end the transaction.
        if (groupSize === 1) results.push({ status: 'fulfilled', value: await work(session) });
        else results.push(await runInSavepoint(work, session));
      },
    ]);
    const [result] = results;
    if (!result) throw new Error('the transaction ended before it ran the work');
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  };
}

/** Runs `work`. If it throws, this function rolls its statements back and returns the error. */
async function runInSavepoint<T>(
  work: Work<T>,
  session: Session,
): Promise<PromiseSettledResult<T>> {
  await session.query('SAVEPOINT work');
  try {
    const value = await work(session);
    await session.query('RELEASE SAVEPOINT work');
    return { status: 'fulfilled', value };
  } catch (reason) {
    await session.query('ROLLBACK TO SAVEPOINT work');
    await session.query('RELEASE SAVEPOINT work');
    return { status: 'rejected', reason };
  }
}
