import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import type { Blocker, ProjectContext, Removal } from '../../task/service.ts';
import { temporaryBlocker } from '../kit/blockers.ts';
import { epochMillisOf } from '../kit/time.ts';

const MINUTE = 60_000;
/** A deletion that takes longer than this counts as stuck. */
export const STUCK_AFTER_MILLIS = 30 * MINUTE;

/**
 * Converts a refusal to a blocker. Manila answers 400, 403 or 409 if another resource prevents a
 * deletion. Throws any other error again, also a 403 because of missing rights. Some releases leave
 * a placeholder in the message: `Invalid share: %(reason)s.`
 */
export function refusalBlocker(error: unknown): Blocker {
  const status = error instanceof PropagatorError ? error.report.status : undefined;
  if (!(error instanceof PropagatorError) || ![400, 403, 409].includes(status ?? 0)) throw error;
  if (status === 403 && /policy doesn't allow/i.test(error.message)) throw error;
  return {
    message: error.message.replace('%(reason)s', 'no reason given'),
    actor: 'operator',
    advice:
      'Look for locks, snapshots and backups of this resource that belong to other ' +
      'projects, and search the log of manila-api for the id of the resource.',
  };
}

const instanceRow = z.object({ updated_at: z.string().nullish() });

/** Reported after the deletion of a resource in `error_deleting` was requested again. */
const FAILED_DELETION: Blocker = {
  message:
    'the back end failed to delete the resource; the propagator requested the deletion again',
  actor: 'operator',
  advice:
    'Search the log of manila-share for the id of the resource. As a last resort, ' +
    '"force_delete" removes the resource from Manila and leaves its data on the back end.',
};

/**
 * Deletes a resource. If its state is an error state other than `error`, for example
 * `error_deleting`, it is first set to `error`, because Manila then accepts the deletion.
 */
export async function deleteResource(
  row: { readonly status: string },
  path: string,
  { api }: ProjectContext,
  options: {
    readonly query?: Record<string, string>;
    readonly headers?: Record<string, string>;
  } = {},
): Promise<Removal> {
  // manila-share deletes the data later (2024.1, is_deferred_deletion_enabled).
  if (row.status.includes('deferred')) return { kind: 'accepted' };
  return sendDeletion(row, async () => {
    // `force_delete` would remove only the row and leave the data on the back end.
    if (/error_|_error/.test(row.status))
      await api.request('POST', `${path}/action`, {
        ...options,
        json: { reset_status: { status: 'error' } },
      });
    await api.request('DELETE', path, options);
  });
}

/**
 * Calls `send`, and converts a refusal to a blocker. If the resource is in `error_deleting`, an
 * earlier deletion failed on the back end, so the result is also a blocker.
 */
export async function sendDeletion(
  { status }: { readonly status: string },
  send: () => Promise<unknown>,
): Promise<Removal> {
  try {
    await send();
  } catch (error) {
    return { kind: 'blocked', ...refusalBlocker(error) };
  }
  return status === 'error_deleting'
    ? { kind: 'blocked', ...FAILED_DELETION }
    : { kind: 'accepted' };
}

/** The states in which a deletion can be requested or is in progress. */
export const DELETABLE_STATES =
  /^(available|error|inactive|deleting|error_deleting|(error_)?deferred_deleting)$/;
export const busyBlocker = (status: string): Blocker =>
  temporaryBlocker(`Manila is still processing the resource (status ${status})`);

/**
 * Returns the start time of a stuck deletion, or `undefined` if the deletion is not stuck or the
 * time is unknown. Only the instances of a resource show this time. `path`: the path of their list.
 */
async function stuckSince(
  path: string,
  collection: string,
  { api, now }: ProjectContext,
): Promise<number | undefined> {
  const { rows } = await api.list(path, { collection, row: instanceRow, paging: 'none' });
  const since = Math.max(...rows.map((row) => epochMillisOf(row.updated_at)));
  return Number.isFinite(since) && now() - since > STUCK_AFTER_MILLIS ? since : undefined;
}

/**
 * The check whether a deletion is stuck needs one call for each resource. While more deletions than
 * this are in progress, none is checked. A stuck deletion is therefore found only after most other
 * deletions have ended.
 */
const MAX_CHECKED_DELETIONS = 5;

/** A row, with the decision whether the run checks if the deletion of its resource is stuck. */
export type WithStuckCheck<Row> = Row & { readonly mustCheckIfStuck: boolean };

/** Adds `mustCheckIfStuck` to the rows: true only while few deletions are in progress. */
export const withStuckCheck = <Row extends { readonly status: string }>(
  rows: readonly Row[],
): WithStuckCheck<Row>[] => {
  const deletionsInProgress = rows.filter((row) => row.status === 'deleting');
  const mustCheckIfStuck = deletionsInProgress.length <= MAX_CHECKED_DELETIONS;
  return rows.map((row) => ({ ...row, mustCheckIfStuck }));
};

/** Returns the result for a deletion in progress, with its start time if it is stuck. */
export async function inProgressRemoval(
  row: WithStuckCheck<unknown>,
  path: string,
  collection: string,
  context: ProjectContext,
): Promise<Removal> {
  const since = row.mustCheckIfStuck ? await stuckSince(path, collection, context) : undefined;
  return since === undefined ? { kind: 'accepted' } : { kind: 'accepted', stuckSince: since };
}
