import * as z from 'zod';
import type { ServiceApi } from '../../task/service.ts';

const idRow = z.object({ id: z.string(), name: z.string().nullish() });

/**
 * Returns the id of the item with this id or with this name. Returns `undefined` if no item or
 * several items have the name. The name of a user or group needs its domain in `query`.
 */
export async function findId(
  collection: 'domains' | 'groups' | 'projects' | 'roles' | 'users',
  nameOrId: string,
  query: Readonly<Record<string, string | undefined>>,
  api: ServiceApi,
): Promise<string | undefined> {
  const path = `/v3/${collection}`;
  const { status } = await api.request('GET', `${path}/${encodeURIComponent(nameOrId)}`, {
    accept: [404],
  });
  if (status !== 404) return nameOrId;
  const { rows } = await api.list(path, {
    collection,
    row: idRow,
    paging: 'next',
    query: { ...query, name: nameOrId },
  });
  const [match, ...others] = rows.filter((row) => row.name === nameOrId);
  return others.length === 0 ? match?.id : undefined;
}
