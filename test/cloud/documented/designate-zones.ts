import { finishLater } from '../documented.ts';
import { type Call, param, Refusal, type Routes } from '../http.ts';
import {
  contextOf,
  listing,
  missing,
  sees,
  type Tables,
  time,
  type Zone,
} from './designate-shape.ts';

export function zoneRoutes(routes: Routes, sources: Tables): void {
  const { state, zones, recordsets, sharing, shares } = sources;
  const show = (row: Zone) => ({
    id: row.id,
    pool_id: '794ccc2c-d751-44fe-b57f-8894c9f5c842',
    project_id: row.project_id,
    name: row.name,
    email: 'hostmaster@example.com',
    ttl: 3600,
    serial: 1,
    ...(shares ? { shared: sharing.some((share) => share.zone_id === row.id) } : {}),
    status: row.status,
    action: row.action,
    version: 1,
    type: 'PRIMARY',
    masters: [],
    created_at: time(row.created_at),
    updated_at: time(row.updated_at),
  });
  const isSharedWith = (project: string, row: Zone): boolean =>
    sharing.some((share) => share.zone_id === row.id && share.target_project_id === project);
  /** Without the right header the caller does not find the zone. */
  const one = (call: Call): Zone => {
    const row = zones.get(param(call, 'id'));
    if (!row || !sees(contextOf(call), row.project_id)) throw missing('Zone');
    return row;
  };
  routes
    .on('GET', '/v2/zones', (call) => {
      const context = contextOf(call);
      const name = call.query.get('name');
      const wanted =
        name === null ? /^/ : new RegExp(`^${name.replaceAll('.', '\\.').replaceAll('*', '.*')}$`);
      const rows = zones.where(
        (row) =>
          wanted.test(row.name) &&
          (sees(context, row.project_id) || isSharedWith(context.project, row)),
      );
      return listing(call, 'zones', rows, show);
    })
    .on('GET', '/v2/zones/:id', (call) => ({ status: 200, json: show(one(call)) }))
    .on('GET', '/v2/zones/:id/shares', (call) => {
      if (!shares) throw new Refusal(404, 'resource not found', { type: 'not_found' });
      const context = contextOf(call);
      const target = call.query.get('target_project_id');
      // The project that gets access sees the shares of the zone, too (seen on Designate 22).
      const rows = sharing.where(
        (row) =>
          row.zone_id === param(call, 'id') &&
          (context.all || [row.project_id, row.target_project_id].includes(context.project)) &&
          (target === null || row.target_project_id === target),
      );
      return listing(call, 'shared_zones', rows, (row) => row);
    })
    .on('DELETE', '/v2/zones/:id/shares/:share', (call) => {
      const row = shares ? sharing.get(param(call, 'share')) : undefined;
      if (!row || row.zone_id !== param(call, 'id'))
        throw new Refusal(404, 'Could not find SharedZone', { type: 'shared_zone_not_found' });
      const guest = row.target_project_id;
      if (recordsets.some((one) => one.zone_id === row.zone_id && one.project_id === guest))
        throw new Refusal(
          400,
          `Please delete all recordsets owned by project ${guest} before unsharing this zone.`,
          { type: 'shared_zone_has_recordsets' },
        );
      if (!call.endless) sharing.delete(row.id);
      return { status: 204 };
    })
    .on('DELETE', '/v2/zones/:id', (call) => {
      const row = one(call);
      const isShared = shares && sharing.some((share) => share.zone_id === row.id);
      if (isShared && !contextOf(call).deleteShares)
        throw new Refusal(
          400,
          'This zone is shared with other projects, please remove these shares before deletion',
          {
            type: 'zone_shared',
          },
        );
      if (zones.some((other) => other.name.endsWith(`.${row.name}`)))
        throw new Refusal(400, 'Please delete any subzones before deleting this zone', {
          type: 'zone_has_sub_zone',
        });
      for (const share of sharing.where((each) => each.zone_id === row.id))
        sharing.delete(share.id);
      Object.assign(row, { action: 'DELETE', status: 'PENDING', updated_at: state.clock.now() });
      finishLater(state, call, state.options.durations.documented, () => {
        if (row.stubborn) {
          row.status = 'ERROR';
          return;
        }
        for (const record of recordsets.where((each) => each.zone_id === row.id))
          recordsets.delete(record.id);
        zones.delete(row.id);
      });
      return { status: 202, json: show(row) };
    });
}
