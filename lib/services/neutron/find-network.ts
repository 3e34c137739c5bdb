import * as z from 'zod';
import type { ProvisionContext } from '../../task/service.ts';
import { type Filters, Owned, rowsOf } from './collection.ts';

export const Shared = Owned.extend({ shared: z.boolean().nullish() });

/** A network of the cloud, or the reason why the name or id is not unique. */
export type FoundNetwork =
  | { readonly kind: 'network'; readonly network: z.infer<typeof Shared> }
  | { readonly kind: 'none'; readonly message: string };

/** Returns the network of any project that has this name or id. */
export async function findNetwork(
  nameOrId: string,
  filters: Filters,
  { api }: ProvisionContext,
): Promise<FoundNetwork> {
  const from = { path: '/v2.0/networks', collection: 'networks', row: Shared };
  const [withName, withId] = await Promise.all([
    rowsOf(api, from, [...filters, ['name', nameOrId]]),
    rowsOf(api, from, [...filters, ['id', nameOrId]]),
  ]);
  // Neutron may ignore the case of names, so the names are compared again.
  const found = [...withId, ...withName].filter(
    ({ id, name }, index, all) =>
      (id === nameOrId || name === nameOrId) && all.findIndex((one) => one.id === id) === index,
  );
  const kind = filters.length > 0 ? 'external network' : 'network';
  const [only] = found;
  if (only && found.length === 1) return { kind: 'network', network: only };
  return only
    ? { kind: 'none', message: `there are ${found.length} ${kind}s "${nameOrId}"` }
    : { kind: 'none', message: `there is no ${kind} "${nameOrId}"` };
}
