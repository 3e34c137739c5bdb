import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import type { ProjectContext, Removal } from '../../task/service.ts';
import { accountOf, ask, CAREFUL_PAGE, infoOf, speak } from './account.ts';
import { bulkDelete } from './bulk.ts';

export interface ObjectRow {
  readonly container: string;
  readonly name: string;
  /** Set where the container keeps versions; a delete marker is one, too. */
  readonly version: string | undefined;
  readonly owner: string;
}

export const pathOfContainer = (name: string): string => `/${encodeURIComponent(name)}`;
/**
 * Segment by segment: a proxy before Swift may refuse `%2F`. The client sends a path to the letter,
 * so that `..` stays a name.
 */
const pathOfObject = (row: ObjectRow): string =>
  `${pathOfContainer(row.container)}/${row.name.split('/').map(encodeURIComponent).join('/')}`;

const listed = z.object({ name: z.string(), version_id: z.string().optional() });

/**
 * Objects, versions and delete markers of one container, in one listing; cut after about `atMost`.
 * None when only the account's listing still has the container (404).
 */
export async function objectsOf(
  context: ProjectContext,
  container: string,
  atMost: number,
): Promise<{ rows: ObjectRow[]; more: boolean }> {
  const known = await infoOf(context);
  const { endpoint, project } = accountOf(context);
  // Where nobody keeps versions the word is unknown and does nothing.
  const query = known === undefined || known.object_versioning ? { versions: true } : {};
  const limit = known?.swift?.container_listing_limit ?? CAREFUL_PAGE;
  try {
    const { rows, more } = await speak(
      context.api.list(pathOfContainer(container), {
        row: listed,
        paging: 'swift',
        limit,
        atMost,
        query,
        endpoint,
      }),
    );
    const version = (id: string | undefined): string | undefined =>
      id === 'null' ? undefined : id;
    return {
      more,
      rows: rows.map((row) => ({
        container,
        name: row.name,
        version: version(row.version_id),
        owner: project,
      })),
    };
  } catch (error) {
    if (error instanceof PropagatorError && error.report.status === 404)
      return { rows: [], more: false };
    throw error;
  }
}

/**
 * Removes objects of one look: versions one by one, the rest by bulk deletes where the cluster has
 * them. Answers one for one; throws what is true of all of them.
 */
export async function removeObjects(
  rows: readonly ObjectRow[],
  context: ProjectContext,
): Promise<(Removal | PropagatorError)[]> {
  for (const container of new Set(rows.map((row) => row.container)))
    await stopOldVersioning(container, context);
  const bulk = (await infoOf(context))?.bulk_delete;
  const answers = new Map<ObjectRow, Removal | PropagatorError>();
  // The bulk delete knows no version ids.
  const isWhole = (row: ObjectRow): boolean => bulk !== undefined && row.version === undefined;
  const single = rows.filter((row) => !isWhole(row));
  const whole = rows.filter(isWhole);
  await removeEach(single, context, answers);
  const most = bulk?.max_deletes_per_request ?? rows.length;
  for (let at = 0; at < whole.length; at += most) {
    const some = whole.slice(at, at + most);
    const removals = await bulkDelete(some.map(pathOfObject), context);
    for (const [index, row] of some.entries())
      answers.set(row, removals[index] ?? { is: 'accepted' });
  }
  return rows.map((row) => answers.get(row) ?? { is: 'accepted' });
}

/**
 * Calls under way at the same time for one handful of rows; the API's own bound holds beside it.
 */
const AT_ONCE = 8;

async function removeEach(
  rows: readonly ObjectRow[],
  context: ProjectContext,
  answers: Map<ObjectRow, Removal | PropagatorError>,
): Promise<void> {
  const open = rows.values();
  let refused: PropagatorError | undefined;
  const worker = async (): Promise<void> => {
    for (const row of open) {
      // After a first 401 or 403 the rest would be refused, too.
      const answer = refused ?? (await removeObject(row, context));
      answers.set(row, answer);
      if (answer instanceof PropagatorError && answer.class === 'Denied') refused = answer;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/**
 * With its id a version is removed for good; without it a DELETE in a versioned container adds a
 * marker.
 */
async function removeObject(
  row: ObjectRow,
  context: ProjectContext,
): Promise<Removal | PropagatorError> {
  try {
    const query = row.version === undefined ? {} : { 'version-id': row.version };
    const answer = await ask(context, 'DELETE', pathOfObject(row), { query, accept: [404] });
    // 404 on a row that is listed: the container's listing lags behind, and only the listing proves
    // anything.
    return answer.status === 404 ? { is: 'accepted' } : { is: 'gone' };
  } catch (error) {
    if (error instanceof PropagatorError) return error;
    throw error;
  }
}

/**
 * Versions in the old way (`X-Versions-Location`, `X-History-Location`) must be switched off first:
 * a DELETE would bring the version before it back, or copy the object aside. Nothing is created:
 * POST on a container that is not there answers 404.
 */
async function stopOldVersioning(container: string, context: ProjectContext): Promise<void> {
  const known = await infoOf(context);
  if (known !== undefined && !known.versioned_writes) return;
  await context.memoize(`swift.old-versioning/${container}`, async () => {
    const { headers } = await ask(context, 'HEAD', pathOfContainer(container), { accept: [404] });
    if (!headers.has('x-versions-location') && !headers.has('x-history-location')) return;
    const off = { 'x-remove-versions-location': 'x', 'x-remove-history-location': 'x' };
    await ask(context, 'POST', pathOfContainer(container), { headers: off, accept: [404] });
  });
}
