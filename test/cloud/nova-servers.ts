import * as z from 'zod';
import { atLeast, newestFirst } from './compute-fault.ts';
import { action, body, type Call, param, Refusal, type Reply, type Routes } from './http.ts';
import { isInDownCell } from './nova-cells.ts';
import { detach, record, softDelete, startDeletion } from './nova-deletion.ts';
import { page } from './paging.ts';
import { isoSeconds, uuid } from './resource-store.ts';
import type { Server } from './rows.ts';
import type { CloudState } from './state.ts';
import { isAdmin, ownProject } from './tokens.ts';

const statuses: Record<Server['vm_state'], string> = {
  active: 'ACTIVE',
  stopped: 'SHUTOFF',
  paused: 'PAUSED',
  shelved_offloaded: 'SHELVED_OFFLOADED',
  error: 'ERROR',
  building: 'BUILD',
  'soft-delete': 'SOFT_DELETED',
  resized: 'VERIFY_RESIZE',
};

/**
 * Query parameters of `GET /servers`, from nova/api/openstack/compute/schemas/servers.py. From 2.75
 * on any other parameter is a 400.
 */
const parameters = new Set(
  `all_tenants auto_disk_config availability_zone block_device_mapping changes-before changes-since config_drive created_at deleted
  description display_description display_name flavor host hostname image image_ref info_cache ip kernel_id key_name launch_index
  launched_at limit locked locked_by marker metadata name node not-tags not-tags-any pci_devices power_state progress project_id ramdisk_id
  reservation_id root_device_name security_groups services soft_deleted sort_dir sort_key status system_metadata tags tags-any task_state
  tenant_id terminated_at type user_id uuid vm_state`.split(/\s+/),
);

const links = (call: Call, path: string) => [
  { rel: 'self', href: `${call.base}/v2.1/${path}` },
  { rel: 'bookmark', href: `${call.base}/${path}` },
];

export function serverRoutes(
  state: CloudState,
  routes: Routes,
  version: (call: Call) => string,
): void {
  const { servers } = state.compute;
  routes
    .on('GET', '/v2.1/servers', (call) =>
      list(state, call, version(call), (row) => ({
        id: row.id,
        name: row.name,
        links: links(call, `servers/${row.id}`),
      })),
    )
    .on('GET', '/v2.1/servers/detail', (call) =>
      list(state, call, version(call), (row) => show(state, call, row)),
    )
    .on('POST', '/v2.1/servers', (call) => create(state, call))
    .on('GET', '/v2.1/servers/:id', (call) => ({
      status: 200,
      json: { server: showOne(state, call, find(state, call)) },
    }))
    .on('DELETE', '/v2.1/servers/:id', (call) => {
      const server = find(state, call);
      refuseLocked(call, server);
      if (state.options.reclaimInterval > 0) softDelete(state, server, call);
      else startDeletion(state, server, call);
      return { status: 204, headers: { 'Content-Type': 'application/json' } };
    })
    .on('POST', '/v2.1/servers/:id/action', (call) => serverAction(state, call))
    .on('GET', '/v2.1/servers/:id/os-instance-actions', (call) => {
      const server = find(state, call);
      const shown = server.actions.toReversed().map((each) => ({
        action: each.action,
        instance_uuid: server.id,
        request_id: each.requestId,
        user_id: server.user_id,
        project_id: each.projectId,
        start_time: micros(each.at),
        message: null,
        updated_at: micros(each.at),
      }));
      return { status: 200, json: { instanceActions: shown } };
    })
    .on('GET', '/v2.1/servers/:id/os-volume_attachments', (call) => ({
      status: 200,
      json: { volumeAttachments: volumes(state, find(state, call)) },
    }))
    .on('DELETE', '/v2.1/servers/:id/os-volume_attachments/:volume', (call) => {
      const server = find(state, call);
      const [attachment] = state.storage.attachments.where(
        (row) => row.instance === server.id && row.volume_id === param(call, 'volume'),
      );
      if (!attachment) throw new Refusal(404, `Instance ${server.id} is not attached.`);
      detach(state, server, attachment.volume_id);
      return { status: 202 };
    });

  function find(_: CloudState, call: Call): Server {
    const server = servers.get(param(call, 'id'));
    if (!server || (!isAdmin(call.token) && server.project_id !== call.token?.projectId))
      throw new Refusal(404, `Instance ${param(call, 'id')} could not be found.`);
    return server;
  }
}

/**
 * Without `all_tenants` the project of the query is silently replaced by the caller's own.
 * Soft-deleted servers appear only with `soft_deleted=true`, for any value of `status`.
 */
function list(
  state: CloudState,
  call: Call,
  version: string,
  shown: (row: Server) => unknown,
): Reply {
  if (atLeast(version, '2.75'))
    for (const name of call.query.keys())
      if (!parameters.has(name) && !name.startsWith('_'))
        throw new Refusal(400, `'${name}' does not match any of the regexes: '^_'`);
  const allTenants = isTrue(call.query.get('all_tenants'));
  if (allTenants && !isAdmin(call.token))
    throw new Refusal(
      403,
      "Policy doesn't allow os_compute_api:servers:detail:get_all_tenants to be performed.",
    );
  const asked = call.query.get('project_id') ?? call.query.get('tenant_id');
  const project = allTenants ? asked : ownProject(call.token);
  const softDeleted = isTrue(call.query.get('soft_deleted'));
  const status = call.query.get('status')?.toUpperCase();
  const user = call.query.get('user_id');
  const rows = state.compute.servers.where(
    (row) =>
      !isInDownCell(state, row) &&
      (project === null || row.project_id === project) &&
      (softDeleted || row.vm_state !== 'soft-delete') &&
      (status === undefined || statuses[row.vm_state] === status) &&
      (user === null || row.user_id === user),
  );
  const { rows: onPage, links: next } = page(call, newestFirst(rows), (row) => row.id, {
    max: state.options.pageLimit,
    href: call.base + call.path,
    sorted: true,
    missing: (marker) => new Refusal(400, `marker [${marker}] not found`),
  });
  return {
    status: 200,
    json: { servers: onPage.map(shown), ...(next && { servers_links: next }) },
  };
}

const micros = (at: number): string => `${isoSeconds(at).slice(0, 19)}.000000`;
const isTrue = (text: string | null): boolean =>
  text !== null && ['1', 'true', 't', 'yes', 'y', 'on'].includes(text.toLowerCase());

function volumes(state: CloudState, server: Server) {
  const attached = state.storage.attachments.where((row) => row.instance === server.id);
  return attached.map((row) => ({
    id: row.volume_id,
    volumeId: row.volume_id,
    serverId: server.id,
    device: '/dev/vdb',
    attachment_id: row.id,
    delete_on_termination: row.delete_on_termination,
    tag: null,
  }));
}

function show(state: CloudState, call: Call, row: Server) {
  const flavor = state.compute.flavors.get(row.flavor_id);
  return {
    id: row.id,
    name: row.name,
    status: statuses[row.vm_state],
    tenant_id: row.project_id,
    user_id: row.user_id,
    metadata: {},
    hostId: 'rehearsal',
    image:
      row.image_id === undefined
        ? ''
        : { id: row.image_id, links: links(call, `images/${row.image_id}`).slice(1) },
    flavor: {
      vcpus: flavor?.vcpus ?? 1,
      ram: flavor?.ram ?? 64,
      disk: 0,
      ephemeral: 0,
      swap: 0,
      original_name: flavor?.name ?? 'gone',
      extra_specs: {},
    },
    created: isoSeconds(row.created_at),
    updated: isoSeconds(row.updated_at),
    addresses: {},
    accessIPv4: '',
    accessIPv6: '',
    links: links(call, `servers/${row.id}`),
    'OS-DCF:diskConfig': 'MANUAL',
    progress: 0,
    'OS-EXT-AZ:availability_zone': 'nova',
    config_drive: '',
    key_name: null,
    'OS-SRV-USG:launched_at': `${isoSeconds(row.created_at).slice(0, 19)}.000000`,
    'OS-SRV-USG:terminated_at': null,
    'OS-EXT-SRV-ATTR:host': 'rehearsal',
    'OS-EXT-STS:task_state': row.task_state,
    'OS-EXT-STS:vm_state': row.vm_state === 'soft-delete' ? 'soft-delete' : row.vm_state,
    'OS-EXT-STS:power_state': row.vm_state === 'active' ? 1 : 4,
    'os-extended-volumes:volumes_attached': volumes(state, row).map(
      ({ id, delete_on_termination }) => ({ id, delete_on_termination }),
    ),
    host_status: 'UP',
    locked: row.locked,
    locked_reason: row.locked_reason,
    description: null,
    tags: [],
    trusted_image_certificates: null,
  };
}

/** The answer about a single server also shows its groups. */
const showOne = (state: CloudState, call: Call, row: Server) => ({
  ...show(state, call, row),
  server_groups: state.compute.groups
    .where((group) => group.members.includes(row.id))
    .map((group) => group.id),
});

const newServer = z.object({
  server: z.object({
    name: z.string(),
    flavorRef: z.string(),
    imageRef: z.string().optional(),
    networks: z.unknown(),
  }),
});

function create(state: CloudState, call: Call): Reply {
  const input = body(call, newServer).server;
  const now = state.clock.now();
  const server = state.compute.servers.add({
    id: uuid(),
    name: input.name,
    project_id: ownProject(call.token),
    user_id: call.token?.userId ?? '',
    flavor_id: input.flavorRef,
    image_id: input.imageRef,
    vm_state: 'active',
    task_state: null,
    locked: false,
    locked_reason: null,
    disable_terminate: false,
    own_ports: new Set(),
    actions: [
      { action: 'create', at: now, requestId: call.requestId, projectId: ownProject(call.token) },
    ],
    created_at: now,
    updated_at: now,
    deletion: 0,
  });
  const json = {
    server: {
      id: server.id,
      links: links(call, `servers/${server.id}`),
      'OS-DCF:diskConfig': 'MANUAL',
      security_groups: [{ name: 'default' }],
      adminPass: 'rehearsal',
    },
  };
  return { status: 202, headers: { location: `${call.base}/v2.1/servers/${server.id}` }, json };
}

/** The names of actions in `os-instance-actions`; a deletion is recorded at its start. */
const actionNames: Record<string, string> = {
  'os-stop': 'stop',
  'os-start': 'start',
  pause: 'pause',
  unpause: 'unpause',
  shelve: 'shelve',
  unshelve: 'unshelve',
  'os-resetState': 'resetState',
  lock: 'lock',
  unlock: 'unlock',
  restore: 'restore',
};

/** A lock stops the owner and never an administrator. */
function refuseLocked(call: Call, server: Server): void {
  if (server.locked && !isAdmin(call.token))
    throw new Refusal(409, `Instance ${server.id} is locked`);
}

function serverAction(state: CloudState, call: Call): Reply {
  const server = state.compute.servers.get(param(call, 'id'));
  if (!server) throw new Refusal(404, `Instance ${param(call, 'id')} could not be found.`);
  const [what, input] = action(call);
  const busy = (verb: string): Refusal =>
    new Refusal(
      409,
      `Cannot '${verb}' instance ${server.id} while it is in ${server.task_state === null ? `vm_state ${server.vm_state}` : `task_state ${server.task_state}`}`,
    );
  if (what !== 'unlock' && what !== 'lock') refuseLocked(call, server);
  switch (what) {
    case 'forceDelete':
      startDeletion(state, server, call);
      break;
    case 'os-resetState':
      server.vm_state = z.object({ state: z.enum(['active', 'error']) }).parse(input).state;
      server.task_state = null;
      break;
    case 'lock':
      server.locked = true;
      server.locked_reason =
        z.object({ locked_reason: z.string().nullable() }).safeParse(input).data?.locked_reason ??
        null;
      break;
    case 'unlock':
      server.locked = false;
      server.locked_reason = null;
      break;
    case 'os-stop':
      if (server.task_state !== null || !['active', 'error'].includes(server.vm_state))
        throw busy('stop');
      server.vm_state = 'stopped';
      break;
    case 'os-start':
      if (server.task_state !== null || server.vm_state !== 'stopped') throw busy('start');
      server.vm_state = 'active';
      break;
    case 'pause':
    case 'shelve':
      if (server.task_state !== null || server.vm_state !== 'active') throw busy(what);
      server.vm_state = what === 'pause' ? 'paused' : 'shelved_offloaded';
      break;
    case 'unpause':
    case 'unshelve': {
      const from = what === 'unpause' ? 'paused' : 'shelved_offloaded';
      if (server.task_state !== null || server.vm_state !== from) throw busy(what);
      server.vm_state = 'active';
      break;
    }
    case 'restore':
      if (server.vm_state !== 'soft-delete') throw busy('restore');
      server.vm_state = 'active';
      break;
    default:
      throw new Refusal(400, `There is no such action: ${what}`);
  }
  const recorded = actionNames[what];
  if (recorded !== undefined) record(state, server, recorded, call);
  server.updated_at = state.clock.now();
  return { status: 202, headers: { 'Content-Type': 'application/json' } };
}
