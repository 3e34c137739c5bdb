import * as z from 'zod';
import { type Blocker, defineType, type ProjectContext, type Removal } from '../../task/service.ts';
import { busyBlocker, DELETABLE_STATES, deleteResource } from './deletion.ts';
import {
  assertResourceTypeSupported,
  type BackupRow,
  backupsOfCloud,
  EXPERIMENTAL_HEADERS,
  FIRST_BACKUP_VERSION,
  sharesOf,
} from './rows.ts';

const limitUsage = z.object({ in_use: z.number() });
const quotaDetail = z.object({
  quota_set: z.object({ backups: limitUsage, backup_gigabytes: limitUsage }),
});

/** Reads from the quota how many backups the project has now, and their total size in GB. */
async function readBackupUsage({ api, project }: ProjectContext) {
  const answer = await api.request('GET', `/quota-sets/${encodeURIComponent(project)}/detail`);
  const { backups, backup_gigabytes: gigabytes } = quotaDetail.parse(answer.json).quota_set;
  return { count: backups.in_use, gigabytes: gigabytes.in_use };
}

type OwnedBackup = BackupRow & {
  readonly owner: string | undefined;
  readonly blocker?: Blocker;
};

/** Returns one row that stands for all backups of the project on shares of other projects. */
const foreignShareBackupsRow = (
  project: string,
  createdCount: number,
  onOwnSharesCount: number,
): OwnedBackup => ({
  id: `backups-of-${project}`,
  name: 'backups on shares of other projects',
  status: 'unknown',
  share_id: '',
  owner: project,
  blocker: {
    message:
      `Manila counts ${createdCount} backups of the project, but lists ${onOwnSharesCount} on ` +
      'the shares of the project',
    actor: 'operator',
    advice:
      "Read the ids in Manila's database: SELECT id, share_id FROM share_backups WHERE " +
      `project_id = '${project}' AND deleted = 'False'. Delete each of these backups: ` +
      'openstack share backup delete ID. If there are none, reset the counter: ' +
      `openstack share quota delete ${project}`,
  },
});

/**
 * Backups. A backup belongs to the project that created it. That project is not always the owner of
 * the share: a transfer moves a share without its backups. A row names neither project, so the
 * usage in the project's quota must confirm the owner. The project owns the backups of its shares
 * if their number and total size equal this usage. Otherwise no backup is deleted.
 */
export const backup = defineType<OwnedBackup>({
  name: 'backup',
  blockers: [
    'Manila does not show which project created a backup. The propagator deletes the backups of ' +
      "the project's shares only if their number and total size equal the usage in the quota of " +
      'the project.',
  ],
  async list(context) {
    assertResourceTypeSupported(context, FIRST_BACKUP_VERSION);
    const { project } = context;
    const [shares, usage] = await Promise.all([sharesOf(context), readBackupUsage(context)]);
    const ownShareIds = new Set(
      shares.filter((row) => row.project_id === project).map(({ id }) => id),
    );
    const cloudBackups = ownShareIds.size === 0 ? [] : await backupsOfCloud(context);
    const rows = cloudBackups.filter((row) => ownShareIds.has(row.share_id));
    const gigabytes = rows.reduce((sum, { size }) => sum + (size ?? 0), 0);
    const isConfirmedByUsage = usage.count === rows.length && usage.gigabytes === gigabytes;
    // Manila lowers the usage before it deletes the row, so the usage cannot confirm the owner of a
    // backup in `deleting`. The run makes no call for such a backup, so a wrong owner would do no
    // harm.
    const backupsWithOwner = rows.map((row) => ({
      ...row,
      owner: isConfirmedByUsage || row.status === 'deleting' ? project : undefined,
    }));
    return usage.count > rows.length
      ? [...backupsWithOwner, foreignShareBackupsRow(project, usage.count, rows.length)]
      : backupsWithOwner;
  },
  id: (row) => row.id,
  owner: (row) => row.owner,
  label: (row) => row.name ?? undefined,
  blocked: (row) =>
    row.blocker ?? (DELETABLE_STATES.test(row.status) ? undefined : busyBlocker(row.status)),
  async remove(row, context): Promise<Removal> {
    if (row.status === 'deleting') return { kind: 'accepted' };
    return deleteResource(row, `/share-backups/${encodeURIComponent(row.id)}`, context, {
      headers: EXPERIMENTAL_HEADERS,
    });
  },
});
