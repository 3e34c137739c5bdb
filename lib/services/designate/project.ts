import * as z from 'zod';
import type { ProjectContext } from '../../task/service.ts';

export const optionalText = z.string().nullish();

/**
 * Returns the header with which an administrator names the project (`use_sudo`), because Designate
 * has no filter by project. Designate does not check the project in Keystone. Without the header,
 * Designate answers 404 for each resource of the project, and such a 404 must not count as gone.
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

/** Returns the rows of a listing that the project can see. */
export async function rowsOf<S extends z.ZodType<Owned>>(
  { api, project }: ProjectContext,
  path: string,
  collection: string,
  row: S,
): Promise<z.infer<S>[]> {
  // Without this header, Designate counts all rows, which may be millions of records.
  const headers = { ...projectHeader(project), 'openstack-dns-hide-counts': 'true' };
  const { rows } = await api.list(path, { collection, row, paging: 'next', headers });
  // Rows with the project null belong to the cloud, and Designate shows them to every project. Rows
  // without the field remain, so that the owner check reports them.
  return rows.filter(({ project_id: owner }) => owner !== null);
}

export const ownerOf = (row: Owned): string | undefined => row.project_id ?? undefined;

/** Returns, for example, `2 zones of project 4f…, 1 zone of project 9a…`. */
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
