import * as z from 'zod';
import { createService, type Documented, finishLater, Routes } from '../documented.ts';
import { body, type Call, Refusal, type Reply } from '../http.ts';
import type { CloudState } from '../state.ts';
import { ownProject } from '../tokens.ts';
import { backupRoutes } from './trove-backups.ts';
import { byOffset, found, mgmt, ofToken, time } from './trove-call.ts';
import { clusterRoutes } from './trove-clusters.ts';
import { type Instance, openTables, seed, type Tables } from './trove-rows.ts';
import { settingRoutes } from './trove-settings.ts';

const FAULTS: Record<number, string> = {
  400: 'badRequest',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'itemNotFound',
  422: 'unprocessableEntity',
  501: 'notImplemented',
};

/** Trove v1.0 as of 2026.1. */
export const trove: Documented = {
  name: 'trove',
  endpoint: { type: 'database', path: '/v1.0/%(project_id)s' },
  open(state) {
    const tables = openTables(state);
    const routes = new Routes();
    instanceRoutes(state, tables, routes);
    clusterRoutes(state, tables, routes);
    backupRoutes(state, tables, routes);
    settingRoutes(state, tables, routes);
    const front = createService(state, {
      name: 'trove',
      routes,
      refuse: ({ status, message, headers }) => ({
        status,
        headers,
        json: { [FAULTS[status] ?? 'instanceFault']: { code: status, message } },
      }),
    });
    return { ...front, seed: (project) => seed(state, tables, project) };
  },
};

const statusOf = (row: Instance): string =>
  row.task === 'BUILDING' ? 'BUILD' : row.task === 'DELETING' ? 'SHUTDOWN' : row.server;
const TASKS: Record<string, string> = {
  NONE: 'No tasks for the instance.',
  BUILDING: 'The instance is building.',
  DELETING: 'Deleting the instance.',
};

function instanceRoutes(state: CloudState, tables: Tables, routes: Routes): void {
  const { instances, backups } = tables;
  const replicasOf = (row: Instance): Instance[] =>
    instances.where((one) => one.replica_of === row.id && !one.deleted);
  const show = (row: Instance) => {
    const replicas = replicasOf(row).map(({ id }) => ({ id, links: [] }));
    return {
      id: row.id,
      name: row.name,
      status: statusOf(row),
      service_status: row.database,
      tenant_id: row.tenant_id,
      task_description: TASKS[row.task],
      created: time(row.updated),
      updated: time(row.updated),
      deleted: row.deleted,
      ...(row.cluster_id && { cluster_id: row.cluster_id }),
      ...(row.replica_of && { replica_of: { id: row.replica_of, links: [] } }),
      ...(replicas.length > 0 && { replicas }),
    };
  };
  /**
   * Without `deleted` the list also shows deleted instances. Without `include_clustered` it leaves
   * out members of clusters.
   */
  const list = (call: Call): Reply => {
    const [project, deleted, clustered] = ['project_id', 'deleted', 'include_clustered'].map(
      (name) => call.query.get(name),
    );
    const rows = instances.where(
      (row) =>
        (!project || row.tenant_id === project) &&
        (!deleted || String(row.deleted) === deleted.toLowerCase()) &&
        (clustered?.toLowerCase() === 'true' || row.cluster_id === null),
    );
    return byOffset(call, rows, 'instances', show);
  };
  const one = (call: Call): Instance => {
    const row = found(call, instances, 'Resource');
    if (row.deleted) throw new Refusal(404, `Resource ${row.id} cannot be found.`);
    return row;
  };
  const reset = (row: Instance): Reply => {
    row.task = 'NONE';
    for (const backup of backups.where(
      (each) => each.instance_id === row.id && ['NEW', 'BUILDING', 'SAVING'].includes(each.status),
    ))
      backup.status = 'FAILED';
    return { status: 202 };
  };
  const json = (call: Call) => body(call, z.record(z.string(), z.unknown()));
  const run = (row: Instance, database: Instance['database']): Reply => {
    if (row.task !== 'NONE')
      throw new Refusal(422, `Instance ${row.id} is not ready. (Status is ${statusOf(row)}).`);
    row.database = database;
    return { status: 202 };
  };
  routes
    .on('GET', '/v1.0/:tenant/mgmt/instances', mgmt(list))
    .on(
      'POST',
      '/v1.0/:tenant/mgmt/instances/:id/action',
      mgmt((call) => ('stop' in json(call) ? run(one(call), 'SHUTDOWN') : reset(one(call)))),
    )
    .on(
      'POST',
      '/v1.0/:tenant/instances/:id/action',
      ofToken((call) => ('restart' in json(call) ? run(one(call), 'HEALTHY') : reset(one(call)))),
    )
    .on(
      'DELETE',
      '/v1.0/:tenant/instances/:id',
      ofToken((call) => {
        const row = one(call);
        if (row.task === 'BUILDING')
          throw new Refusal(422, `Instance ${row.id} is not ready. (Status is BUILD).`);
        if (row.cluster_id !== null && tables.clusters.get(row.cluster_id)?.task !== 'DELETING')
          throw new Refusal(
            501,
            'Operation not supported for instances that are part of a cluster.',
          );
        if (replicasOf(row).length > 0)
          throw new Refusal(403, 'Detach replicas before deleting replica source.');
        if (row.tls && ownProject(call.token) !== row.tenant_id)
          state.sideEffects.push(`the certificate of ${row.name} is still marked as in use`);
        row.task = 'DELETING';
        row.updated = state.clock.now();
        finishLater(state, call, state.options.durations.documented, () => {
          row.deleted = true;
          row.cluster_id = null;
          row.replica_of = null;
        });
        return { status: 202 };
      }),
    );
}
