import { type Cloud, HttpError, type Row, rowsOf, text } from '../cloud.ts';
import type { ListedResource } from './table.ts';

const RESOURCE_TYPES = ['order', 'container', 'secret'] as const;
/**
 * The resources of each project that a snapshot saw while the project existed, by the id of the
 * project.
 */
const lastKeysByProject = new Map<string, ListedResource[]>();

/**
 * Returns Barbican's resources of a project. Only a member sees them, so the suite's login on that
 * project lists them. After the project's deletion no token lists them. But Barbican searches for a
 * secret or a container before it checks the caller: 403 means that it still exists, 404 that it
 * does not. Orders of a deleted project and resources that were never seen can't be found.
 */
export async function listKeys(cloud: Cloud, projectId: string): Promise<ListedResource[]> {
  const member = cloud.memberOf(projectId);
  if (member === undefined) return [];
  try {
    const found: ListedResource[] = [];
    for (const resourceType of RESOURCE_TYPES) {
      for (
        let rows: Row[] | undefined, offset = 0;
        rows === undefined || rows.length > 0;
        offset += rows.length
      ) {
        rows = rowsOf(
          (await member.call('key-manager', 'GET', `/${resourceType}s?limit=100&offset=${offset}`))
            .json,
          `${resourceType}s`,
        );
        for (const row of rows)
          found.push({
            resourceType: `barbican.${resourceType}`,
            id: text(row, `${resourceType}_ref`).split('/').at(-1) ?? '',
            name: typeof row.name === 'string' ? row.name : '',
            owner: projectId,
            row,
          });
      }
    }
    lastKeysByProject.set(projectId, found);
    return found;
  } catch (error) {
    if (!(error instanceof HttpError) || error.status !== 401) throw error;
    return existingKeys(cloud, lastKeysByProject.get(projectId) ?? []);
  }
}

async function existingKeys(
  { admin }: Cloud,
  resources: readonly ListedResource[],
): Promise<ListedResource[]> {
  const left = await Promise.all(
    resources
      .filter(({ resourceType }) => resourceType !== 'barbican.order')
      .map(async (resource) => {
        const path = `/${resource.resourceType.split('.')[1]}s/${resource.id}`;
        const { status } = await admin.call('key-manager', 'GET', path, { accept: [403, 404] });
        return status === 404 ? [] : [resource];
      }),
  );
  return left.flat();
}
