import { batched } from './batched.ts';
import type { Session } from './database.ts';

type Work<T> = (session: Session) => Promise<T>;
type WorkInGroup = (session: Session, groupSize: number) => Promise<void>;

/**
 * Returns a function that runs works in common transactions. The works that arrive during one
 * transaction share the next transaction, so that they wait for the disk only once. Each of them
 * has a savepoint: if a work throws, only its own statements are rolled back. The promise of a call
 * settles when the transaction is on disk. If the transaction itself fails, all its works fail.
 */
export function createGroupedTransactions(
  transaction: (work: Work<void>) => Promise<void>,
): <T>(work: Work<T>) => Promise<T> {
  const runGroup = batched<WorkInGroup>((works) =>
    transaction(async (session) => {
      for (const work of works) await work(session, works.length);
    }),
  );
  return async <T>(work: Work<T>): Promise<T> => {
    const results: PromiseSettledResult<T>[] = [];
    await runGroup([
      async (session, groupSize) => {
        // A work that is alone needs no savepoint, because its error may end the transaction.
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

/** Runs the work. If the work throws, rolls its statements back and returns the error. */
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
