import { defineType, type Removal } from '../../task/service.ts';
import { temporaryBlocker } from '../kit/blockers.ts';
import { hasStatus } from '../kit/errors.ts';
import { epochMillisOf } from '../kit/time.ts';
import {
  backupsOf,
  busyBlocker,
  changedAt,
  DELETABLE_COPY_STATES,
  INDEPENDENT_OF_NOVA,
  isUnchangedFor,
  MINUTE,
  refusalBlocker,
} from './rows.ts';

/**
 * True for a 404 that means that no cinder-backup service runs (seen on 21.3). The backup still
 * exists.
 */
const isBackupServiceMissing = (error: unknown): boolean =>
  hasStatus(error, 404) && /Service .*could not be found/.test(error.message);

/** The deletion of a backup that takes longer than this counts as stuck. */
const BACKUP_STUCK_AFTER_MILLIS = 60 * MINUTE;

/**
 * Backups. Cinder permits an administrator to delete a backup on which incremental backups depend.
 * The blocker therefore prevents the deletion until these incremental backups are gone. Cinder
 * removes the objects of a backup from Swift. The task of Swift removes objects that remain.
 */
export const backup = defineType({
  name: 'backup',
  independentOf: INDEPENDENT_OF_NOVA,
  list: backupsOf,
  id: (row) => row.id,
  owner: (row) => row['os-backup-project-attr:project_id'] ?? undefined,
  label: (row) => row.name ?? undefined,
  createdAt: (row) => epochMillisOf(row.created_at),
  blocked(row, context) {
    if (row.has_dependent_backups)
      return temporaryBlocker(
        'the incremental backups that depend on the backup must be deleted first',
      );
    return [...DELETABLE_COPY_STATES, 'deleting', 'error_deleting'].includes(row.status)
      ? undefined
      : busyBlocker(row, context);
  },
  async remove(row, context): Promise<Removal> {
    const path = `/backups/${encodeURIComponent(row.id)}`;
    if (row.status === 'deleting' && !isUnchangedFor(BACKUP_STUCK_AFTER_MILLIS, row, context))
      return { kind: 'accepted' };
    try {
      if (DELETABLE_COPY_STATES.includes(row.status)) {
        await context.api.request('DELETE', path);
        return { kind: 'accepted' };
      }
      // Some drivers do not support `os-force_delete`, so the state is reset. The next iteration
      // then deletes the backup.
      await context.api.request('POST', `${path}/action`, {
        json: { 'os-reset_status': { status: 'error' } },
      });
      return { kind: 'accepted', stuckSince: changedAt(row) };
    } catch (error) {
      if (isBackupServiceMissing(error))
        return {
          kind: 'blocked',
          message: 'no running cinder-backup service can delete the backup',
          actor: 'operator',
          advice:
            'Start cinder-backup with the driver that created this backup. To list the ' +
            'services: openstack volume service list',
        };
      return { kind: 'blocked', ...refusalBlocker(error) };
    }
  },
});
