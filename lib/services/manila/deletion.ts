import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import type { Blocker, ProjectContext, Removal } from '../../task/service.ts';
import { epochOf } from '../kit/time.ts';

const MINUTE = 60_000;
/** A deletion in Manila that takes longer is shown to the operator. */
export const PATIENCE = 30 * MINUTE;

/** Goes on by itself. */
export const waits = (message: string): Blocker => ({ message, actor: 'none' });

/**
 * Manila answers 400, 403 and 409 to what stands in the way; a 403 of its policy is about us and is
 * thrown on. Some of its releases lose the words in between: `Invalid share: %(reason)s.`
 */
export function refusal(error: unknown): Blocker {
  const status = error instanceof PropagatorError ? error.report.status : undefined;
  if (!(error instanceof PropagatorError) || ![400, 403, 409].includes(status ?? 0)) throw error;
  if (status === 403 && /policy doesn't allow/i.test(error.message)) throw error;
  return {
    message: error.message.replace('%(reason)s', 'it does not say why'),
    actor: 'operator',
    advice:
      'Look for locks, snapshots and backups of it that belong to somebody else, and at the log of manila-api for its id.',
  };
}

const instanceRow = z.object({ updated_at: z.string().nullish() });

export const FAILED = 'the back end could not delete it; it was asked again';
export const adviceOnFailure =
  'Look at the log of manila-share for its id. As a last resort, "force_delete" makes Manila forget it and leaves its data on the back end.';

/**
 * Deletes what is at rest, and what failed after its state was set to `error`, for Manila deletes
 * it in no other.
 */
export async function deleted(
  row: { readonly status: string },
  path: string,
  { api }: ProjectContext,
  options: {
    readonly query?: Record<string, string>;
    readonly headers?: Record<string, string>;
  } = {},
): Promise<Removal> {
  // Taken from the customer already, and deleted by manila-share in its own time (2024.1,
  // is_deferred_deletion_enabled).
  if (row.status.includes('deferred')) return { is: 'accepted' };
  try {
    // Not `force_delete`: it forgets what the back end failed to delete.
    if (/error_|_error/.test(row.status))
      await api.request('POST', `${path}/action`, {
        ...options,
        json: { reset_status: { status: 'error' } },
      });
    await api.request('DELETE', path, options);
  } catch (error) {
    return { is: 'blocked', ...refusal(error) };
  }
  return row.status === 'error_deleting'
    ? { is: 'blocked', message: FAILED, actor: 'operator', advice: adviceOnFailure }
    : { is: 'accepted' };
}

/** In these a thing can be asked to go, or is on its way. */
export const AT_REST =
  /^(available|error|inactive|deleting|error_deleting|(error_)?deferred_deleting)$/;
export const busy = (status: string): Blocker => waits(`it is busy (${status})`);

/**
 * When a deletion began, by the rows of a thing's instances: the thing itself does not say.
 * `undefined`: not long ago, or nobody knows.
 */
async function stuckSince(
  path: string,
  collection: string,
  { api, now }: ProjectContext,
): Promise<number | undefined> {
  const { rows } = await api.list(path, { collection, row: instanceRow, paging: 'none' });
  const since = Math.max(...rows.map((row) => epochOf(row.updated_at)));
  return Number.isFinite(since) && now() - since > PATIENCE ? since : undefined;
}

/** So many deletions are asked after; of more, the ones that hang are those that remain. */
const FEW = 5;

/** The row, and whether so few are being deleted that it may be asked since when. */
export type Deleting<Row> = Row & { readonly isOneOfFew: boolean };
export const counted = <Row extends { readonly status: string }>(
  rows: readonly Row[],
): Deleting<Row>[] => {
  const isOneOfFew = rows.filter((row) => row.status === 'deleting').length <= FEW;
  return rows.map((row) => ({ ...row, isOneOfFew }));
};

/** On its way; with the time since when, if that is long ago. */
export async function underway(
  row: Deleting<unknown>,
  path: string,
  collection: string,
  context: ProjectContext,
): Promise<Removal> {
  const since = row.isOneOfFew ? await stuckSince(path, collection, context) : undefined;
  return since === undefined ? { is: 'accepted' } : { is: 'accepted', stuckSince: since };
}
