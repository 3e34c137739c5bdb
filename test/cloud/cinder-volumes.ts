import * as z from 'zod';
import { accepted, isTrue, linksOf, list, setStatus } from './cinder-shape.ts';
import { action, body, type Call, param, Refusal, type Reply, type Routes } from './http.ts';
import { isoMicros, uuid } from './resource-store.ts';
import type { Snapshot, Volume } from './rows.ts';
import type { CloudState } from './state.ts';
import { ownProject, requireAdmin } from './tokens.ts';

/** Statuses from which a volume may be deleted without force. */
const deletable = ['available', 'error', 'error_restoring', 'error_extending', 'error_managing'];

export function showVolume(state: CloudState, call: Call, row: Volume) {
  const type = state.storage.types.all()[0];
  return {
    id: row.id,
    status: row.status,
    size: row.size,
    availability_zone: 'nova',
    created_at: isoMicros(row.created_at),
    updated_at: isoMicros(row.updated_at),
    name: row.name,
    description: null,
    volume_type: type?.name ?? null,
    snapshot_id: row.snapshot_id,
    source_volid: null,
    metadata: {},
    links: linksOf(call, `volumes/${row.id}`),
    user_id: row.user_id,
    bootable: String(row.bootable),
    encrypted: false,
    replication_status: null,
    consistencygroup_id: null,
    multiattach: false,
    attachments: attached(state, row).map((each) => ({
      id: row.id,
      attachment_id: each.id,
      volume_id: row.id,
      server_id: each.instance,
      host_name: 'rehearsal',
      device: '/dev/vdb',
      attached_at: isoMicros(each.created_at),
    })),
    migration_status: row.migration_status,
    group_id: row.group_id,
    provider_id: null,
    shared_targets: false,
    service_uuid: null,
    cluster_name: null,
    volume_type_id: type?.id ?? null,
    consumes_quota: true,
    'os-vol-tenant-attr:tenant_id': row.project_id,
    'os-vol-mig-status-attr:migstat': row.migration_status,
    'os-vol-mig-status-attr:name_id': null,
    'os-vol-host-attr:host': 'rehearsal@fake#fake',
  };
}

const showSnapshot = (row: Snapshot) => ({
  id: row.id,
  created_at: isoMicros(row.created_at),
  updated_at: isoMicros(row.updated_at),
  name: row.name,
  description: null,
  volume_id: row.volume_id,
  status: row.status,
  size: row.size,
  metadata: {},
  group_snapshot_id: row.group_snapshot_id,
  user_id: row.user_id,
  consumes_quota: true,
  'os-extended-snapshot-attributes:project_id': row.project_id,
  'os-extended-snapshot-attributes:progress': row.status === 'available' ? '100%' : '0%',
});

const attached = (state: CloudState, row: Volume) =>
  state.storage.attachments.where(
    (each) => each.volume_id === row.id && each.status === 'attached',
  );

export function volumeRoutes(state: CloudState, routes: Routes): void {
  const { volumes, snapshots } = state.storage;
  const volume = (call: Call): Volume =>
    find(volumes.get(param(call, 'id')), `Volume ${param(call, 'id')}`);
  const snapshot = (call: Call): Snapshot =>
    find(snapshots.get(param(call, 'id')), `Snapshot ${param(call, 'id')}`);
  const volumeList = {
    key: 'volumes',
    linksKey: 'volumes_links',
    allTenants: 'by value',
    counts: true,
    noun: 'Volume',
  } as const;
  const snapshotList = {
    key: 'snapshots',
    linksKey: 'snapshots_links',
    allTenants: 'by value',
    counts: true,
    noun: 'Snapshot',
  } as const;
  routes
    .on('GET', '/volumes', (call) =>
      list(state, call, volumes.all(), {
        ...volumeList,
        linkPath: 'volumes',
        shown: ({ id, name }) => ({ id, name, links: linksOf(call, `volumes/${id}`) }),
      }),
    )
    .on('GET', '/volumes/detail', (call) =>
      list(state, call, volumes.all(), {
        ...volumeList,
        linkPath: 'volumes/detail',
        shown: (row) => showVolume(state, call, row),
      }),
    )
    .on('POST', '/volumes', (call) => create(state, call))
    .on('GET', '/volumes/:id', (call) => ({
      status: 200,
      json: { volume: showVolume(state, call, volume(call)) },
    }))
    .on('DELETE', '/volumes/:id', (call) => {
      const force = isTrue(call.query.get('force'));
      if (force) requireAdmin(call.token, 'volume:force_delete');
      deleteVolume(state, volume(call), {
        force,
        cascade: isTrue(call.query.get('cascade')),
        endless: call.endless,
      });
      return accepted;
    })
    .on('POST', '/volumes/:id/action', (call) => volumeAction(state, call, volume(call)))
    .on('GET', '/snapshots', (call) =>
      list(state, call, snapshots.all(), {
        ...snapshotList,
        linkPath: 'snapshots',
        shown: showSnapshot,
      }),
    )
    .on('GET', '/snapshots/detail', (call) =>
      list(state, call, snapshots.all(), {
        ...snapshotList,
        linkPath: 'snapshots/detail',
        shown: showSnapshot,
      }),
    )
    .on('POST', '/snapshots', (call) => {
      const input = body(
        call,
        z.object({ snapshot: z.object({ volume_id: z.string(), name: z.string().default('') }) }),
      ).snapshot;
      const of = find(volumes.get(input.volume_id), `Volume ${input.volume_id}`);
      const row = snapshots.add({
        ...input,
        id: uuid(),
        project_id: ownProject(call.token),
        user_id: call.token?.userId ?? '',
        size: of.size,
        status: 'available',
        group_snapshot_id: null,
        created_at: state.clock.now(),
        updated_at: state.clock.now(),
        busy: 0,
      });
      const {
        'os-extended-snapshot-attributes:project_id': _,
        'os-extended-snapshot-attributes:progress': __,
        ...shown
      } = showSnapshot(row);
      return {
        status: 202,
        json: { snapshot: { ...shown, status: 'creating', updated_at: null } },
      };
    })
    .on('GET', '/snapshots/:id', (call) => ({
      status: 200,
      json: { snapshot: showSnapshot(snapshot(call)) },
    }))
    .on('DELETE', '/snapshots/:id', (call) => {
      deleteSnapshot(state, snapshot(call), { force: false, endless: call.endless });
      return accepted;
    })
    .on('POST', '/snapshots/:id/action', (call) => {
      const row = snapshot(call);
      const [what, input] = action(call);
      if (what === 'os-force_delete')
        deleteSnapshot(state, row, { force: true, endless: call.endless });
      else if (what === 'os-reset_status')
        setStatus(state, row, z.object({ status: z.string() }).parse(input).status);
      else throw new Refusal(400, `There is no such action: ${what}`);
      return accepted;
    });
}

/** The row, or Cinder's 404. */
export function find<T>(row: T | undefined, noun: string): T {
  if (row === undefined) throw new Refusal(404, `${noun} could not be found.`);
  return row;
}

function create(state: CloudState, call: Call): Reply {
  const input = body(
    call,
    z.object({
      volume: z.object({
        size: z.number().optional(),
        name: z.string().default(''),
        snapshot_id: z.string().nullable().default(null),
      }),
    }),
  ).volume;
  const now = state.clock.now();
  const row = state.storage.volumes.add({
    ...input,
    id: uuid(),
    size: input.size ?? 1,
    project_id: ownProject(call.token),
    user_id: call.token?.userId ?? '',
    status: 'available',
    migration_status: null,
    group_id: null,
    bootable: false,
    created_at: now,
    updated_at: now,
    busy: 0,
  });
  // The answer to the creation has no fields for administrators.
  const shown = Object.entries(showVolume(state, call, row)).filter(
    ([key]) => !key.startsWith('os-vol-'),
  );
  return {
    status: 202,
    json: { volume: { ...Object.fromEntries(shown), status: 'creating', updated_at: null } },
  };
}

/**
 * The causes that prevent a deletion even with force: the volume is attached, migrates, is in a
 * group, or has snapshots that do not go with it.
 */
const always =
  'must not be migrating, attached, belong to a group, have snapshots, awaiting a transfer, or be disassociated from snapshots after volume transfer.';

export function deleteVolume(
  state: CloudState,
  row: Volume,
  how: { force: boolean; cascade: boolean; endless: boolean },
): void {
  const { snapshots, transfers } = state.storage;
  const own = snapshots.where((each) => each.volume_id === row.id);
  const blocked =
    (!how.force && !deletable.includes(row.status)) ||
    (row.migration_status !== null &&
      !['success', 'error', 'none'].includes(row.migration_status)) ||
    attached(state, row).length > 0 ||
    row.group_id !== null ||
    (!how.cascade && own.length > 0);
  const statuses = how.force ? '' : `status must be ${deletable.join(' or ')} and `;
  if (blocked)
    throw new Refusal(
      400,
      `Invalid volume: Volume ${how.force ? ' ' : ''}${statuses}${always}`.replace(
        'Volume  must',
        'Volume  must',
      ),
    );
  if (
    how.cascade &&
    own.some(
      (each) =>
        !['available', 'error', 'deleting'].includes(each.status) ||
        each.group_snapshot_id !== null,
    )
  )
    throw new Refusal(400, 'Invalid volume: Failed to update snapshot.');
  setStatus(state, row, 'deleting');
  for (const each of own) setStatus(state, each, 'deleting');
  if (how.endless) return;
  state.clock.after(state.options.durations.volume, () => {
    if (row.status !== 'deleting' || state.storage.volumes.get(row.id) !== row) return;
    if (row.busy > 0) {
      // VolumeIsBusy is no error of the API: Cinder only restores the status.
      row.busy--;
      setStatus(state, row, 'available');
      return;
    }
    for (const each of own) snapshots.delete(each.id);
    for (const each of transfers.where((transfer) => transfer.volume_id === row.id))
      transfers.delete(each.id);
    state.storage.volumes.delete(row.id);
  });
}

function deleteSnapshot(
  state: CloudState,
  row: Snapshot,
  how: { force: boolean; endless: boolean },
): void {
  if (
    (!how.force && !['available', 'error'].includes(row.status)) ||
    row.group_snapshot_id !== null
  )
    throw new Refusal(
      400,
      'Invalid snapshot: Snapshot status must be available or error and must not be part of a group.',
    );
  setStatus(state, row, 'deleting');
  if (how.endless) return;
  state.clock.after(state.options.durations.snapshot, () => {
    if (row.status !== 'deleting') return;
    if (row.busy > 0) {
      row.busy--;
      setStatus(state, row, 'available');
    } else state.storage.snapshots.delete(row.id);
  });
}

const resetStatus = z.object({
  status: z.string().optional(),
  attach_status: z.string().optional(),
  migration_status: z.string().optional(),
});

function volumeAction(state: CloudState, call: Call, row: Volume): Reply {
  const { attachments } = state.storage;
  const [what, input] = action(call);
  if (what === 'os-force_delete')
    deleteVolume(state, row, { force: true, cascade: false, endless: call.endless });
  else if (what === 'os-reset_status') {
    const wanted = resetStatus.parse(input);
    if (wanted.status === 'deleting')
      throw new Refusal(400, `Cannot reset-state to ${wanted.status}`);
    setStatus(state, row, wanted.status ?? row.status);
    if (wanted.migration_status !== undefined)
      row.migration_status = wanted.migration_status === 'none' ? null : wanted.migration_status;
    if (wanted.attach_status === 'detached')
      for (const each of attachments.where((at) => at.volume_id === row.id))
        attachments.delete(each.id);
    return { status: 202 };
  } else if (what === 'os-attach') {
    const { instance_uuid } = z.object({ instance_uuid: z.string() }).parse(input);
    attachments.add({
      id: uuid(),
      volume_id: row.id,
      instance: instance_uuid,
      status: 'attached',
      project_id: row.project_id,
      delete_on_termination: false,
      created_at: state.clock.now(),
    });
    row.status = 'in-use';
  } else throw new Refusal(400, `There is no such action: ${what}`);
  return accepted;
}
