import type { Account } from '../../events/account.ts';
import type { AccountRecord } from '../account/inventory.ts';
import type { Engine } from '../engine/port.ts';

export type AccountType = Account['type'];
/** The maximum number of records that are read together, and that are written in one commit. */
const BATCH_SIZE = 500;

interface PageDeps {
  readonly engine: Pick<Engine, 'reads'>;
  /** Ends the reading between two pages. */
  readonly stopping?: AbortSignal;
}

/** Reads the inventory in pages, in the order of the ids. */
export async function* inventoryPages(
  type: AccountType,
  { engine, stopping }: PageDeps,
): AsyncGenerator<AccountRecord[]> {
  let afterId: string | undefined;
  for (;;) {
    stopping?.throwIfAborted();
    const records = await engine.reads.accountsAfter(type, afterId, BATCH_SIZE);
    yield records;
    afterId = records.at(-1)?.account.id;
    if (records.length < BATCH_SIZE || afterId === undefined) return;
  }
}

/** Returns the elements in groups of at most `size`. */
export function inBatches<T>(all: readonly T[], size = BATCH_SIZE): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, n) =>
    all.slice(n * size, (n + 1) * size),
  );
}
