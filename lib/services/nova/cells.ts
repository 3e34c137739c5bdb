import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import type { Blocker, ServiceApi } from '../../task/service.ts';

const servicesBody = z.object({
  services: z.array(z.object({ host: z.string(), status: z.string() })),
});

/**
 * Returns the compute hosts of the cells that are down. Since microversion 2.69, Nova lists these
 * hosts with the status `UNKNOWN`. Nova reads the hosts from its host mappings, so this function
 * does not find a cell without hosts.
 */
export async function hostsOfDownCells(api: ServiceApi): Promise<string[]> {
  const answer = await api.request('GET', '/os-services');
  return servicesBody
    .parse(answer.json)
    .services.filter(({ status }) => status === 'UNKNOWN')
    .map(({ host }) => host);
}

const FIND_CELL_ADVICE = 'Find the cell: nova-manage cell_v2 list_cells. Start its database again.';

/**
 * Returns the blocker of a project for which Nova lists no servers while a cell is down. `hosts`:
 * the compute hosts of the cell, at least one.
 */
export const downCellBlocker = (hosts: readonly string[]): Blocker => ({
  message:
    'Nova lists no servers of the project, but a cell is down, and Nova omits the servers of ' +
    `such a cell (${hosts.length} compute hosts, for example ${hosts[0]})`,
  actor: 'operator',
  advice: `${FIND_CELL_ADVICE} The next run then lists the servers of the cell.`,
});

/**
 * Throws class `Transient` while a cell is down. Suspend and resume need the complete list of
 * servers: suspend would not stop an omitted server, and resume would remove its record
 * without starting it.
 */
export async function requireAllCellsUp(api: ServiceApi): Promise<void> {
  const hosts = await hostsOfDownCells(api);
  if (hosts.length === 0) return;
  throw new PropagatorError({
    code: 'nova.server.cell-down',
    class: 'Transient',
    message:
      'a cell is down, and Nova omits the servers of such a cell from its list ' +
      `(${hosts.length} compute hosts, for example ${hosts[0]})`,
    advice: FIND_CELL_ADVICE,
    service: 'nova',
    region: api.region,
  });
}
