import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import type { ProjectContext, Removal } from '../../task/service.ts';
import {
  accountOf,
  clusterInfoOf,
  DEFAULT_PAGE_SIZE,
  requestAccount,
  withRoleAdvice,
} from './account.ts';
import { bulkDelete } from './bulk.ts';

export interface ObjectRow {
  readonly container: string;
  readonly name: string;
  /** Set if the container keeps versions. A delete marker is also a version. */
  readonly version: string | undefined;
  readonly owner: string;
}

export const pathOfContainer = (name: string): string => `/${encodeURIComponent(name)}`;
/**
 * Returns the path of an object. Escapes each segment separately, because a proxy in front of Swift
 * may refuse `%2F`. The client sends the path unchanged, so a segment `..` is part of the name.
 */
const pathOfObject = (row: ObjectRow): string =>
  `${pathOfContainer(row.container)}/${row.name.split('/').map(encodeURIComponent).join('/')}`;

const listedObject = z.object({ name: z.string(), version_id: z.string().optional() });

/**
 * Lists about `maxRows` objects, versions and delete markers of one container. `hasMore`: the
 * container has more than these. Returns no rows for a 404: the account's listing may still contain
 * a deleted container.
 */
export async function objectsOf(
  context: ProjectContext,
  container: string,
  maxRows: number,
): Promise<{ rows: ObjectRow[]; hasMore: boolean }> {
  const info = await clusterInfoOf(context);
  const { endpoint, project } = accountOf(context);
  // A cluster without versioning ignores the parameter.
  const query = info === undefined || info.object_versioning ? { versions: true } : {};
  const pageSize = info?.swift?.container_listing_limit ?? DEFAULT_PAGE_SIZE;
  try {
    const { rows, hasMore } = await withRoleAdvice(
      context.api.list(pathOfContainer(container), {
        row: listedObject,
        paging: 'swift',
        pageSize,
        maxRows,
        query,
        endpoint,
      }),
    );
    return {
      hasMore,
      rows: rows.map(({ name, version_id: version }) => ({
        container,
        name,
        // Swift shows the version id `null` for an object without a version.
        version: version === 'null' ? undefined : version,
        owner: project,
      })),
    };
  } catch (error) {
    if (error instanceof PropagatorError && error.report.status === 404)
      return { rows: [], hasMore: false };
    throw error;
  }
}

/**
 * Removes the objects of one listing: versions separately, and other objects by bulk deletes if the
 * cluster supports them. Returns one result per row. Throws if a bulk delete fails as a whole.
 */
export async function removeObjects(
  rows: readonly ObjectRow[],
  context: ProjectContext,
): Promise<(Removal | PropagatorError)[]> {
  for (const container of new Set(rows.map((row) => row.container)))
    await stopSideEffects(container, context);
  const bulkDeleteLimits = (await clusterInfoOf(context))?.bulk_delete;
  const results: ResultByRow = new Map();
  // The bulk delete does not support version ids.
  const canBulkDelete = (row: ObjectRow): boolean =>
    bulkDeleteLimits !== undefined && row.version === undefined;
  const singleRows = rows.filter((row) => !canBulkDelete(row));
  const bulkRows = rows.filter(canBulkDelete);
  const maxPathsPerRequest = bulkDeleteLimits?.max_deletes_per_request ?? rows.length;
  await removeSingly(singleRows, context, results);
  await removeInBulk(bulkRows, maxPathsPerRequest, context, results);
  return rows.map((row) => results.get(row) ?? { kind: 'accepted' });
}

/** Removes the objects in requests of limited size, and adds the result of each to `results`. */
async function removeInBulk(
  rows: readonly ObjectRow[],
  maxPathsPerRequest: number,
  context: ProjectContext,
  results: ResultByRow,
): Promise<void> {
  for (let start = 0; start < rows.length; start += maxPathsPerRequest) {
    const chunk = rows.slice(start, start + maxPathsPerRequest);
    const removals = await bulkDelete(chunk.map(pathOfObject), context);
    for (const [index, row] of chunk.entries())
      results.set(row, removals[index] ?? { kind: 'accepted' });
  }
}

type ResultByRow = Map<ObjectRow, Removal | PropagatorError>;

/** The maximum of parallel calls for one batch of rows. The limit of the API also applies. */
const PARALLEL_DELETIONS = 8;

/** Removes each object with its own call, and adds the result of each to `results`. */
async function removeSingly(
  rows: readonly ObjectRow[],
  context: ProjectContext,
  results: ResultByRow,
): Promise<void> {
  const remainingRows = rows.values();
  let refusal: PropagatorError | undefined;
  const worker = async (): Promise<void> => {
    for (const row of remainingRows) {
      // After a 401 or 403, Swift would also refuse all further calls.
      const result = refusal ?? (await removeObject(row, context));
      results.set(row, result);
      if (result instanceof PropagatorError && result.class === 'Denied') refusal = result;
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_DELETIONS }, worker));
}

/**
 * Removes an object or a version. A DELETE with the version id removes the version. In a versioned
 * container, a DELETE without the version id would only add a delete marker.
 */
async function removeObject(
  row: ObjectRow,
  context: ProjectContext,
): Promise<Removal | PropagatorError> {
  try {
    const query = row.version === undefined ? {} : { 'version-id': row.version };
    const answer = await requestAccount(context, 'DELETE', pathOfObject(row), {
      query,
      accept: [404],
    });
    // A 404 means that the container's listing is outdated. Only a new listing proves that the
    // object is gone.
    return answer.status === 404 ? { kind: 'accepted' } : { kind: 'gone' };
  } catch (error) {
    if (error instanceof PropagatorError) return error;
    throw error;
  }
}

/**
 * Container headers, without the prefix `x-`, that make Swift change another container when an
 * object is deleted.
 */
const SIDE_EFFECT_HEADERS = ['versions-location', 'history-location', 'container-sync-to'];

/**
 * Disables the older versioning (`X-Versions-Location`, `X-History-Location`) and the
 * synchronization (`X-Container-Sync-To`) of a container. With the older versioning, a DELETE would
 * restore the previous version, or copy the object to another container. With the synchronization,
 * Swift would also delete the objects in the target container, which may belong to another project.
 * A cluster may have these two features although its `/info` does not list them. A POST to a
 * missing container answers 404 and creates nothing.
 */
async function stopSideEffects(container: string, context: ProjectContext): Promise<void> {
  await context.memoize(`swift.side-effects/${container}`, async () => {
    const { headers } = await requestAccount(context, 'HEAD', pathOfContainer(container), {
      accept: [404],
    });
    if (!SIDE_EFFECT_HEADERS.some((name) => headers.has(`x-${name}`))) return;
    await requestAccount(context, 'POST', pathOfContainer(container), {
      headers: Object.fromEntries(SIDE_EFFECT_HEADERS.map((name) => [`x-remove-${name}`, 'x'])),
      accept: [404],
    });
  });
}
