import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import {
  defineType,
  HOLD_TAG,
  type ProjectContext,
  type Removal,
  type ServiceApi,
} from '../../task/service.ts';
import { epochMillisOf, hasElapsed } from '../kit/time.ts';
import { listServers, listServersOrHiddenRow, type ServerRow } from './server-listing.ts';

/** The default number of parallel calls to Nova. */
export const NOVA_CONCURRENCY = 8;
/**
 * A deletion that takes longer than this counts as stuck. Most deletions take seconds. If Nova's
 * message to the compute host is lost, Nova does not send it again, and the deletion never ends.
 */
const STUCK_AFTER_MILLIS = 5 * 60_000;
/** The number of deletion requests after which the servers are listed again. */
const DELETE_BATCH_SIZE = 100;

const pathOf = (row: ServerRow): string => `/servers/${encodeURIComponent(row.id)}`;
const hasDeletingTaskState = (row: ServerRow): boolean =>
  ['deleting', 'soft-deleting'].includes(row['OS-EXT-STS:task_state'] ?? '');

const actionsBody = z.object({
  instanceActions: z.array(z.object({ action: z.string(), start_time: z.string() })),
});

/**
 * Returns the time of the first deletion request that follows the newest action of another kind
 * (for example a reboot), in epoch milliseconds. State resets are ignored, because the propagator
 * itself resets the state of a stuck deletion. Returns `undefined` if there is no such request.
 */
async function deletingSince(row: ServerRow, api: ServiceApi): Promise<number | undefined> {
  const answer = await api.request('GET', `${pathOf(row)}/os-instance-actions`);
  const newestFirst = actionsBody
    .parse(answer.json)
    .instanceActions.map(({ action, start_time }) => ({
      action,
      startedAt: epochMillisOf(start_time),
    }))
    .sort((a, b) => b.startedAt - a.startedAt);
  let oldestRequestAt: number | undefined;
  for (const { action, startedAt } of newestFirst) {
    if (action === 'delete') oldestRequestAt = startedAt;
    else if (action !== 'resetState') break;
  }
  return oldestRequestAt;
}

/**
 * Returns the result `accepted`, with `stuckSince` if the oldest deletion request was made more
 * than {@link STUCK_AFTER_MILLIS} ago.
 */
async function acceptedRemoval(row: ServerRow, { api, now }: ProjectContext): Promise<Removal> {
  const since = await deletingSince(row, api);
  return since !== undefined && now() - since > STUCK_AFTER_MILLIS
    ? { kind: 'accepted', stuckSince: since }
    : { kind: 'accepted' };
}

/**
 * True if the deletion is in progress and not stuck. {@link removeServer} then makes no call. Nova
 * lists a server with the status `DELETED` for a moment after its deletion.
 */
const isDeletionInProgress = (row: ServerRow, { now }: ProjectContext): boolean =>
  row.status === 'DELETED' ||
  (hasDeletingTaskState(row) && !hasElapsed(STUCK_AFTER_MILLIS, epochMillisOf(row.updated), now()));

async function removeServer(row: ServerRow, context: ProjectContext): Promise<Removal> {
  const { api } = context;
  const postAction = (json: object) => api.request('POST', `${pathOf(row)}/action`, { json });
  if (isDeletionInProgress(row, context)) return { kind: 'accepted' };
  if (row.status === 'SOFT_DELETED') {
    await postAction({ forceDelete: null });
    return { kind: 'accepted' };
  }
  if (hasDeletingTaskState(row)) {
    const requestedAt = epochMillisOf(row.updated);
    // While the host is up, Nova ignores DELETE and forceDelete for a server in task state
    // "deleting" (seen on 26.2). A reset of the state ends this task state.
    await postAction({ 'os-resetState': { state: 'error' } });
    await api.request('DELETE', pathOf(row));
    return {
      kind: 'accepted',
      stuckSince: Math.min(requestedAt, (await deletingSince(row, api)) ?? requestedAt),
    };
  }
  // Nova permits an administrator to delete a locked server.
  await api.request('DELETE', pathOf(row));
  return row.status === 'ERROR' ? acceptedRemoval(row, context) : { kind: 'accepted' };
}

const IGNORED_DELETION: Removal = {
  kind: 'blocked',
  message:
    'Nova accepted the deletion but did nothing: disable_terminate is set for the ' +
    'server in the database',
  actor: 'operator',
  advice:
    'Set disable_terminate to 0 for this server in the table "instances" of its ' +
    'cell database. No API can reset it.',
};

/**
 * Requests many deletions and then lists the servers once to see the result. For a server with
 * `disable_terminate`, which no API shows, Nova answers 204 and keeps the server. If the deletion
 * of all servers is already in progress, no new listing is needed.
 */
async function removeServers(
  rows: readonly ServerRow[],
  context: ProjectContext,
): Promise<(Removal | PropagatorError)[]> {
  if (rows.every((row) => isDeletionInProgress(row, context)))
    return rows.map(() => ({ kind: 'accepted' }));
  const results = await requestDeletions(rows, context);
  const rowAfterById = new Map((await listServers(context)).map((row) => [row.id, row]));
  return rows.map((row, index) => {
    const result = results[index] ?? IGNORED_DELETION;
    const rowAfter = rowAfterById.get(row.id);
    if (result instanceof Error || result.kind !== 'accepted') return result;
    if (!rowAfter) return { kind: 'gone' };
    return isUnchanged(row, rowAfter) ? IGNORED_DELETION : result;
  });
}

/** True if Nova has ignored the deletion request: the new listing shows the server unchanged. */
const isUnchanged = (before: ServerRow, after: ServerRow): boolean =>
  !['SOFT_DELETED', 'DELETED'].includes(before.status) &&
  !hasDeletingTaskState(before) &&
  !hasDeletingTaskState(after) &&
  after.status === before.status &&
  after.updated === before.updated;

/** Removes the servers in parallel. After a 403 no more removals are requested. */
async function requestDeletions(
  rows: readonly ServerRow[],
  context: ProjectContext,
): Promise<(Removal | PropagatorError)[]> {
  const results = new Array<Removal | PropagatorError>(rows.length);
  let refusal: PropagatorError | undefined;
  const requestDeletion = async (row: ServerRow): Promise<Removal | PropagatorError> => {
    try {
      return await removeServer(row, context);
    } catch (error) {
      if (!(error instanceof PropagatorError)) throw error;
      if (error.class === 'Denied') refusal = error;
      return error;
    }
  };
  const queue = rows.entries();
  const worker = async (): Promise<void> => {
    for (const [index, row] of queue) results[index] = refusal ?? (await requestDeletion(row));
  };
  await Promise.all(Array.from({ length: NOVA_CONCURRENCY }, worker));
  return results;
}

export const server = defineType<ServerRow>({
  name: 'server',
  list: listServersOrHiddenRow,
  id: (row) => row.id,
  owner: (row) => row.tenant_id ?? undefined,
  label: (row) => row.name ?? undefined,
  createdAt: (row) => epochMillisOf(row.created),
  isHeld: ({ metadata }) => HOLD_TAG in (metadata ?? {}),
  idsDeletedTogether: (row) =>
    (row['os-extended-volumes:volumes_attached'] ?? []).flatMap((volume) =>
      volume.delete_on_termination ? [volume.id] : [],
    ),
  blocked: ({ hiddenServersBlocker }) => hiddenServersBlocker,
  remove: removeServer,
  batch: { maxItems: DELETE_BATCH_SIZE, remove: removeServers },
});
