import * as z from 'zod';
import type { ProjectContext } from '../../task/service.ts';

export const optionalText = z.string().nullish();

/**
 * Returns the header with which an administrator acts for the project (policy `use_sudo`).
 * Designate has no filter by project, so listings need this header. It also works after the project
 * is deleted, because Designate does not check the project in Keystone. To a call without this
 * header or {@link ALL_PROJECTS_HEADER}, Designate answers 404 for a resource of the project, and
 * the resource would wrongly count as gone.
 */
export const projectHeader = (project: string): Record<string, string> => ({
  'x-auth-sudo-project-id': project,
});
/** The header for calls about zones of any project. */
export const ALL_PROJECTS_HEADER: Readonly<Record<string, string>> = {
  'x-auth-all-projects': 'true',
};

interface OwnedRow {
  readonly project_id?: string | null | undefined;
}

/** Lists a collection as the project sees it, without rows that belong to the cloud. */
export async function listAsProject<S extends z.ZodType<OwnedRow>>(
  { api, project }: ProjectContext,
  path: string,
  collection: string,
  row: S,
): Promise<z.infer<S>[]> {
  // With this header, Designate does not count the rows, which may be millions of records.
  const headers = { ...projectHeader(project), 'openstack-dns-hide-counts': 'true' };
  const { rows } = await api.list(path, { collection, row, paging: 'next', headers });
  // Rows with the project null belong to the cloud, and Designate shows them to every project. Rows
  // that lack the field are returned, so that the owner check reports them.
  return rows.filter(({ project_id: owner }) => owner !== null);
}

export const ownerOf = (row: OwnedRow): string | undefined => row.project_id ?? undefined;

/** Returns the number of rows of each owner: `2 zones of project 4f…, 1 zone of project 9a…`. */
export function describeCountByOwner(
  rows: readonly OwnedRow[],
  [singular, plural]: readonly [string, string],
): string {
  const owners = [...new Set(rows.map((row) => ownerOf(row) ?? ''))].sort();
  const counts = owners.map((owner) => {
    const count = rows.filter((row) => (ownerOf(row) ?? '') === owner).length;
    const project = owner === '' ? 'no project' : `project ${owner}`;
    return `${count} ${count === 1 ? singular : plural} of ${project}`;
  });
  return counts.join(', ');
}
