import { addPort } from './neutron-networks.ts';
import { hex, uuid } from './resource-store.ts';
import type { Project, Server, User, Volume } from './rows.ts';
import type { Size } from './seed.ts';
import type { Networks } from './seed-network.ts';
import type { CloudState } from './state.ts';

/**
 * Servers with ports that Nova created: one is locked and has a volume attached, one uses a port
 * that its user created, one is stopped, one is in ERROR, one is soft-deleted. Also a server group
 * with members, a private flavor, quotas, and a keypair of the user.
 */
export function fillCompute(
  state: CloudState,
  project: Project,
  user: User,
  size: Size,
  { networks, securityGroup }: Networks,
  volumes: readonly Volume[],
): void {
  const { compute, storage } = state;
  const id = project.id;
  const [flavor] = compute.flavors.all();
  let created_at = state.clock.now() - 3_600_000;
  const add = (name: string, more: Partial<Server> = {}): Server => {
    created_at += 1000;
    return compute.servers.add({
      id: uuid(),
      name,
      project_id: id,
      user_id: user.id,
      flavor_id: flavor?.id ?? '',
      image_id: undefined,
      vm_state: 'active',
      task_state: null,
      locked: false,
      locked_reason: null,
      disable_terminate: false,
      own_ports: new Set(),
      actions: [],
      created_at,
      updated_at: created_at,
      deletion: 0,
      ...more,
    });
  };
  const plug = (server: Server, network: number, made: 'by nova' | 'by its user'): void => {
    const port = addPort(state, id, {
      name: made === 'by nova' ? '' : 'handmade',
      network_id: networks[network % networks.length]?.id,
      device_id: server.id,
      device_owner: 'compute:nova',
      status: 'ACTIVE',
      security_groups: [securityGroup.id],
    });
    if (made === 'by nova') server.own_ports.add(port.id);
  };
  const attach = (server: Server, volume: Volume, delete_on_termination: boolean): void => {
    storage.attachments.add({
      id: uuid(),
      volume_id: volume.id,
      instance: server.id,
      status: 'attached',
      project_id: id,
      delete_on_termination,
      created_at,
    });
    volume.status = 'in-use';
  };
  const servers = Array.from({ length: Math.max(1, size.servers) }, (_, n) => add(`server-${n}`));
  for (const [n, server] of servers.entries()) plug(server, n, 'by nova');
  const locked = add('locked', { locked: true, locked_reason: 'payroll' });
  plug(locked, 0, 'by nova');
  const [attached, second] = volumes;
  if (attached) attach(locked, attached, false);
  if (second && servers[0]) attach(servers[0], second, true);
  plug(add('on-a-handmade-port'), 0, 'by its user');
  add('stopped', { vm_state: 'stopped' });
  add('broken', { vm_state: 'error' });
  add('soft-deleted', { vm_state: 'soft-delete' });
  compute.groups.add({
    id: uuid(),
    name: 'apart',
    policy: 'anti-affinity',
    members: servers.slice(0, 2).map((server) => server.id),
    project_id: id,
    user_id: user.id,
  });
  const secret =
    compute.flavors.where((row) => row.name === 'private')[0] ??
    compute.flavors.add({
      id: uuid(),
      name: 'private',
      is_public: false,
      vcpus: 2,
      ram: 128,
      access: new Set(),
    });
  secret.access.add(id);
  compute.quotas.add({ id, values: { cores: 500 } });
  compute.keypairs.add({ id: `${user.id}/laptop`, name: 'laptop', user_id: user.id });
}

/**
 * Rows of Keystone that are not in the project: an application credential, EC2 credentials, a
 * trust, a limit. Only the application credential outlives the project.
 */
export function fillIdentity(state: CloudState, project: Project, user: User): void {
  const { identity } = state;
  const [admin] = identity.users.where((row) => row.name === 'admin');
  identity.applicationCredentials.add({
    id: hex(),
    name: 'terraform',
    user_id: user.id,
    project_id: project.id,
    secret: `rehearsal-${hex()}`,
    roles: ['member', 'reader'],
  });
  identity.credentials.add({
    id: hex() + hex(),
    type: 'ec2',
    blob: '{"access":"a","secret":"b"}',
    user_id: user.id,
    project_id: project.id,
  });
  identity.trusts.add({
    id: hex(),
    trustor_user_id: user.id,
    trustee_user_id: admin?.id ?? '',
    project_id: project.id,
    impersonation: true,
  });
  identity.limits.add({
    id: hex(),
    project_id: project.id,
    service_id: hex(),
    resource_name: 'image_count_total',
    resource_limit: 10,
  });
}
