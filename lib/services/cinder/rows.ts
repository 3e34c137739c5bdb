import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import type { Blocker, ProjectContext } from '../../task/service.ts';
import { temporaryBlocker } from '../kit/blockers.ts';
import { hasStatus } from '../kit/errors.ts';
import { epochMillisOf, hasElapsed } from '../kit/time.ts';

const optionalText = z.string().nullish();
const commonFields = { id: z.string(), name: optionalText, status: z.string() };
const datedFields = { ...commonFields, created_at: optionalText, updated_at: optionalText };

export const volumeRow = z.object({
  ...datedFields,
  'os-vol-tenant-attr:tenant_id': optionalText,
  group_id: optionalText,
  snapshot_id: optionalText,
  source_volid: optionalText,
  metadata: z.record(z.string(), z.unknown()).nullish(),
  volume_image_metadata: z.record(z.string(), z.unknown()).optional(),
  migration_status: optionalText,
  attachments: z.array(z.unknown()).optional(),
});
export type VolumeRow = z.infer<typeof volumeRow>;
export const snapshotRow = z.object({
  ...datedFields,
  'os-extended-snapshot-attributes:project_id': optionalText,
  volume_id: optionalText,
  group_snapshot_id: optionalText,
});
const groupRow = z.object({ ...commonFields, project_id: optionalText });
const groupSnapshotRow = z.object({
  ...commonFields,
  project_id: optionalText,
  group_id: optionalText,
});
const transferRow = z.object({
  id: z.string(),
  name: optionalText,
  volume_id: optionalText,
  source_project_id: optionalText,
});
/** The schema omits `connection_info`, which may contain secrets of the storage. */
const attachmentRow = z.object({ id: z.string(), volume_id: z.string(), instance: optionalText });
const backupRow = z.object({
  ...datedFields,
  'os-backup-project-attr:project_id': optionalText,
  has_dependent_backups: z.boolean(),
  fail_reason: optionalText,
});

/**
 * Returns a function that lists one collection as an administrator, once per iteration. Several
 * resource types need the same list, because resources of one type block resources of another type.
 * Without `all_tenants`, Cinder silently lists the token's own project. The filter must be
 * `project_id`: for an unknown filter such as `tenant_id`, Cinder returns an empty list.
 */
const memoizedListing =
  <S extends z.ZodType>(path: string, collection: string, row: S) =>
  ({ api, project, memoize }: ProjectContext): Promise<z.infer<S>[]> =>
    memoize(`cinder${path}`, async () => {
      const query = { all_tenants: 1, project_id: project };
      return (await api.list(path, { collection, row, paging: 'marker', query })).rows;
    });

export const volumesOf = memoizedListing('/volumes/detail', 'volumes', volumeRow);
export const snapshotsOf = memoizedListing('/snapshots/detail', 'snapshots', snapshotRow);
export const groupsOf = memoizedListing('/groups/detail', 'groups', groupRow);
export const groupSnapshotsOf = memoizedListing(
  '/group_snapshots/detail',
  'group_snapshots',
  groupSnapshotRow,
);
export const transfersOf = memoizedListing('/volume-transfers/detail', 'transfers', transferRow);
export const backupsOf = memoizedListing('/backups/detail', 'backups', backupRow);

type AttachmentRow = z.infer<typeof attachmentRow>;

/** Lists the attachments of the project, once per iteration. */
export const attachmentsOf = (context: ProjectContext): Promise<AttachmentRow[]> =>
  context.memoize('cinder/attachments', () => listAttachments(context));

/**
 * Lists attachments. Cinder returns pages without a link to the next page (seen on 21.3), so only
 * an empty page ends the list.
 */
async function listAttachments({ api, project }: ProjectContext): Promise<AttachmentRow[]> {
  const rowById = new Map<string, AttachmentRow>();
  for (let marker: string | undefined; ; ) {
    const query = { all_tenants: 1, project_id: project, marker };
    const page = await api.list('/attachments', {
      collection: 'attachments',
      row: attachmentRow,
      paging: 'marker',
      query,
    });
    if (page.rows.some((row) => rowById.has(row.id))) throw repeatedPagesError(api.region);
    if (page.rows.length === 0) return [...rowById.values()];
    for (const row of page.rows) rowById.set(row.id, row);
    marker = page.rows.at(-1)?.id;
  }
}

const repeatedPagesError = (region: string): PropagatorError =>
  new PropagatorError({
    code: 'cinder.attachments.endless',
    class: 'Unexpected',
    message: 'cinder: the pages of the list of attachments repeat endlessly',
    advice:
      'The propagator does not trust this list. Check whether a proxy in front of ' +
      'Cinder drops the query parameter "marker".',
    service: 'cinder',
    region,
  });

/** Cinder deletes snapshots, group snapshots and backups in these states without a reset. */
export const DELETABLE_COPY_STATES = ['available', 'error'];

/**
 * The states of volumes that are attached, are being attached or detached, or whose attachment or
 * detachment failed. A volume without an attachment can keep such a state after its server was
 * deleted.
 */
export const ATTACHMENT_STATES = [
  'in-use',
  'reserved',
  'attaching',
  'detaching',
  'error_attaching',
  'error_detaching',
];

/**
 * The value of `independentOf` for types that are removed even while Nova still deletes servers.
 * The listing of such a type sets a blocker on each resource that a server may use.
 */
export const INDEPENDENT_OF_NOVA: readonly string[] = ['nova'];

export const MINUTE = 60_000;
/**
 * A deletion that takes longer than this counts as stuck and is requested again. The second request
 * is safe: while the first deletion runs, it holds a lock, and the second deletion waits.
 */
export const STUCK_AFTER_MILLIS = 10 * MINUTE;
/**
 * If a resource is in a busy state for longer than this, the report asks the operator to act. The
 * limit is high, because the copy of a large volume takes long.
 */
const BUSY_LIMIT_MILLIS = 60 * MINUTE;

/** A row with the reason why its removal must wait. */
export type WithBlocker<Row> = Row & { readonly blocker?: Blocker | undefined };

/** Returns the time of the last change in epoch milliseconds. */
export const changedAt = (row: {
  updated_at?: string | null | undefined;
  created_at?: string | null | undefined;
}): number => epochMillisOf(row.updated_at ?? row.created_at);

/** Returns the time of the latest change of these rows, or -Infinity if there are no rows. */
export const latestChangeAt = (rows: readonly Parameters<typeof changedAt>[0][]): number =>
  Math.max(...rows.map(changedAt));

/** True if the resource has not changed for this long. False if its row has no time. */
export const isUnchangedFor = (
  millis: number,
  row: Parameters<typeof changedAt>[0],
  { now }: ProjectContext,
): boolean => hasElapsed(millis, changedAt(row), now());

/**
 * Returns the blocker of a resource that Cinder is processing (`uploading`, `backing-up`,
 * `maintenance`) and would refuse to delete.
 */
export function busyBlocker(
  row: { status: string } & Parameters<typeof changedAt>[0],
  context: ProjectContext,
): Blocker {
  if (!isUnchangedFor(BUSY_LIMIT_MILLIS, row, context))
    return temporaryBlocker(`Cinder is still processing the resource (status ${row.status})`);
  return {
    message: `Cinder has been processing the resource for more than an hour (status ${row.status})`,
    actor: 'operator',
    advice:
      'Search the log of cinder-volume for the id of the resource. If Cinder no longer processes ' +
      'the resource, set its state to "error": openstack volume set --state error ID (or volume ' +
      'snapshot set, volume backup set). The propagator then deletes the resource.',
  };
}

/**
 * Converts a 400 to a blocker, because Cinder answers 400 with the reason that prevents a deletion.
 * Throws any other error.
 */
export function refusalBlocker(error: unknown): Blocker {
  if (!hasStatus(error, 400)) throw error;
  return { message: error.message, actor: 'operator', advice: error.report.advice };
}
