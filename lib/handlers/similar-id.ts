import { foldId, mayBeSameId } from '../../events/ids.ts';
import type { Keystone } from '../account/keystone.ts';
import type { Reads } from '../engine/port.ts';
import type { Scope } from '../operation/model.ts';

/**
 * Returns the id of another existing account whose id a database may treat as equal to this one, or
 * `undefined`. The function asks Keystone about similar ids in the inventory, and about this id in
 * lower and upper case. Throws when Keystone gives no certain answer.
 */
export async function findAccountWithSimilarId(
  { type, id }: Pick<Scope, 'type' | 'id'>,
  reads: Pick<Reads, 'accountsWithFoldedId'>,
  keystone: Pick<Keystone, 'show'>,
): Promise<string | undefined> {
  const records = await reads.accountsWithFoldedId(type, foldId(id));
  const knownIds = records.map(({ account }) => account.id);
  const spellings = new Set<string>([...knownIds, id.toLowerCase(), id.toUpperCase(), id.trim()]);
  spellings.delete(id);
  spellings.delete('');
  for (const spelling of spellings) {
    if (!mayBeSameId(spelling, id)) continue;
    const keystoneState = await keystone.show(type, spelling);
    if (keystoneState.kind === 'absent') continue;
    const shownId = keystoneState.kind === 'present' ? keystoneState.account.id : keystoneState.id;
    if (shownId !== id) return shownId;
  }
  return undefined;
}
