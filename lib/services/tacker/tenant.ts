import type * as z from 'zod';
import type { ProjectContext } from '../../task/service.ts';

/** An id that no project has. */
const UNUSED_PROJECT_ID = '0'.repeat(32);

/** A row of an ETSI listing with its proven owner. */
export type Owned<Row> = Row & { readonly owner: string | undefined };

/**
 * Returns the rows of the project in one of Tacker's ETSI listings (SOL003). An administrator gets
 * the rows of the whole cloud, and no row names its owner. Tacker has a non-standard filter by
 * owner (`tenantId`), but a filter alone is no proof (safety rule: check the owner of every row).
 * The same request is therefore also sent for a project that does not exist. A row in both answers
 * shows that the filter does not work, so the owner of that row is unknown.
 */
export async function ownedBy<Row extends { readonly id: string }>(
  { api, project }: ProjectContext,
  path: string,
  row: z.ZodType<Row>,
): Promise<Owned<Row>[]> {
  const listFor = async (tenant: string): Promise<Row[]> => {
    const query = { all_records: 'yes', filter: `(eq,tenantId,${tenant})` };
    return (await api.list(path, { row, paging: 'none', query })).rows;
  };
  const found = await listFor(project);
  if (found.length === 0) return [];
  const returnedForAnyProject = new Set((await listFor(UNUSED_PROJECT_ID)).map(({ id }) => id));
  return found.map((one) => ({
    ...one,
    owner: returnedForAnyProject.has(one.id) ? undefined : project,
  }));
}
