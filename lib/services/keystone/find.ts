import * as z from 'zod';
import type { ServiceApi } from '../../task/service.ts';

const idRow = z.object({ id: z.string(), name: z.string().nullish() });

/**
 * The result of {@link findId}. `matchCount`: the number of items with the name, zero or several.
 */
export type IdMatch =
  | { readonly kind: 'id'; readonly id: string }
  | { readonly kind: 'no-single-match'; readonly matchCount: number };

/**
 * Finds the only item with this id or with this name. The name of a user or group needs its domain
 * in `query`.
 */
export async function findId(
  collection: 'domains' | 'groups' | 'projects' | 'roles' | 'users',
  nameOrId: string,
  query: Readonly<Record<string, string | undefined>>,
  api: ServiceApi,
): Promise<IdMatch> {
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
    : { kind: 'no-single-match', matchCount: matches.length };
}
