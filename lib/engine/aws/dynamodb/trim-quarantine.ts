import { idIn, quarantineKey } from './keys.ts';
import { QUARANTINED_AT_MOST } from './reads.ts';
import type { Store } from './table.ts';

/** Oldest out: what is beyond the 10,000 that are shown. */
export async function trimQuarantine(store: Store): Promise<void> {
  const keys = await store.sortKeys({ pk: 'quarantine', newestFirst: true });
  const gone = keys.slice(QUARANTINED_AT_MOST);
  // The pointer last: it is how the record is found.
  await store.delete(gone.map((sk) => quarantineKey(idIn(sk))));
  await store.delete(gone.map((sk) => ({ pk: 'quarantine', sk })));
}
