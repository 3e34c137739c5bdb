import * as z from 'zod';
import type { ProvisionContext } from '../../task/service.ts';
import { describeNoSingleMatch } from '../kit/single-match.ts';
import { type Filters, OwnedRow, rowsOf } from './collection.ts';

export const Network = OwnedRow.extend({ shared: z.boolean().nullish() });

/** The result of {@link findNetwork}. `no-single-match`: no network, or several networks. */
export type NetworkMatch =
  | { readonly kind: 'network'; readonly network: z.infer<typeof Network> }
  | { readonly kind: 'no-single-match'; readonly message: string; readonly advice: string };

/**
 * Finds the only network with this name or id, in all projects. `onlyExternal`: ignore the networks
 * that are not external.
 */
export async function findNetwork(
  nameOrId: string,
  { onlyExternal }: { readonly onlyExternal: boolean },
  { api }: ProvisionContext,
): Promise<NetworkMatch> {
  const networkCollection = { path: '/v2.0/networks', collection: 'networks', row: Network };
  const filters: Filters = onlyExternal ? [['router:external', 'true']] : [];
  const [rowsWithName, rowsWithId] = await Promise.all([
    rowsOf(api, networkCollection, [...filters, ['name', nameOrId]]),
    rowsOf(api, networkCollection, [...filters, ['id', nameOrId]]),
  ]);
  // Neutron may ignore the case of names, so the names are compared again.
  const matches = [...rowsWithId, ...rowsWithName].filter(
    ({ id, name }, index, all) =>
      (id === nameOrId || name === nameOrId) && all.findIndex((one) => one.id === id) === index,
  );
  const [match] = matches;
  if (match && matches.length === 1) return { kind: 'network', network: match };
  const noun = onlyExternal ? 'external network' : 'network';
  return { kind: 'no-single-match', ...describeNoSingleMatch(noun, nameOrId, matches.length) };
}
