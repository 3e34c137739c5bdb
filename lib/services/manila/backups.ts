import * as z from 'zod';
import { type Blocker, defineType, type ProjectContext, type Removal } from '../../task/service.ts';
import { busyBlocker, DELETABLE_STATES, deleteResource } from './deletion.ts';
import {
  BACKUPS,
  type BackupRow,
  backupsOf,
  EXPERIMENTAL,
  requireSupport,
  sharesOf,
} from './rows.ts';

const used = z.object({ in_use: z.number() });
const quotaDetail = z.object({
  quota_set: z.object({ backups: used, backup_gigabytes: used }),
});

/** Returns number and size (GB) of the backups that the project created. Changes nothing. */
async function createdBackups({ api, project }: ProjectContext) {
  const answer = await api.request('GET', `/quota-sets/${encodeURIComponent(project)}/detail`);
  const { backups, backup_gigabytes: gigabytes } = quotaDetail.parse(answer.json).quota_set;
  return { count: backups.in_use, gigabytes: gigabytes.in_use };
}

type OwnedBackup = BackupRow & {
  readonly owner: string | undefined;
  readonly blocker?: Blocker;
};

/** The row that stands for backups of the project on shares of other projects. */
const elsewhereRow = (project: string, created: number, onOwnShares: number): OwnedBackup => ({
  id: `backups-of-${project}`,
  name: 'backups on shares of other projects',
  status: 'unknown',
  share_id: '',
  owner: project,
  blocker: {
    message:
      `Manila counts ${created} backups of the project, but lists ${onOwnShares} on ` +
      'its shares',
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
 * the share: a transfer moves the share without its backups. A row names neither project, so the
 * quota usage must confirm the owner. If the project created as many backups as its shares have,
 * with the same total size, the project is the owner of these backups. Otherwise no backup is
 * deleted.
 */
export const backup = defineType<OwnedBackup>({
  name: 'backup',
  blockers: [
    'A backup is deleted only if the usage in the quota confirms that the project has created ' +
      'the backups of its shares.',
  ],
  async list(context) {
    requireSupport(context, BACKUPS);
    const { project } = context;
    const [shares, created] = await Promise.all([sharesOf(context), createdBackups(context)]);
    const own = new Set(shares.filter((row) => row.project_id === project).map(({ id }) => id));
    const backupsOfCloud = own.size === 0 ? [] : await backupsOf(context);
    const rows = backupsOfCloud.filter((row) => own.has(row.share_id));
    const gigabytes = rows.reduce((sum, { size }) => sum + (size ?? 0), 0);
    const isConfirmed = created.count === rows.length && created.gigabytes === gigabytes;
    // Manila lowers the usage before it deletes the row, so the usage cannot confirm the owner of a
    // backup in `deleting`. A deletion in progress needs no call.
    const listed = rows.map((row) => ({
      ...row,
      owner: isConfirmed || row.status === 'deleting' ? project : undefined,
    }));
    return created.count > rows.length
      ? [...listed, elsewhereRow(project, created.count, rows.length)]
      : listed;
  },
  id: (row) => row.id,
  owner: (row) => row.owner,
  label: (row) => row.name ?? undefined,
  blocked: (row) =>
    row.blocker ?? (DELETABLE_STATES.test(row.status) ? undefined : busyBlocker(row.status)),
  async remove(row, context): Promise<Removal> {
    if (row.status === 'deleting') return { kind: 'accepted' };
    return deleteResource(row, `/share-backups/${encodeURIComponent(row.id)}`, context, {
      headers: EXPERIMENTAL,
    });
  },
});
