import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import type { Blocker, ServiceApi } from '../../task/service.ts';

const services = z.object({
  services: z.array(z.object({ host: z.string(), status: z.string() })),
});

/**
 * Returns the compute hosts of the cells that are down. Since 2.69 Nova lists these hosts with the
 * status `UNKNOWN`. Nova knows the hosts from the host mappings, so a cell without hosts is not
 * visible.
 */
export async function hostsOfDownCells(api: ServiceApi): Promise<string[]> {
  const answer = await api.request('GET', '/os-services');
  return services
    .parse(answer.json)
    .services.filter(({ status }) => status === 'UNKNOWN')
    .map(({ host }) => host);
}

const FIND_CELL = 'Find the cell: nova-manage cell_v2 list_cells. Start its database again.';

/**
 * Returns the blocker of a project without listed servers while a cell is down. The argument is the
 * list of hosts, with at least one host.
 */
export const downCellBlocker = ({ length, 0: host }: readonly string[]): Blocker => ({
  message:
    'Nova lists no servers of the project, but a cell is down, and Nova omits the servers of ' +
    `such a cell (${length} compute hosts, for example ${host})`,
  actor: 'operator',
  advice: `${FIND_CELL} The next run then lists the servers of the cell.`,
});

/**
 * Throws class `Transient` while a cell is down. Suspend and resume need the complete list: an
 * omitted server would keep running, or its record would be closed without a start.
 */
export async function requireAllCells(api: ServiceApi): Promise<void> {
  const hosts = await hostsOfDownCells(api);
  if (hosts.length === 0) return;
  throw new PropagatorError({
    code: 'nova.server.cell-down',
    class: 'Transient',
    message:
      'a cell is down, and Nova omits the servers of such a cell from its list ' +
      `(${hosts.length} compute hosts, for example ${hosts[0]})`,
    advice: FIND_CELL,
    service: 'nova',
    region: api.region,
  });
}
