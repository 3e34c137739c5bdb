import { randomUUID } from 'node:crypto';
import { CLOUD_SECONDS, Row, type Session, text, until } from '../cloud.ts';
import { createIfSupported, make, prefixedName, Refused, type SeedProject } from './seed.ts';

/**
 * Waits until a volume, snapshot or similar resource has the wanted status. Throws if it has an
 * error.
 */
async function settled(session: Session, path: string, key: string, wanted: string): Promise<void> {
  await until(`${path} is ${wanted}`, CLOUD_SECONDS, async () => {
    const { json } = await session.call('volume', 'GET', path);
    const status = text(json, key, 'status');
    if (status.startsWith('error')) throw new Refused(`${path} is ${status}`);
    return status === wanted ? true : undefined;
  });
}

export async function volume(
  seedProject: SeedProject,
  name: string,
  more: object = {},
): Promise<string> {
  const { id } = await make(seedProject.member, 'volume', '/volumes', 'volume', {
    name: prefixedName(seedProject, name),
    size: 1,
    ...more,
  });
  await settled(seedProject.member, `/volumes/${id}`, 'volume', 'available');
  return id;
}

/** Creates every type of Cinder resource: each difficult one on a separate volume. */
export async function fullStorage(seedProject: SeedProject): Promise<void> {
  const { member, admin, project, operatorResources } = seedProject;
  const action = (id: string, body: object) =>
    admin.call('volume', 'POST', `/volumes/${id}/action`, { json: body });
  await Promise.all([
    volume(seedProject, 'plain', { metadata: { backup: 'daily' } }),
    volume(seedProject, 'moving').then((volume_id) =>
      make(member, 'volume', '/volume-transfers', 'transfer', {
        volume_id,
        name: prefixedName(seedProject, 'transfer'),
      }),
    ),
    volume(seedProject, 'hung').then((id) =>
      action(id, { 'os-reset_status': { status: 'creating' } }),
    ),
    volume(seedProject, 'wrecked').then((id) =>
      action(id, { 'os-reset_status': { status: 'error' } }),
    ),
    volume(seedProject, 'typed', { volume_type: operatorResources.volumeTypeId }),
    volume(seedProject, 'held').then((volume_uuid) =>
      make(member, 'volume', '/attachments', 'attachment', {
        volume_uuid,
        instance_uuid: randomUUID(),
      }),
    ),
    snapshots(seedProject),
    createIfSupported(seedProject, 'cinder.group-snapshot', () => groups(seedProject)),
    createIfSupported(seedProject, 'cinder.backup', () => backups(seedProject)),
    admin.call('volume', 'PUT', `/os-quota-sets/${project.id}`, {
      json: { quota_set: { volumes: 77 } },
    }),
    createIfSupported(seedProject, 'cinder.default-type', () =>
      admin.call(
        'volume',
        'PUT',
        `${admin.endpoint('volume').replace(/\/[0-9a-f]{32}$/, '')}/default-types/${project.id}`,
        {
          json: { default_type: { volume_type: operatorResources.volumeTypeId } },
        },
      ),
    ),
  ]);
}

async function snapshots(seedProject: SeedProject): Promise<void> {
  const volume_id = await volume(seedProject, 'snapped');
  const { id } = await make(seedProject.member, 'volume', '/snapshots', 'snapshot', {
    volume_id,
    name: prefixedName(seedProject, 'snapshot'),
  });
  await settled(seedProject.member, `/snapshots/${id}`, 'snapshot', 'available');
  await volume(seedProject, 'from-snapshot', { snapshot_id: id });
}

/**
 * Creates a backup and its increment. Without a running cinder-backup it creates none: Cinder would
 * accept the request, but the backup could never be deleted.
 */
async function backups(seedProject: SeedProject): Promise<void> {
  const services = await seedProject.admin.rows(
    'volume',
    '/os-services?binary=cinder-backup',
    'services',
  );
  if (!services.some((service) => service.state === 'up'))
    throw new Refused('no cinder-backup is running');
  const volume_id = await volume(seedProject, 'saved');
  for (const [name, incremental] of [['backup', false] as const, ['backup-more', true] as const]) {
    const body = { volume_id, name: prefixedName(seedProject, name), incremental };
    const { id } = await make(seedProject.member, 'volume', '/backups', 'backup', body);
    await settled(seedProject.member, `/backups/${id}`, 'backup', 'available');
  }
}

async function groups(seedProject: SeedProject): Promise<void> {
  const { member, operatorResources } = seedProject;
  if (operatorResources.groupTypeId === undefined) return;
  const body = {
    name: prefixedName(seedProject, 'group'),
    group_type: operatorResources.groupTypeId,
    volume_types: [operatorResources.volumeTypeId],
  };
  const group = await make(member, 'volume', '/groups', 'group', body);
  await settled(member, `/groups/${group.id}`, 'group', 'available');
  await volume(seedProject, 'grouped', {
    volume_type: operatorResources.volumeTypeId,
    group_id: group.id,
  });
  const snapshot = { name: prefixedName(seedProject, 'group-snapshot'), group_id: group.id };
  const { id } = await make(member, 'volume', '/group_snapshots', 'group_snapshot', snapshot);
  await until(`group snapshot ${id} is available`, CLOUD_SECONDS, async () => {
    const { json } = await member.call('volume', 'GET', `/group_snapshots/${id}`);
    return Row.parse(Row.parse(json).group_snapshot).status === 'available' ? true : undefined;
  });
}
