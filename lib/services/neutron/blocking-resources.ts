import * as z from 'zod';
import type { Blocker, ProjectContext } from '../../task/service.ts';
import { extensionsOf, type Filters, OwnedRow, ownerOf, rowsOf } from './collection.ts';

/**
 * The values of `device_owner` for ports that Neutron removes with their network
 * (`AUTO_DELETE_PORT_OWNERS`). Neutron's agents would recreate such a port.
 */
export const NETWORK_PORT_DEVICE_OWNERS: readonly string[] = [
  'network:dhcp',
  'network:distributed',
  'network:floatingip_agent_gateway',
];

const BlockingRow = OwnedRow.pick({ id: true, project_id: true, tenant_id: true });
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

/** Returns the collection of the ports whose `field` has this value. */
export const portsWhere = (field: string, value: string): BlockingCollection => ({
  path: '/v2.0/ports',
  collection: 'ports',
  filters: [[field, value]],
  noun: ['port', 'ports'],
});

/**
 * Returns a blocker that names the resources that prevent a deletion, or `undefined` if no
 * collection contains such a resource. If resources of this project and of another project prevent
 * the deletion, the blocker names only the resources of the other project. The cleanup removes the
 * resources of this project, so they need no action of a person.
 */
export async function findBlocker(
  context: ProjectContext,
  collections: readonly BlockingCollection[],
): Promise<Blocker | undefined> {
  let sameProjectBlocker: Blocker | undefined;
  for (const collection of collections) {
    const owners = await ownersIn(collection, context);
    const foreignOwners = owners.filter((owner) => owner !== context.project);
    if (foreignOwners.length > 0) return foreignBlocker(foreignOwners, collection.noun);
    if (owners.length > 0)
      sameProjectBlocker ??= {
        message: `in use by ${countWithNoun(owners.length, collection.noun)} of the same project`,
        actor: 'none',
      };
  }
  return sameProjectBlocker;
}

/**
 * Returns the owner of each resource in the collection. Omits ports that Neutron removes with their
 * network, because they do not prevent a deletion.
 */
async function ownersIn(
  source: BlockingCollection,
  context: ProjectContext,
): Promise<(string | undefined)[]> {
  if (source.extension !== undefined && !(await extensionsOf(context)).has(source.extension))
    return [];
  const row = source.collection === 'ports' ? BlockingPort : BlockingRow;
  const rows = await rowsOf(context.api, { ...source, row }, source.filters);
  return rows
    .filter(
      (one) =>
        !('device_owner' in one && NETWORK_PORT_DEVICE_OWNERS.includes(String(one.device_owner))),
    )
    .map(ownerOf);
}

/**
 * Returns a blocker that counts the resources of each owner: `2 ports of project 4f…, 1 port of
 * project 9a… prevent the deletion`.
 */
export function foreignBlocker(
  owners: readonly (string | undefined)[],
  noun: BlockingCollection['noun'],
): Blocker {
  const countByOwner = new Map<string, number>();
  for (const owner of owners)
    countByOwner.set(owner ?? '', (countByOwner.get(owner ?? '') ?? 0) + 1);
  const countTexts = [...countByOwner.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([owner, count]) =>
        `${countWithNoun(count, noun)} of ${owner === '' ? 'no project' : `project ${owner}`}`,
    );
  const verb = owners.length === 1 ? 'prevents' : 'prevent';
  return {
    message: `${countTexts.join(', ')} ${verb} the deletion`,
    actor: countByOwner.size === 1 && countByOwner.has('') ? 'operator' : 'other-project',
    advice:
      'The propagator changes nothing in another project. Ask the owner of that ' +
      'resource to remove it, or remove it as an administrator.',
  };
}

const countWithNoun = (count: number, [one, many]: BlockingCollection['noun']): string =>
  `${count} ${count === 1 ? one : many}`;
