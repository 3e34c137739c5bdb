import { MAX_QUARANTINED } from '../../port.ts';
import { idIn, quarantineKey } from './keys.ts';
import type { Store } from './table.ts';

/** Deletes the oldest quarantine records beyond the limit of 10,000. */
export async function trimQuarantine(store: Store): Promise<void> {
  const keys = await store.sortKeys({ pk: 'quarantine', newestFirst: true });
  const surplus = keys.slice(MAX_QUARANTINED);
  // The pointers are deleted last, because no reader finds a record without a pointer.
  await store.delete(surplus.map((sk) => quarantineKey(idIn(sk))));
  await store.delete(surplus.map((sk) => ({ pk: 'quarantine', sk })));
}
