import { MAX_QUARANTINE_RECORDS } from '../../port.ts';
import { idIn, quarantineKey } from './keys.ts';
import type { Store } from './table.ts';

/** Deletes the oldest records of a quarantine with more than 10,000 records. */
export async function trimQuarantine(store: Store): Promise<void> {
  const keys = await store.sortKeys({ pk: 'quarantine', newestFirst: true });
  const surplus = keys.slice(MAX_QUARANTINE_RECORDS);
  // The pointers are deleted last. If the process dies before that, the next call still finds the
  // records by their pointers.
  await store.delete(surplus.map((sk) => quarantineKey(idIn(sk))));
  await store.delete(surplus.map((sk) => ({ pk: 'quarantine', sk })));
}
