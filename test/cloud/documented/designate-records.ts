import * as z from 'zod';
import { body, type Call, param, Refusal, type Routes } from '../http.ts';
import type { NetworkRow } from '../rows.ts';
import {
  type Context,
  contextOf,
  listing,
  missing,
  ownerOfRecordset,
  type Recordset,
  sees,
  type Tables,
  type Zone,
} from './designate-shape.ts';

export function recordRoutes(routes: Routes, sources: Tables): void {
  const { state, zones, recordsets, sharing, shares } = sources;
  const ownerOf = (row: Recordset) => ownerOfRecordset(row, zones, shares) ?? null;
  const show = (row: Recordset) => ({
    id: row.id,
    zone_id: row.zone_id,
    project_id: ownerOf(row),
    name: row.name,
    zone_name: zones.get(row.zone_id)?.name,
    type: row.type,
    records: [row.ptr?.ptrdname ?? '192.0.2.1'],
    ttl: null,
    status: 'ACTIVE',
    action: 'NONE',
    version: 1,
  });
  /**
   * The caller does not see a zone of another project that is not shared with it, nor its records.
   */
  const zoneFor = (call: Call, context: Context): Zone => {
    const zone = zones.get(param(call, 'zone'));
    const isLent = sharing.some(
      (share) => share.zone_id === zone?.id && share.target_project_id === context.project,
    );
    if (!zone || !(sees(context, zone.project_id) || isLent)) throw missing('Zone');
    return zone;
  };
  const remove = (row: Recordset, call: Call): void => {
    if (zones.get(row.zone_id)?.action === 'DELETE')
      throw new Refusal(400, 'Can not update a deleting zone', { type: 'bad_request' });
    if (!call.endless) recordsets.delete(row.id);
  };
  routes
    .on('GET', '/v2/recordsets', (call) => {
      const context = contextOf(call);
      return listing(
        call,
        'recordsets',
        recordsets.where((row) => sees(context, ownerOf(row), false)),
        show,
      );
    })
    .on('GET', '/v2/zones/:zone/recordsets', (call) => {
      const zone = zoneFor(call, contextOf(call));
      return listing(
        call,
        'recordsets',
        recordsets.where((row) => row.zone_id === zone.id),
        show,
      );
    })
    .on('DELETE', '/v2/zones/:zone/recordsets/:id', (call) => {
      const context = contextOf(call);
      const zone = zoneFor(call, context);
      const row = recordsets.get(param(call, 'id'));
      if (!row || row.zone_id !== zone.id) throw missing('RecordSet');
      if (row.type === 'SOA')
        throw new Refusal(400, 'Deleting a SOA recordset is not allowed', { type: 'bad_request' });
      if (row.managed && !context.editManaged)
        throw new Refusal(400, 'Managed records may not be deleted', { type: 'bad_request' });
      remove(row, call);
      return { status: 202, json: show(row) };
    })
    .on('GET', '/v2/reverse/floatingips', (call) => {
      const { project } = contextOf(call);
      const rows = state.network.floatingips.where((row) => row.project_id === project);
      // This list is not paged. It still links to a next page when it has as many rows as a page of
      // other lists.
      const links =
        rows.length === 20
          ? { next: 'http://controller.invalid:9001/v2/reverse/floatingips?marker=None' }
          : {};
      return {
        status: 200,
        json: { floatingips: rows.map((row) => reverse(row, project)), links },
      };
    })
    .on('PATCH', '/v2/reverse/floatingips/:key', (call) => {
      const { project } = contextOf(call);
      body(call, z.object({ ptrdname: z.null() }));
      const id = /^RegionOne:(.+)$/.exec(param(call, 'key'))?.[1];
      const row = recordsets.where(
        (each) => each.ptr?.floatingip === id && each.ptr?.project_id === project,
      )[0];
      if (!row)
        throw new Refusal(404, `No such FloatingIP ${param(call, 'key')}`, { type: 'not_found' });
      remove(row, call);
      return { status: 202, json: null };
    });

  /** A read of the PTR record of an address removes a record that another project had set on it. */
  function reverse(address: NetworkRow, project: string) {
    const found = recordsets.where((row) => row.ptr?.address === address.floating_ip_address)[0];
    if (found && found.ptr?.project_id !== project) recordsets.delete(found.id);
    const ptr = found?.ptr?.project_id === project ? found.ptr : undefined;
    const state = ptr
      ? { action: 'NONE', status: 'ACTIVE' }
      : { action: 'NONE', status: 'INACTIVE' };
    return {
      id: `RegionOne:${address.id}`,
      address: address.floating_ip_address,
      ptrdname: ptr?.ptrdname ?? null,
      description: null,
      ...state,
    };
  }
}
