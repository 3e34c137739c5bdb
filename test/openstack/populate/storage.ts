import { randomUUID } from 'node:crypto';
import { Row, type Session, text, until } from '../cloud.ts';
import { attempt, make, named, type Plot, Refused } from './plot.ts';

/** Waits until a volume, snapshot or the like has come to rest, and throws when that is an error. */
async function settled(session: Session, path: string, key: string, wanted: string): Promise<void> {
  await until(`${path} is ${wanted}`, 120, async () => {
    const { json } = await session.call('volume', 'GET', path);
    const status = text(json, key, 'status');
    if (status.startsWith('error')) throw new Refused(`${path} is ${status}`);
    return status === wanted ? true : undefined;
  });
}

export async function volume(plot: Plot, name: string, more: object = {}): Promise<string> {
  const { id } = await make(plot.member, 'volume', '/volumes', 'volume', { name: named(plot, name), size: 1, ...more });
  await settled(plot.member, `/volumes/${id}`, 'volume', 'available');
  return id;
}

/** Every kind of Cinder: each awkward thing on a volume of its own. */
export async function fullStorage(plot: Plot): Promise<void> {
  const { member, admin, project, lent } = plot;
  const action = (id: string, body: object) => admin.call('volume', 'POST', `/volumes/${id}/action`, { json: body });
  await Promise.all([
    volume(plot, 'plain', { metadata: { backup: 'daily' } }),
    volume(plot, 'moving').then((volume_id) =>
      make(member, 'volume', '/volume-transfers', 'transfer', { volume_id, name: named(plot, 'transfer') }),
    ),
    volume(plot, 'hung').then((id) => action(id, { 'os-reset_status': { status: 'creating' } })),
    volume(plot, 'wrecked').then((id) => action(id, { 'os-reset_status': { status: 'error' } })),
    volume(plot, 'typed', { volume_type: lent.volumeTypeId }),
    volume(plot, 'held').then((volume_uuid) =>
      make(member, 'volume', '/attachments', 'attachment', { volume_uuid, instance_uuid: randomUUID() }),
    ),
    snapshots(plot),
    attempt(plot, 'cinder.group-snapshot', () => groups(plot)),
    attempt(plot, 'cinder.backup', () => backups(plot)),
    admin.call('volume', 'PUT', `/os-quota-sets/${project.id}`, { json: { quota_set: { volumes: 77 } } }),
    attempt(plot, 'cinder.default-type', () =>
      admin.call('volume', 'PUT', `${admin.endpoint('volume').replace(/\/[0-9a-f]{32}$/, '')}/default-types/${project.id}`, {
        json: { default_type: { volume_type: lent.volumeTypeId } },
      }),
    ),
  ]);
}

async function snapshots(plot: Plot): Promise<void> {
  const volume_id = await volume(plot, 'snapped');
  const { id } = await make(plot.member, 'volume', '/snapshots', 'snapshot', { volume_id, name: named(plot, 'snapshot') });
  await settled(plot.member, `/snapshots/${id}`, 'snapshot', 'available');
  await volume(plot, 'from-snapshot', { snapshot_id: id });
}

/** A backup and its increment. Without a running cinder-backup none is made: Cinder would take the order, and nobody could ever delete it. */
async function backups(plot: Plot): Promise<void> {
  const services = await plot.admin.rows('volume', '/os-services?binary=cinder-backup', 'services');
  if (!services.some((service) => service.state === 'up')) throw new Refused('no cinder-backup is running');
  const volume_id = await volume(plot, 'saved');
  for (const [name, incremental] of [['backup', false] as const, ['backup-more', true] as const]) {
    const body = { volume_id, name: named(plot, name), incremental };
    const { id } = await make(plot.member, 'volume', '/backups', 'backup', body);
    await settled(plot.member, `/backups/${id}`, 'backup', 'available');
  }
}

async function groups(plot: Plot): Promise<void> {
  const { member, lent } = plot;
  if (lent.groupTypeId === undefined) return;
  const body = { name: named(plot, 'group'), group_type: lent.groupTypeId, volume_types: [lent.volumeTypeId] };
  const group = await make(member, 'volume', '/groups', 'group', body);
  await settled(member, `/groups/${group.id}`, 'group', 'available');
  await volume(plot, 'grouped', { volume_type: lent.volumeTypeId, group_id: group.id });
  const snapshot = { name: named(plot, 'group-snapshot'), group_id: group.id };
  const { id } = await make(member, 'volume', '/group_snapshots', 'group_snapshot', snapshot);
  await until(`group snapshot ${id} is available`, 60, async () => {
    const { json } = await member.call('volume', 'GET', `/group_snapshots/${id}`);
    return Row.parse(Row.parse(json).group_snapshot).status === 'available' ? true : undefined;
  });
}
