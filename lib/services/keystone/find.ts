import * as z from 'zod';
import type { ServiceApi } from '../../task/service.ts';

const idRow = z.object({ id: z.string(), name: z.string().nullish() });

/** The id of the only item with a name or id. `none`: no item or several items have the name. */
export type FoundId =
  | { readonly kind: 'id'; readonly id: string }
  | { readonly kind: 'none'; readonly count: number };

/**
 * Finds the item with this id or with this name. The name of a user or group needs its domain in
 * `query`.
 */
export async function findId(
  collection: 'domains' | 'groups' | 'projects' | 'roles' | 'users',
  nameOrId: string,
  query: Readonly<Record<string, string | undefined>>,
  api: ServiceApi,
): Promise<FoundId> {
  const path = `/v3/${collection}`;
  const { status } = await api.request('GET', `${path}/${encodeURIComponent(nameOrId)}`, {
    accept: [404],
  });
  if (status !== 404) return { kind: 'id', id: nameOrId };
  const { rows } = await api.list(path, {
    collection,
    row: idRow,
    paging: 'next',
    query: { ...query, name: nameOrId },
  });
  const matches = rows.filter((row) => row.name === nameOrId);
  const [match] = matches;
  return match && matches.length === 1
    ? { kind: 'id', id: match.id }
    : { kind: 'none', count: matches.length };
}
