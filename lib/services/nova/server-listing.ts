import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import type { Blocker, ProjectContext } from '../../task/service.ts';
import { downCellBlocker, hostsOfDownCells } from './cells.ts';

const serverRow = z.object({
  id: z.string(),
  name: z.string().nullish(),
  tenant_id: z.string().nullish(),
  status: z.string(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
  created: z.string().nullish(),
  updated: z.string().nullish(),
  'OS-EXT-STS:task_state': z.string().nullish(),
  'os-extended-volumes:volumes_attached': z
    .array(z.object({ id: z.string(), delete_on_termination: z.boolean().nullish() }))
    .nullish(),
});
/**
 * A server that Nova lists. If Nova lists none but may hide some, one row stands for all hidden
 * servers: only that row has `hiddenServersBlocker`, the reason why Nova may hide them.
 */
export type ServerRow = z.infer<typeof serverRow> & { readonly hiddenServersBlocker?: Blocker };

/**
 * Lists the servers as an administrator. Without `all_tenants`, Nova silently lists the servers of
 * the token's own project. Without `soft_deleted`, Nova omits servers that wait for
 * `reclaim_instance_interval`.
 */
export async function listServers({ api, project }: ProjectContext): Promise<ServerRow[]> {
  const query = { all_tenants: 1, project_id: project, soft_deleted: true };
  return (
    await api.list('/servers/detail', {
      collection: 'servers',
      row: serverRow,
      paging: 'marker',
      query,
    })
  ).rows;
}

const usagesBody = z.object({ usages: z.record(z.string(), z.number()) });

/**
 * Returns the row for hidden servers if Placement reports usage of the project, and `undefined`
 * otherwise. While a cell is down, Nova silently omits the servers of that cell from a filtered
 * list ([api] list_records_by_skipping_down_cells), but Placement still has their allocations.
 * Allocations also remain for a moment after the deletion of a server.
 */
async function hiddenServersRowByUsage(context: ProjectContext): Promise<ServerRow | undefined> {
  const { project } = context;
  // Placement only confirms Nova's list, so the cleanup continues if Keystone has no endpoint of
  // Placement in the region (class `Blocked`).
  const placement = await context.apiOf('placement').catch((error: unknown) => {
    if (error instanceof PropagatorError && error.class === 'Blocked') return undefined;
    throw error;
  });
  if (!placement) return undefined;
  // Placement reports usage by project since microversion 1.9 (Ocata).
  const headers = { 'OpenStack-API-Version': 'placement 1.9' };
  const answer = await placement.request('GET', '/usages', {
    query: { project_id: project },
    headers,
  });
  const usedAmounts = Object.entries(usagesBody.parse(answer.json).usages).filter(
    ([, amount]) => amount > 0,
  );
  if (usedAmounts.length === 0) return undefined;
  const usage = usedAmounts
    .map(([resourceClass, amount]) => `${amount} ${resourceClass}`)
    .join(', ');
  return hiddenServersRow(project, {
    message: `Nova lists no servers of the project, but Placement still reports usage: ${usage}`,
    actor: 'operator',
    advice:
      'If Placement reports the usage for longer than some minutes, a cell may be down ' +
      '(nova-manage cell_v2 list_cells; openstack compute service list), or allocations may ' +
      'be orphaned (nova-manage placement audit).',
  });
}

/** Returns the row that stands for hidden servers. Its owner is the project of the request. */
const hiddenServersRow = (project: string, hiddenServersBlocker: Blocker): ServerRow => ({
  id: `servers-of-${project}`,
  name: 'servers that Nova does not list',
  tenant_id: project,
  status: 'UNKNOWN',
  hiddenServersBlocker,
});

/**
 * Returns the row for hidden servers if a cell is down, and `undefined` otherwise. Placement does
 * not reveal all servers of such a cell: a shelved and offloaded server and a server that was never
 * scheduled have no allocation.
 */
async function hiddenServersRowByDownCell({
  api,
  project,
}: ProjectContext): Promise<ServerRow | undefined> {
  const hosts = await hostsOfDownCells(api);
  return hosts.length === 0 ? undefined : hiddenServersRow(project, downCellBlocker(hosts));
}

/**
 * Lists the servers. If Nova lists none but may hide some, the result is the row that stands for
 * the hidden servers.
 */
export async function listServersOrHiddenRow(context: ProjectContext): Promise<ServerRow[]> {
  const rows = await listServers(context);
  if (rows.length > 0) return rows;
  const hiddenRow =
    (await hiddenServersRowByUsage(context)) ?? (await hiddenServersRowByDownCell(context));
  if (hiddenRow) return [hiddenRow];
  // A cell may come up between the first list and this check. The first list then lacks the servers
  // of that cell, so the servers are listed again.
  return listServers(context);
}
