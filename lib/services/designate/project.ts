import * as z from 'zod';
import type { ProjectContext } from '../../task/service.ts';

export const optionalText = z.string().nullish();

/**
 * Designate has no filter by project: an administrator names the project in a header (`use_sudo`).
 * Designate does not look the project up in Keystone. Without the header all resources of the
 * project answer 404, which must not count as gone.
 */
export const projectHeader = (project: string): Record<string, string> => ({
  'x-auth-sudo-project-id': project,
});
/** The header for calls about zones of other projects. */
export const ALL_PROJECTS_HEADER: Readonly<Record<string, string>> = {
  'x-auth-all-projects': 'true',
};

interface Owned {
  readonly project_id?: string | null | undefined;
}

/**
 * Returns one listing as the project sees it. Designate links to a next page only if a page is
 * full.
 */
export async function rowsOf<S extends z.ZodType<Owned>>(
  { api, project }: ProjectContext,
  path: string,
  collection: string,
  row: S,
): Promise<z.infer<S>[]> {
  // Without this header Designate may count all rows, in a database of millions of records.
  const headers = { ...projectHeader(project), 'openstack-dns-hide-counts': 'true' };
  const { rows } = await api.list(path, { collection, row, paging: 'next', headers });
  // Designate shows resources without a project (null), which belong to the cloud, to every
  // project. A row without the field is kept, so that the owner check sees it.
  return rows.filter(({ project_id: owner }) => owner !== null);
}

export const ownerOf = (row: Owned): string | undefined => row.project_id ?? undefined;

/** Example: `2 zones of project 4f…, 1 zone of project 9a…`. */
export function countByOwner(
  rows: readonly Owned[],
  [one, many]: readonly [string, string],
): string {
  const owners = [...new Set(rows.map((row) => ownerOf(row) ?? ''))].sort();
  const parts = owners.map((owner) => {
    const count = rows.filter((row) => (ownerOf(row) ?? '') === owner).length;
    const project = owner === '' ? 'no project' : `project ${owner}`;
    return `${count} ${count === 1 ? one : many} of ${project}`;
  });
  return parts.join(', ');
}
