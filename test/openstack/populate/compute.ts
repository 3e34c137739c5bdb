import { CLOUD_SECONDS, Row, text, until } from '../cloud.ts';
import type { Wiring } from './network.ts';
import { make, prefixedName, type SeedProject } from './seed.ts';

/** Starts a server and waits until it runs. `hints` go to the scheduler. */
export async function server(
  seedProject: SeedProject,
  name: string,
  how: object,
  hints: object = {},
): Promise<string> {
  const body = {
    server: {
      name: prefixedName(seedProject, name),
      flavorRef: seedProject.operatorResources.flavorId,
      ...how,
    },
    'os:scheduler_hints': hints,
  };
  const { json } = await seedProject.member.call('compute', 'POST', '/servers', { json: body });
  const id = text(json, 'server', 'id');
  await until(`server ${name} runs`, CLOUD_SECONDS, async () => {
    const shown = Row.parse(
      (await seedProject.member.call('compute', 'GET', `/servers/${id}`)).json,
    );
    const status = text(shown, 'server', 'status');
    if (status === 'ERROR')
      throw new Error(`server ${name} ended in ERROR: ${JSON.stringify(shown)}`);
    return status === 'ACTIVE' ? true : undefined;
  });
  return id;
}

export async function attach(
  seedProject: SeedProject,
  serverId: string,
  volumeId: string,
): Promise<void> {
  const body = { volumeAttachment: { volumeId } };
  await seedProject.member.call('compute', 'POST', `/servers/${serverId}/os-volume_attachments`, {
    json: body,
  });
  await until(`volume ${volumeId} is in use`, CLOUD_SECONDS, async () => {
    const { json } = await seedProject.member.call('volume', 'GET', `/volumes/${volumeId}`);
    return text(json, 'volume', 'status') === 'in-use' ? true : undefined;
  });
}

/** Gives the project access to the private flavor; runs before its servers are created. */
export async function flavorAccess(seedProject: SeedProject): Promise<void> {
  const body = { addTenantAccess: { tenant: seedProject.project.id } };
  await seedProject.admin.call(
    'compute',
    'POST',
    `/flavors/${seedProject.operatorResources.flavorId}/action`,
    {
      json: body,
    },
  );
}

/** The resources that the servers need. */
export interface ServerNeeds {
  readonly wiring: Wiring;
  readonly imageId: string;
  readonly dataVolumeId: string;
  readonly rootVolumeId: string;
}

/**
 * Creates servers in every difficult state, server groups, and quota rows of the project and of a
 * user in it.
 */
export async function fullCompute(seedProject: SeedProject, ground: ServerNeeds): Promise<void> {
  const { admin, member, project } = seedProject;
  const serverAction = (id: string, body: object) =>
    admin.call('compute', 'POST', `/servers/${id}/action`, { json: body });
  const group = (name: string, policy: string) =>
    make(member, 'compute', '/os-server-groups', 'server_group', {
      name: prefixedName(seedProject, name),
      policy,
    });
  const quota = (query: string, quota_set: object) =>
    admin.call('compute', 'PUT', `/os-quota-sets/${project.id}${query}`, { json: { quota_set } });

  const lockedWithVolume = async () => {
    const { id: together } = await group('together', 'soft-affinity');
    const networks = [{ uuid: ground.wiring.networkId }];
    const id = await server(
      seedProject,
      'web',
      { imageRef: ground.imageId, networks },
      { group: together },
    );
    await attach(seedProject, id, ground.dataVolumeId);
    const snapshot = {
      volume_id: ground.dataVolumeId,
      name: prefixedName(seedProject, 'snapshot-in-use'),
      force: true,
    };
    await make(member, 'volume', '/snapshots', 'snapshot', snapshot);
    await serverAction(id, { lock: null });
  };
  const onTrunk = async () => {
    const port = ground.wiring.trunkPortId;
    if (port !== undefined)
      await server(seedProject, 'trunked', { imageRef: ground.imageId, networks: [{ port }] });
  };
  const fromVolume = async () => {
    const json = { 'os-set_bootable': { bootable: true } };
    await member.call('volume', 'POST', `/volumes/${ground.rootVolumeId}/action`, { json });
    const disk = {
      boot_index: 0,
      uuid: ground.rootVolumeId,
      source_type: 'volume',
      destination_type: 'volume',
    };
    await server(seedProject, 'rooted', {
      networks: 'none',
      block_device_mapping_v2: [{ ...disk, delete_on_termination: false }],
    });
  };
  const inError = async () => {
    const id = await server(seedProject, 'broken', { imageRef: ground.imageId, networks: 'none' });
    await serverAction(id, { 'os-resetState': { state: 'error' } });
  };
  await Promise.all([
    lockedWithVolume(),
    onTrunk(),
    fromVolume(),
    inError(),
    group('nobody', 'soft-anti-affinity'),
    quota('', { instances: 77, cores: 777 }).then(() =>
      quota(`?user_id=${seedProject.memberUser.id}`, { instances: 55 }),
    ),
  ]);
}
