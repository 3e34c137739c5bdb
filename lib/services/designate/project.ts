import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import type { ProjectContext } from '../../task/service.ts';

export const text = z.string().nullish();

/**
 * Designate has no filter by project: an administrator says in a header for whom he asks
 * (`use_sudo`). It does not look the project up in Keystone. Without the header everything of the
 * project answers 404, which must not be taken for gone.
 */
export const inProject = (project: string): Record<string, string> => ({
  'x-auth-sudo-project-id': project,
});
/** For what stands in zones of others. */
export const IN_ALL_PROJECTS: Readonly<Record<string, string>> = { 'x-auth-all-projects': 'true' };

interface Owned {
  readonly project_id?: string | null | undefined;
}

/**
 * One listing as the project sees it. It links to a next page whenever a page is full, to none
 * otherwise.
 */
export async function rowsOf<S extends z.ZodType<Owned>>(
  { api, project }: ProjectContext,
  path: string,
  collection: string,
  row: S,
): Promise<z.infer<S>[]> {
  // It may count what stands in a database of millions of records, unless it is told not to.
  const headers = { ...inProject(project), 'openstack-dns-hide-counts': 'true' };
  const { rows } = await api.list(path, { collection, row, paging: 'next', headers });
  // Designate shows to every project what was made without one (null): the cloud's own. A row that
  // does not say stays in.
  return rows.filter(({ project_id: owner }) => owner !== null);
}

export const ownerOf = (row: Owned): string | undefined => row.project_id ?? undefined;

export const failedWith = (error: unknown, status: number): error is PropagatorError =>
  error instanceof PropagatorError && error.report.status === status;

/** `2 zones of project 4f…, 1 zone of project 9a…`. */
export function countedByOwner(
  rows: readonly Owned[],
  [one, many]: readonly [string, string],
): string {
  const owners = [...new Set(rows.map((row) => ownerOf(row) ?? ''))].sort();
  const parts = owners.map((owner) => {
    const count = rows.filter((row) => (ownerOf(row) ?? '') === owner).length;
    return `${count} ${count === 1 ? one : many} of ${owner === '' ? 'no project' : `project ${owner}`}`;
  });
  return parts.join(', ');
}
