import * as z from 'zod';
import type { ProjectContext } from '../../task/service.ts';
import {
  accountOf,
  clusterInfoOf,
  DEFAULT_PAGE_SIZE,
  isMissingAccount,
  requestAccount,
  withRoleAdvice,
} from './account.ts';
import { type ObjectRow, objectsOf } from './object.ts';

/**
 * The maximum number of objects that one iteration lists. An iteration with this number of objects
 * takes one to two minutes and little memory.
 */
const MAX_LISTED_OBJECTS = 10_000;
/** The number of containers that are listed in parallel. */
const PARALLEL_LISTINGS = 8;

export const containerRow = z.object({ name: z.string() });
export interface ContainerRow {
  readonly name: string;
  readonly owner: string;
}

/**
 * Returns the containers of the account. For an account that was never created, Swift returns an
 * empty list (`account_autocreate`). For a deleted account, Swift answers 410. In both cases there
 * is no data.
 */
export function containersOf(context: ProjectContext): Promise<readonly ContainerRow[]> {
  return context.memoize('swift.containers', async () => {
    const { endpoint, project } = accountOf(context);
    const pageSize =
      (await clusterInfoOf(context))?.swift?.account_listing_limit ?? DEFAULT_PAGE_SIZE;
    try {
      const { rows } = await withRoleAdvice(
        context.api.list('', { row: containerRow, paging: 'swift', pageSize, endpoint }),
      );
      return rows.map(({ name }) => ({ name, owner: project }));
    } catch (error) {
      if (await isMissingAccount(error, context)) return [];
      throw error;
    }
  });
}

/**
 * Returns the names of containers with more objects than this iteration has listed. The listing of
 * the type `object` changes this set. The iteration does not delete these containers.
 */
export const incompleteContainers = (context: ProjectContext): Promise<Set<string>> =>
  context.memoize('swift.incomplete-containers', async () => new Set<string>());

/**
 * Lists the objects of all containers. `hasMore`: the account may have more objects, because this
 * listing or the listing of a container has reached {@link MAX_LISTED_OBJECTS}.
 */
export async function objectsOfAccount(
  context: ProjectContext,
): Promise<{ rows: ObjectRow[]; hasMore: boolean }> {
  const containers = await containersOf(context);
  const incompleteNames = await incompleteContainers(context);
  // A container counts as incomplete until all its objects are listed.
  for (const { name } of containers) incompleteNames.add(name);
  const rows: ObjectRow[] = [];
  for (let start = 0; start < containers.length; start += PARALLEL_LISTINGS) {
    const group = containers.slice(start, start + PARALLEL_LISTINGS);
    const listings = await listObjectsIn(group, context);
    for (const row of listings.flatMap((listing) => listing.rows)) rows.push(row);
    const completeListings = listings.filter(({ hasMore }) => !hasMore);
    for (const { container } of completeListings) incompleteNames.delete(container);
    const hasUnlistedContainers = start + PARALLEL_LISTINGS < containers.length;
    const isTruncated = rows.length >= MAX_LISTED_OBJECTS && hasUnlistedContainers;
    const hasIncompleteListing = completeListings.length < listings.length;
    if (isTruncated || hasIncompleteListing) return { rows, hasMore: true };
  }
  return { rows, hasMore: false };
}

/** Lists the objects of these containers in parallel. */
const listObjectsIn = (containers: readonly ContainerRow[], context: ProjectContext) =>
  Promise.all(
    containers.map(async ({ name }) => ({
      container: name,
      ...(await objectsOf(context, name, MAX_LISTED_OBJECTS)),
    })),
  );

/** Returns the number of objects from the account's statistics, which may be some minutes old. */
export async function objectCount(context: ProjectContext): Promise<number> {
  const { headers } = await requestAccount(context, 'HEAD', '');
  return Number(headers.get('x-account-object-count') ?? 0) || 0;
}
