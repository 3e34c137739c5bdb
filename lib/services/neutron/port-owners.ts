import * as z from 'zod';
import type { Blocker, ProjectContext } from '../../task/service.ts';
import { extensionsOf, type Filters, Owned, ownerOf, rowsOf } from './collection.ts';

/**
 * The device owners of ports that Neutron removes with their network (`AUTO_DELETE_PORT_OWNERS`).
 * Neutron's agents would recreate such a port.
 */
export const NETWORK_PORT_OWNERS: readonly string[] = [
  'network:dhcp',
  'network:distributed',
  'network:floatingip_agent_gateway',
];

const BlockingRow = Owned.pick({ id: true, project_id: true, tenant_id: true });
const BlockingPort = BlockingRow.extend({ device_owner: z.string().nullish() });

/** A collection that may contain the resource that prevents a deletion. */
export interface BlockingCollection {
  readonly path: string;
  readonly collection: string;
  readonly filters: Filters;
  /** Singular and plural: `port`, `ports`. */
  readonly noun: readonly [string, string];
  readonly extension?: string;
}

export const portsWhere = (filter: string, id: string): BlockingCollection => ({
  path: '/v2.0/ports',
  collection: 'ports',
  filters: [[filter, id]],
  noun: ['port', 'ports'],
});

/**
 * Returns a blocker that names the resources that prevent a deletion, or `undefined` if no
 * collection contains such a resource. Resources of other projects take precedence. Resources of
 * the project need no action, because the cleanup removes them.
 */
export async function findBlocker(
  context: ProjectContext,
  collections: readonly BlockingCollection[],
): Promise<Blocker | undefined> {
  let own: Blocker | undefined;
  for (const place of collections) {
    if (place.extension !== undefined && !(await extensionsOf(context)).has(place.extension))
      continue;
    const isPort = place.collection === 'ports';
    const listed = await rowsOf(
      context.api,
      { ...place, row: isPort ? BlockingPort : BlockingRow },
      place.filters,
    );
    const rows = listed.filter(
      (row) => !('device_owner' in row && NETWORK_PORT_OWNERS.includes(String(row.device_owner))),
    );
    const foreign = rows.filter((row) => ownerOf(row) !== context.project);
    if (foreign.length > 0) return foreignBlocker(foreign.map(ownerOf), place.noun);
    if (rows.length > 0)
      own ??= {
        message: `in use by ${countOf(rows.length, place.noun)} of the same project`,
        actor: 'none',
      };
  }
  return own;
}

/** Returns, for example: `2 ports of project 4f…, 1 port of project 9a… prevent the deletion`. */
export function foreignBlocker(
  owners: readonly (string | undefined)[],
  noun: BlockingCollection['noun'],
): Blocker {
  const byOwner = new Map<string, number>();
  for (const owner of owners) byOwner.set(owner ?? '', (byOwner.get(owner ?? '') ?? 0) + 1);
  const parts = [...byOwner.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([owner, count]) =>
        `${countOf(count, noun)} of ${owner === '' ? 'no project' : `project ${owner}`}`,
    );
  return {
    message: `${parts.join(', ')} ${owners.length === 1 ? 'prevents' : 'prevent'} the deletion`,
    actor: byOwner.size === 1 && byOwner.has('') ? 'operator' : 'other-project',
    advice:
      'The propagator changes nothing in another project. Ask the owner of that ' +
      'resource to remove it, or remove it as an administrator.',
  };
}

const countOf = (count: number, [one, many]: BlockingCollection['noun']): string =>
  `${count} ${count === 1 ? one : many}`;
