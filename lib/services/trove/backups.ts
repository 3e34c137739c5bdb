import * as z from 'zod';

import { type Blocker, defineType, type ProjectContext, type Removal } from '../../task/service.ts';
import { temporaryBlocker } from '../kit/blockers.ts';
import { hasStatus } from '../kit/errors.ts';
import { instancesOf } from './rows.ts';

const optionalText = z.string().nullish();
const backupRow = z.object({
  id: z.string(),
  name: optionalText,
  project_id: optionalText,
  status: optionalText,
  instance_id: optionalText,
  parent_id: optionalText,
});
type BackupRow = z.infer<typeof backupRow>;

const RUNNING_STATUSES = ['NEW', 'BUILDING', 'SAVING'];

const backupsOf = async (
  { api }: ProjectContext,
  query: { project_id: string } | { all_projects: true },
): Promise<BackupRow[]> =>
  (await api.list('/backups', { collection: 'backups', row: backupRow, paging: 'marker', query }))
    .rows;

/**
 * Backups. With a token on the project, Trove also removes the data of a backup. With another
 * token, Trove searches for the data in the caller's Swift account, and removes only the row. The
 * task of Swift then removes the data with the project's containers.
 */
export const backup = defineType({
  name: 'backup',
  blockers: [
    'Trove deletes no running backup. The propagator therefore first marks the backup as failed. ' +
      'The only call for this is an action of the database instance of the backup. If the ' +
      'instance no longer exists, Trove refuses the deletion for three days ' +
      '(running_backups_expires).',
    'Trove calls Swift with the token of the caller, even if a backup has no data in Swift. If ' +
      'the caller has no role in Swift, Trove refuses the deletion.',
  ],
  async list(context) {
    const rows = await backupsOf(context, { project_id: context.project });
    if (rows.length === 0) return [];
    // Trove deletes a backup with all backups that are based on it. An administrator may have
    // created such a backup in another project.
    const backupsOfCloud = await backupsOf(context, { all_projects: true });
    const backups = rows.map((row) => {
      const basedOnRow = descendants(row, backupsOfCloud);
      return {
        ...row,
        descendantIds: basedOnRow.map(({ id }) => id),
        foreignDescendants: basedOnRow.filter(
          (descendant) => descendant.project_id !== row.project_id,
        ),
      };
    });
    return backups.map((row) => ({
      ...row,
      parent: backups.find(({ id }) => id === row.parent_id),
    }));
  },
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  idsDeletedTogether: (row) => row.descendantIds,
  blocked(row): Blocker | undefined {
    const [foreignBackup] = row.foreignDescendants;
    if (foreignBackup)
      return {
        message:
          `backup ${foreignBackup.id} of another project is an increment of this backup, and ` +
          'Trove would delete both',
        actor: 'other-project',
        advice: 'Ask its owner to delete that backup.',
      };
    return row.parent && row.parent.foreignDescendants.length === 0
      ? temporaryBlocker('Trove deletes this backup together with its parent backup')
      : undefined;
  },
  async remove(row, context): Promise<Removal> {
    if (RUNNING_STATUSES.includes(row.status ?? '')) await resetToFailed(row, context);
    try {
      await (context.projectApi ?? context.api).request('DELETE', pathOf(row));
    } catch (error) {
      return removalAfterRefusal(row, error, context);
    }
    return { kind: 'accepted' };
  },
});

const pathOf = (row: BackupRow): string => `/backups/${encodeURIComponent(row.id)}`;

/** Converts a refusal of Trove to the result of the removal. Throws any other error again. */
async function removalAfterRefusal(
  row: BackupRow,
  error: unknown,
  { api }: ProjectContext,
): Promise<Removal> {
  if (!hasStatus(error, 401, 404, 422)) throw error;
  const isRunning = error.report.status === 422;
  // Trove also answers 404 if the cloud has no Swift.
  if (error.report.status === 404) {
    const { status } = await api.request('GET', pathOf(row), { accept: [404] });
    if (status === 404) return { kind: 'gone' };
  }
  return {
    kind: 'blocked',
    message: error.message,
    actor: 'operator',
    advice: isRunning
      ? 'Set the status of the backup to FAILED in the table backups of the Trove ' +
        'database, or wait until running_backups_expires has passed.'
      : 'Trove could not reach Swift with this token. Give the propagator a role that ' +
        'may use Swift, or clean up projects while they exist (propagator project ' +
        'delete PROJECT).',
  };
}

/**
 * Returns all backups that are directly or indirectly based on this backup. The loop also ends if
 * backups are based on each other in a circle.
 */
function descendants(row: BackupRow, candidates: readonly BackupRow[]): BackupRow[] {
  const descendantRows = new Set<BackupRow>();
  for (let parentIds = [row.id]; parentIds.length > 0; ) {
    const children = candidates.filter(
      (child) =>
        child.parent_id && parentIds.includes(child.parent_id) && !descendantRows.has(child),
    );
    for (const child of children) descendantRows.add(child);
    parentIds = children.map(({ id }) => id);
  }
  return [...descendantRows];
}

/**
 * Sets a running backup to failed. The only call for this also resets the task of the backup's
 * instance, so the function does nothing if the instance belongs to another project.
 */
async function resetToFailed(row: BackupRow, context: ProjectContext): Promise<void> {
  const projectInstance = (await instancesOf(context)).find(
    (one) => one.id === row.instance_id && one.tenant_id === context.project,
  );
  if (!projectInstance) return;
  const path = `/mgmt/instances/${encodeURIComponent(projectInstance.id)}/action`;
  await context.api.request('POST', path, { json: { 'reset-task-status': {} }, accept: [404] });
}

const strategyRow = z.object({ project_id: optionalText, instance_id: optionalText });

/**
 * Backup strategies. A strategy names the Swift container for new backups of one instance or of all
 * instances.
 */
export const backupStrategy = defineType({
  name: 'backup-strategy',
  async list({ api, project }) {
    const query = { project_id: project };
    return (
      await api.list('/backup_strategies', {
        collection: 'backup_strategies',
        row: strategyRow,
        paging: 'none',
        query,
      })
    ).rows;
  },
  id: (row) => row.instance_id || 'all instances',
  owner: (row) => row.project_id ?? undefined,
  async remove(row, { api, project }) {
    await api.request('DELETE', '/backup_strategies', {
      query: { project_id: project, instance_id: row.instance_id ?? '' },
    });
    return { kind: 'gone' };
  },
});
