import { param, Refusal, type Routes } from '../http.ts';
import {
  type Context,
  contextOf,
  listing,
  missing,
  sees,
  type Tables,
  type Task,
  type TransferRequest,
} from './designate-shape.ts';

const DEFAULTS = {
  zones: 10,
  zone_recordsets: 500,
  zone_records: 500,
  recordset_records: 20,
  api_export_size: 1000,
};

/**
 * The resources under `tasks`, and the limits. The tasks remain after the deletion of their zone.
 */
export function taskRoutes(
  routes: Routes,
  { transferRequests, imports, exports, quotas }: Tables,
): void {
  const base = '/v2/zones/tasks';
  const showRequest = (row: TransferRequest) => ({
    ...row,
    key: 'E28PUL7T',
    status: 'ACTIVE',
    description: null,
  });
  const showTask = (row: Task) => ({ ...row, status: 'COMPLETE', message: null, version: 1 });
  const seesRequest = (context: Context, row: TransferRequest): boolean =>
    sees(context, row.project_id) || row.target_project_id === context.project;
  routes
    .on('GET', `${base}/transfer_requests`, (call) => {
      const context = contextOf(call);
      const rows = transferRequests.where((row) => seesRequest(context, row));
      return listing(call, 'transfer_requests', rows, showRequest);
    })
    .on('DELETE', `${base}/transfer_requests/:id`, (call) => {
      const row = transferRequests.get(param(call, 'id'));
      if (!row || !seesRequest(contextOf(call), row)) throw missing('ZoneTransferRequest');
      if (!call.endless) transferRequests.delete(row.id);
      return { status: 204 };
    });
  for (const [name, table] of [
    ['imports', imports],
    ['exports', exports],
  ] as const)
    routes
      .on('GET', `${base}/${name}`, (call) => {
        const context = contextOf(call);
        const rows = table.where((row) => sees(context, row.project_id));
        return listing(call, name, rows, showTask);
      })
      .on('DELETE', `${base}/${name}/:id`, (call) => {
        const row = table.get(param(call, 'id'));
        if (!row || !sees(contextOf(call), row.project_id)) throw missing(name);
        if (!call.endless) table.delete(row.id);
        return { status: 204 };
      });
  routes
    .on('GET', '/v2/quotas/:id', (call) => {
      const context = contextOf(call);
      const project = param(call, 'id');
      if (project !== context.project && !context.all) throw new Refusal(403, '');
      return { status: 200, json: { ...DEFAULTS, ...quotas.get(project)?.values } };
    })
    .on('DELETE', '/v2/quotas/:id', (call) => {
      contextOf(call);
      if (!call.endless) quotas.delete(param(call, 'id'));
      return { status: 204 };
    });
}
