import type * as z from 'zod';
import type { ProjectContext } from '../../task/service.ts';

/** An id that no project has. */
const NOBODY = '0'.repeat(32);

/**
 * A row of a listing of ETSI's APIs, and the project that Tacker was shown to know as its owner.
 */
export type Owned<Row> = Row & { readonly owner: string | undefined };

/**
 * Rows of the project in one of Tacker's ETSI listings (SOL003). As an administrator one gets the
 * whole cloud, and no row says whose it is; Tacker has the owner, and a filter for it (`tenantId`)
 * that the standard does not know. The filter alone counts for nothing (safety rule: check the
 * owner of every row): the same question is asked about a project that does not exist, and a row
 * that comes back for it, too, has no owner that anybody can tell.
 */
export async function ownedBy<Row extends { readonly id: string }>(
  { api, project }: ProjectContext,
  path: string,
  row: z.ZodType<Row>,
): Promise<Owned<Row>[]> {
  const of = async (tenant: string): Promise<Row[]> => {
    const query = { all_records: 'yes', filter: `(eq,tenantId,${tenant})` };
    return (await api.list(path, { row, paging: 'none', query })).rows;
  };
  const found = await of(project);
  if (found.length === 0) return [];
  const anybodys = new Set((await of(NOBODY)).map(({ id }) => id));
  return found.map((one) => ({ ...one, owner: anybodys.has(one.id) ? undefined : project }));
}
