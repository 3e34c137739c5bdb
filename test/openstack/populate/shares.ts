import { CLOUD_SECONDS, type Session, text, until } from '../cloud.ts';
import type { Wiring } from './network.ts';
import { createIfSupported, make, prefixedName, Refused, type SeedProject } from './seed.ts';

async function settled(session: Session, path: string, key: string): Promise<void> {
  await until(`${path} is available`, CLOUD_SECONDS, async () => {
    const status = text((await session.call('share', 'GET', path)).json, key, 'status');
    if (status.startsWith('error')) throw new Refused(`${path} is ${status}`);
    return status === 'available' ? true : undefined;
  });
}

/**
 * The private types of the operator: for shares without share servers, which every back end
 * supports.
 */
export async function createShareTypes(
  admin: Session,
  prefix: string,
): Promise<{ readonly type: string; readonly groupType: string }> {
  const type = await make(admin, 'share', '/types', 'share_type', {
    name: `${prefix}-share-type`,
    'share_type_access:is_public': false,
    extra_specs: {
      driver_handles_share_servers: 'false',
      snapshot_support: 'true',
      create_share_from_snapshot_support: 'true',
    },
  });
  const groupType = await make(admin, 'share', '/share-group-types', 'share_group_type', {
    name: `${prefix}-share-group-type`,
    is_public: false,
    share_types: [type.id],
  });
  return { type: type.id, groupType: groupType.id };
}

/**
 * Creates every type of Manila resource: shares in difficult states, in a group, in the recycle
 * bin, with snapshots; a network with two subnets; limits.
 */
export async function fullShares(seedProject: SeedProject, wiring: Wiring): Promise<void> {
  const { admin, project, operatorResources } = seedProject;
  const types = operatorResources.shareTypes;
  if (types === undefined)
    return void seedProject.lacking.set('manila.share', 'no share type could be made');
  for (const path of [`/types/${types.type}`, `/share-group-types/${types.groupType}`])
    await admin.call('share', 'POST', `${path}/action`, {
      json: { addProjectAccess: { project: project.id } },
    });
  await Promise.all([
    createIfSupported(seedProject, 'manila.share', () => shares(seedProject, types)),
    createIfSupported(seedProject, 'manila.share-network', () => networks(seedProject, wiring)),
    admin.call('share', 'PUT', `/quota-sets/${project.id}`, {
      json: { quota_set: { shares: 77 } },
    }),
  ]);
}

async function shares(
  seedProject: SeedProject,
  types: { readonly type: string; readonly groupType: string },
): Promise<void> {
  const { member, admin } = seedProject;
  const share = async (name: string, more: object = {}): Promise<string> => {
    const body = {
      name: prefixedName(seedProject, name),
      share_proto: 'NFS',
      size: 1,
      share_type: types.type,
      ...more,
    };
    const { id } = await make(member, 'share', '/shares', 'share', body);
    await settled(member, `/shares/${id}`, 'share');
    return id;
  };
  const shareAction = (session: Session, id: string, json: object) =>
    session.call('share', 'POST', `/shares/${id}/action`, { json });
  const snapshots = async () => {
    const body = { share_id: await share('snapped'), name: prefixedName(seedProject, 'snapshot') };
    const { id } = await make(member, 'share', '/snapshots', 'snapshot', body);
    await settled(member, `/snapshots/${id}`, 'snapshot');
    await share('from-snapshot', { snapshot_id: id });
  };
  const groups = async () => {
    const body = {
      name: prefixedName(seedProject, 'group'),
      share_group_type_id: types.groupType,
      share_types: [types.type],
    };
    const group = await make(member, 'share', '/share-groups', 'share_group', body);
    await settled(member, `/share-groups/${group.id}`, 'share_group');
    await share('grouped', { share_group_id: group.id });
    const snapshot = {
      name: prefixedName(seedProject, 'group-snapshot'),
      share_group_id: group.id,
    };
    const { id } = await make(
      member,
      'share',
      '/share-group-snapshots',
      'share_group_snapshot',
      snapshot,
    );
    await settled(member, `/share-group-snapshots/${id}`, 'share_group_snapshot');
  };
  await Promise.all([
    share('plain').then((id) =>
      shareAction(member, id, { allow_access: { access_type: 'ip', access_to: '10.10.0.9' } }),
    ),
    share('binned').then((id) => shareAction(member, id, { soft_delete: null })),
    share('failed').then((id) =>
      shareAction(admin, id, { reset_status: { status: 'error_deleting' } }),
    ),
    snapshots(),
    createIfSupported(seedProject, 'manila.group', groups),
  ]);
}

async function networks(seedProject: SeedProject, { networkId, subnetId }: Wiring): Promise<void> {
  const { member } = seedProject;
  const service = (name: string) =>
    make(member, 'share', '/security-services', 'security_service', {
      name: prefixedName(seedProject, name),
      type: 'ldap',
      dns_ip: '10.10.0.8',
    });
  const neutron = { neutron_net_id: networkId, neutron_subnet_id: subnetId };
  const [{ id }, directory] = await Promise.all([
    make(member, 'share', '/share-networks', 'share_network', {
      name: prefixedName(seedProject, 'network'),
      ...neutron,
    }),
    service('directory'),
    service('loose'),
  ]);
  const json = { add_security_service: { security_service_id: directory.id } };
  await member.call('share', 'POST', `/share-networks/${id}/action`, { json });
  const zones = await member.rows('share', '/availability-zones', 'availability_zones');
  const subnet = { availability_zone: text(zones[0] ?? {}, 'name'), ...neutron };
  await member.call('share', 'POST', `/share-networks/${id}/subnets`, {
    json: { 'share-network-subnet': subnet },
  });
}
