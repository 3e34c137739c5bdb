import { finishLater, type Routes } from '../documented.ts';
import { Refusal } from '../http.ts';
import type { CloudState } from '../state.ts';
import { found, mgmt, ofToken, time } from './trove-call.ts';
import type { Cluster, Instance, Tables } from './trove-rows.ts';

/** Clusters: all of the cloud in one answer. A member is deleted only with its cluster. */
export function clusterRoutes(
  state: CloudState,
  { clusters, instances }: Tables,
  routes: Routes,
): void {
  const membersOf = (row: Cluster): Instance[] =>
    instances.where((one) => one.cluster_id === row.id && !one.deleted);
  const show = (row: Cluster) => ({
    id: row.id,
    name: row.name,
    tenant_id: row.tenant_id,
    task: { id: 1, name: row.task, description: row.task },
    created: time(row.updated),
    updated: time(row.updated),
    deleted: false,
    instances: membersOf(row).map(({ id }) => ({ id })),
  });
  routes
    .on(
      'GET',
      '/v1.0/:tenant/mgmt/clusters',
      mgmt(() => ({ status: 200, json: { clusters: clusters.all().map(show) } })),
    )
    .on(
      'POST',
      '/v1.0/:tenant/clusters/:id',
      ofToken((call) => {
        const row = found(call, clusters, 'Cluster');
        for (const one of [row, ...membersOf(row)]) one.task = 'NONE';
        return { status: 202, json: { cluster: show(row) } };
      }),
    )
    .on(
      'DELETE',
      '/v1.0/:tenant/clusters/:id',
      ofToken((call) => {
        const row = found(call, clusters, 'Cluster');
        if (!['NONE', 'DELETING'].includes(row.task))
          throw new Refusal(
            422,
            `This action cannot be performed on the cluster while the current cluster task is '${row.task}'.`,
          );
        row.task = 'DELETING';
        row.updated = state.clock.now();
        const members = membersOf(row);
        for (const member of members) {
          if (member.task === 'BUILDING')
            throw new Refusal(422, `Instance ${member.id} is not ready. (Status is BUILD).`);
          member.task = 'DELETING';
          member.updated = state.clock.now();
        }
        finishLater(state, call, state.options.durations.documented, () => {
          clusters.delete(row.id);
          for (const member of members) Object.assign(member, { deleted: true, cluster_id: null });
        });
        return { status: 202 };
      }),
    );
}
