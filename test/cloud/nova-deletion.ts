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
 * Deletes a server as nova-api and nova-compute do. Nova accepts the call at once, and the server
 * is `deleting` until its end. A server that is already `deleting` ignores every call, even
 * `forceDelete`, until its state is reset. A server with `disable_terminate` ignores all calls for
 * ever.
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
 * Ends a deletion. Nova deletes the ports that it created and unbinds the others. It detaches the
 * volumes and deletes those with `delete_on_termination`.
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
    // Cinder refuses to delete a volume with snapshots. Nova only logs the refusal.
    gone ||=
      row.delete_on_termination && !snapshots.some((snapshot) => snapshot.volume_id === volumeId);
  }
  const volume = volumes.get(volumeId);
  if (gone) volumes.delete(volumeId);
  else if (volume && !attachments.some((row) => row.volume_id === volumeId))
    volume.status = 'available';
}
