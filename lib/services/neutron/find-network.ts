import * as z from 'zod';
import type { ProvisionContext } from '../../task/service.ts';
import { type Filters, Owned, rowsOf } from './collection.ts';

export const Network = Owned.extend({ shared: z.boolean().nullish() });

/** The only network with a name or id. `none`: there is no such network, or more than one. */
export type FoundNetwork =
  | { readonly kind: 'network'; readonly network: z.infer<typeof Network> }
  | { readonly kind: 'none'; readonly message: string };

/** Finds the network with this name or id in all projects. */
export async function findNetwork(
  nameOrId: string,
  filters: Filters,
  { api }: ProvisionContext,
): Promise<FoundNetwork> {
  const from = { path: '/v2.0/networks', collection: 'networks', row: Network };
  const [withName, withId] = await Promise.all([
    rowsOf(api, from, [...filters, ['name', nameOrId]]),
    rowsOf(api, from, [...filters, ['id', nameOrId]]),
  ]);
  // Neutron may ignore the case of names, so the names are compared again.
  const matches = [...withId, ...withName].filter(
    ({ id, name }, index, all) =>
      (id === nameOrId || name === nameOrId) && all.findIndex((one) => one.id === id) === index,
  );
  const kind = filters.length > 0 ? 'external network' : 'network';
  const [match] = matches;
  if (match && matches.length === 1) return { kind: 'network', network: match };
  return match
    ? { kind: 'none', message: `there are ${matches.length} ${kind}s "${nameOrId}"` }
    : { kind: 'none', message: `there is no ${kind} "${nameOrId}"` };
}
