import type { Call } from './http.ts';
import { ownedPorts } from './neutron-shape.ts';
import type { Server } from './rows.ts';
import type { CloudState } from './state.ts';

/** The answer of `os-instance-actions`. It has the project of the caller. */
export const record = (state: CloudState, server: Server, name: string, call: Call): void =>
  void server.actions.push({
    action: name,
    at: state.clock.now(),
    requestId: call.requestId,
    projectId: call.token?.projectId ?? '',
  });

/** With `reclaim_instance_interval` above 0 a DELETE only hides the server. */
export function softDelete(state: CloudState, server: Server, call: Call): void {
  if (server.disable_terminate || server.task_state !== null) return;
  server.vm_state = 'soft-delete';
  record(state, server, 'softDelete', call);
  server.updated_at = state.clock.now();
}

/**
 * Deletion as nova-api and nova-compute do it: accepted at once, `deleting` until it is done. A
 * server that is already
 * `deleting` ignores it, even `forceDelete`, until its state is reset; one with `disable_terminate`
 * ignores it for ever.
 */
export function startDeletion(state: CloudState, server: Server, call: Call): void {
  if (server.disable_terminate || server.task_state === 'deleting') return;
  server.task_state = 'deleting';
  server.updated_at = state.clock.now();
  record(state, server, 'delete', call);
  if (call.endless) return;
  const deletion = ++server.deletion;
  state.clock.after(state.options.durations.server, () => {
    if (server.deletion === deletion && state.compute.servers.get(server.id) === server)
      finishDeletion(state, server);
  });
}

/**
 * Ports that Nova created are deleted, others are only unbound; volumes are detached, deleted only
 * if made so.
 */
function finishDeletion(state: CloudState, server: Server): void {
  for (const port of ownedPorts(state, server.id)) {
    if (server.own_ports.has(port.id)) state.network.ports.delete(port.id);
    else
      Object.assign(port, {
        device_id: '',
        device_owner: '',
        'binding:host_id': '',
        status: 'DOWN',
      });
  }
  for (const { volume_id } of state.storage.attachments.where((row) => row.instance === server.id))
    detach(state, server, volume_id);
  for (const group of state.compute.groups.all())
    if (group.members.includes(server.id))
      group.members.splice(group.members.indexOf(server.id), 1);
  state.compute.servers.delete(server.id);
}

export function detach(state: CloudState, server: Server, volumeId: string): void {
  const { attachments, volumes, snapshots } = state.storage;
  let gone = false;
  for (const row of attachments.where(
    (each) => each.instance === server.id && each.volume_id === volumeId,
  )) {
    attachments.delete(row.id);
    // A volume with snapshots refuses to go; Nova only writes that to its log.
    gone ||=
      row.delete_on_termination && !snapshots.some((snapshot) => snapshot.volume_id === volumeId);
  }
  const volume = volumes.get(volumeId);
  if (gone) volumes.delete(volumeId);
  else if (volume && !attachments.some((row) => row.volume_id === volumeId))
    volume.status = 'available';
}
