import * as z from 'zod';
import { accepted, linksOf, list } from './cinder-shape.ts';
import { find } from './cinder-volumes.ts';
import { body, type Call, param, Refusal, type Routes } from './http.ts';
import { isoMicros, uuid } from './resource-store.ts';
import type { Attachment, Transfer } from './rows.ts';
import type { CloudState } from './state.ts';
import { ownProject } from './tokens.ts';

/**
 * Transfers, attachments and messages. Their rows have few fields: an attachment does not even name
 * its project.
 */
export function transferRoutes(state: CloudState, routes: Routes): void {
  const { transfers, attachments, volumes, messages } = state.storage;
  const show = (call: Call, row: Transfer) => ({
    id: row.id,
    created_at: isoMicros(row.created_at),
    name: row.name,
    volume_id: row.volume_id,
    links: linksOf(call, `os-volume-transfer/${row.id}`),
    no_snapshots: false,
    destination_project_id: null,
    source_project_id: row.project_id,
    accepted: false,
  });
  const showAttachment = (row: Attachment) => ({
    id: row.id,
    status: row.status,
    instance: row.instance,
    volume_id: row.volume_id,
    attached_at: row.status === 'attached' ? isoMicros(row.created_at) : '',
    detached_at: '',
    attach_mode: row.status === 'attached' ? 'rw' : 'null',
    connection_info: null,
  });
  const how = {
    key: 'transfers',
    linksKey: 'transfers_links',
    linkPath: 'os-volume-transfer',
    allTenants: 'by value',
    counts: false,
    noun: 'Transfer',
  } as const;
  const attachmentList = {
    key: 'attachments',
    linksKey: 'attachments_links',
    linkPath: 'attachments',
    allTenants: 'by presence',
    counts: false,
    noun: 'Attachment',
  } as const;
  routes
    .on('GET', '/volume-transfers', (call) =>
      list(state, call, transfers.all(), {
        ...how,
        shown: ({ id, name, volume_id }) => ({
          id,
          name,
          volume_id,
          links: linksOf(call, `os-volume-transfer/${id}`),
        }),
      }),
    )
    .on('GET', '/volume-transfers/detail', (call) =>
      list(state, call, transfers.all(), { ...how, shown: (row) => show(call, row) }),
    )
    .on('POST', '/volume-transfers', (call) => {
      const input = body(
        call,
        z.object({ transfer: z.object({ volume_id: z.string(), name: z.string().default('') }) }),
      ).transfer;
      const volume = find(volumes.get(input.volume_id), `Volume ${input.volume_id}`);
      if (volume.status !== 'available')
        throw new Refusal(400, 'Invalid volume: status must be available');
      volume.status = 'awaiting-transfer';
      const row = transfers.add({
        ...input,
        id: uuid(),
        project_id: ownProject(call.token),
        created_at: state.clock.now(),
      });
      return {
        status: 202,
        json: { transfer: { ...show(call, row), auth_key: '8c66ba1eea6a5922' } },
      };
    })
    .on('DELETE', '/volume-transfers/:id', (call) => {
      const row = find(transfers.get(param(call, 'id')), `Transfer ${param(call, 'id')}`);
      transfers.delete(row.id);
      const volume = volumes.get(row.volume_id);
      if (volume?.status === 'awaiting-transfer') volume.status = 'available';
      return accepted;
    })
    .on('GET', '/attachments', (call) =>
      list(state, call, attachments.all(), {
        ...attachmentList,
        shown: ({ id, status, instance, volume_id }) => ({ id, status, instance, volume_id }),
      }),
    )
    .on('GET', '/attachments/detail', (call) =>
      list(state, call, attachments.all(), { ...attachmentList, shown: showAttachment }),
    )
    .on('GET', '/attachments/:id', (call) => ({
      status: 200,
      json: { attachment: showAttachment(attachment(state, call)) },
    }))
    .on('DELETE', '/attachments/:id', (call) => {
      const row = attachment(state, call);
      if (row.status === 'attached' && state.compute.servers.get(row.instance))
        throw new Refusal(409, `Detach volume from instance ${row.instance} using the Compute API`);
      attachments.delete(row.id);
      const rest = attachments.where((each) => each.volume_id === row.volume_id);
      const volume = volumes.get(row.volume_id);
      if (volume && rest.length === 0) volume.status = 'available';
      return { status: 200, json: { attachments: rest.map(showAttachment) } };
    })
    .on('GET', '/messages', (call) => {
      const project = call.query.get('project_id');
      const rows = messages.where((row) => project === null || row.project_id === project);
      return {
        status: 200,
        json: {
          messages: rows.map(({ project_id: _, created_at, ...row }) => ({
            ...row,
            message_level: 'ERROR',
            created_at: isoMicros(created_at),
            links: linksOf(call, `messages/${row.id}`),
          })),
        },
      };
    })
    .on('DELETE', '/messages/:id', (call) => {
      if (!messages.delete(param(call, 'id')))
        throw new Refusal(404, `Message ${param(call, 'id')} could not be found.`);
      return { status: 204 };
    });
}

function attachment(state: CloudState, call: Call): Attachment {
  const row = state.storage.attachments.get(param(call, 'id'));
  if (!row)
    throw new Refusal(
      404,
      `Volume attachment could not be found with filter: attachment_id = ${param(call, 'id')}.`,
    );
  return row;
}
