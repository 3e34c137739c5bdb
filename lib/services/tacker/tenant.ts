import type * as z from 'zod';
import type { ProjectContext } from '../../task/service.ts';

/** An id that no project has. */
const UNUSED_PROJECT_ID = '0'.repeat(32);

/** A row of an ETSI listing. `owner`: the project, if the filter by owner proves it. */
export type WithOwner<Row> = Row & { readonly owner: string | undefined };

/**
 * Returns the rows of the project in one of Tacker's ETSI listings (SOL003). Tacker lists the rows
 * of the whole cloud to an administrator, and no row names its owner. Tacker has a non-standard
 * filter by owner (`tenantId`), but a filter alone is no proof (safety rule: check the owner of
 * every row). The same request is therefore also sent with the id of a project that does not exist.
 * If both answers contain a row, the filter does not work for this row, and its owner is unknown.
 */
export async function listWithOwner<Row extends { readonly id: string }>(
  { api, project }: ProjectContext,
  path: string,
  row: z.ZodType<Row>,
): Promise<WithOwner<Row>[]> {
  const listForTenant = async (tenant: string): Promise<Row[]> => {
    const query = { all_records: 'yes', filter: `(eq,tenantId,${tenant})` };
    return (await api.list(path, { row, paging: 'none', query })).rows;
  };
  const rows = await listForTenant(project);
  if (rows.length === 0) return [];
  const unfilteredIds = new Set((await listForTenant(UNUSED_PROJECT_ID)).map(({ id }) => id));
  return rows.map((one) => ({ ...one, owner: unfilteredIds.has(one.id) ? undefined : project }));
}
