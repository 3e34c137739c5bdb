import * as z from 'zod';
import { type Blocker, defineType, type ProjectContext, type Removal } from '../../task/service.ts';
import { temporaryBlocker } from '../kit/blockers.ts';
import { attachmentsOf, INDEPENDENT_OF_NOVA, transfersOf, volumesOf } from './rows.ts';

/** Offers of volumes to other projects. Since microversion 3.57, a row names its owner. */
export const transfer = defineType({
  name: 'transfer',
  independentOf: INDEPENDENT_OF_NOVA,
  list: transfersOf,
  id: (row) => row.id,
  owner: (row) => row.source_project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  async remove(row, { api }) {
    await api.request('DELETE', `/volume-transfers/${encodeURIComponent(row.id)}`);
    return { kind: 'gone' };
  },
});

/** Attachments that remained when a server was deleted while its host or Cinder was down. */
export const attachment = defineType({
  name: 'attachment',
  async list(context) {
    const attachments = await attachmentsOf(context);
    if (attachments.length === 0) return [];
    // The row names no project, so the owner of the volume is the owner of the attachment.
    const ownerByVolumeId = new Map(
      (await volumesOf(context)).map((row) => [row.id, row['os-vol-tenant-attr:tenant_id']]),
    );
    return attachments.map((row) => ({ ...row, owner: ownerByVolumeId.get(row.volume_id) }));
  },
  id: (row) => row.id,
  owner: (row) => row.owner ?? undefined,
  async remove(row, context): Promise<Removal> {
    const blocker = row.instance ? await existingServerBlocker(row.instance, context) : undefined;
    if (blocker) return { kind: 'blocked', ...blocker };
    await context.api.request('DELETE', `/attachments/${encodeURIComponent(row.id)}`);
    return { kind: 'gone' };
  },
});

const serverBody = z.object({ server: z.object({ tenant_id: z.string().nullish() }) });

/**
 * Returns the blocker of an attachment whose server still exists. Cinder itself refuses to delete
 * such an attachment only since the fix of CVE-2023-2088.
 */
async function existingServerBlocker(
  serverId: string,
  context: ProjectContext,
): Promise<Blocker | undefined> {
  const nova = await context.apiOf('nova');
  const answer = await nova?.request('GET', `/servers/${encodeURIComponent(serverId)}`, {
    accept: [404],
  });
  if (!answer || answer.status === 404) return undefined;
  const owner = serverBody.parse(answer.json).server.tenant_id;
  if (owner === context.project)
    return temporaryBlocker('the volume is attached to a server of the project');
  return {
    message: 'the volume is attached to a server of another project',
    actor: 'other-project',
    advice:
      'Ask the owner of that server to detach the volume, or detach it: openstack ' +
      'server remove volume SERVER VOLUME',
  };
}
