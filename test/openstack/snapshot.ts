import { createHash } from 'node:crypto';
import { Cloud, type Row, text, until } from './cloud.ts';
import { records } from './snapshot/dns.ts';
import { keys } from './snapshot/keys.ts';
import { access, identity, nested, quotas } from './snapshot/nested.ts';
import { objects } from './snapshot/objects.ts';
import { type Found, LISTINGS, list } from './snapshot/table.ts';

/** One thing that belongs to a project, or names it. */
export interface Line {
  readonly resourceType: string;
  readonly id: string;
  readonly name: string;
  /** Of every field that does not change by itself. */
  readonly digest: string;
  /**
   * Whether the project owns it. Else it is somebody else's and only names the project: an RBAC
   * policy that lends it something.
   */
  readonly owned: boolean;
  /** The whole row, to find who is named in it and to show what changed. */
  readonly row: string;
}
export interface Snapshot {
  readonly projects: ReadonlyMap<string, readonly Line[]>;
  /** `service id` of every row that the listings showed, whoever owns it. */
  readonly everything: ReadonlySet<string>;
}

/** Fields that move without anyone having touched the thing. */
const MOVING = new Set([
  'updated_at',
  'updated',
  'revision_number',
  'links',
  'host_status',
  'last_modified',
  'progress',
]);

function stable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((one) => JSON.stringify(stable(one))).sort();
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => !MOVING.has(key));
  return Object.fromEntries(
    entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, one]) => [key, stable(one)]),
  );
}

function line(resource: Found, projectId: string): Line {
  const row = JSON.stringify(stable(resource.row satisfies Row));
  const digest = createHash('sha256').update(row).digest('hex').slice(0, 12);
  return {
    resourceType: resource.resourceType,
    id: resource.id,
    name: resource.name,
    digest,
    owned: resource.owner === projectId && resource.resourceType !== 'glance.image-member',
    row,
  };
}

/**
 * Everything that each of the projects owns in Nova, Cinder, Neutron, Glance, Swift, Octavia,
 * Designate, Heat, Manila, Barbican, Placement and Keystone, and whatever names it elsewhere.
 * Written apart from the code under test; looks without a project filter; creates nothing. Throws
 * when anything can't be listed.
 * @param userIds users whose application credentials are looked at
 */
export async function snapshot(
  cloud: Cloud,
  projectIds: readonly string[],
  userIds: readonly string[] = [],
): Promise<Snapshot> {
  const wanted = new Set(projectIds);
  const extensions = new Set(
    (await cloud.admin.rows('network', '/extensions', 'extensions')).map((row) =>
      text(row, 'alias'),
    ),
  );
  const listings = LISTINGS.filter(
    ({ extension, service }) =>
      cloud.admin.has(service) && (extension === undefined || extensions.has(extension)),
  );
  const listed = (await Promise.all(listings.map((listing) => list(cloud, listing)))).flat();
  const more = await Promise.all([
    nested(cloud, listed, wanted),
    access(cloud),
    ...projectIds.map((id) => quotas(cloud, id)),
    ...projectIds.map((id) => identity(cloud, id, userIds)),
    ...(cloud.admin.has('dns') ? [records(cloud, listed)] : []),
    ...(cloud.admin.has('key-manager') ? projectIds.map((id) => keys(cloud, id)) : []),
    ...(cloud.admin.has('object') ? projectIds.map((id) => objects(cloud, id)) : []),
  ]);
  const everything = [...listed, ...more.flat()];
  const projects = new Map(
    projectIds.map((id) => {
      const lines = everything
        .filter((resource) => resource.owner === id || JSON.stringify(resource.row).includes(id))
        .map((resource) => line(resource, id));
      return [id, lines.sort((a, b) => (label(a) < label(b) ? -1 : 1))];
    }),
  );
  return { projects, everything: new Set(everything.map(address)) };
}

const address = (resource: { resourceType: string; id: string }): string =>
  `${resource.resourceType.split('.')[0]} ${resource.id}`;

export const label = (one: Line): string =>
  `${one.resourceType} ${one.id} ${one.name}${one.owned ? '' : ' (of somebody else)'} ${one.digest}`;

/**
 * The lines of a project as text, without those that name a project which has gone since: those had
 * to change.
 */
export function linesOf(
  all: Snapshot,
  projectId: string,
  without: readonly string[] = [],
): string[] {
  const lines = all.projects.get(projectId) ?? [];
  return lines
    .filter((one) => !without.some((gone) => one.row.includes(gone) || one.id.includes(gone)))
    .map(label);
}

/**
 * What should not be there after the project is gone: what it owned, and what others hold in its
 * name. Its memberships of other projects' images are left out: they are rows of the image's owner,
 * and mean nothing without the member.
 */
export function unwaivedLeftovers(now: Snapshot, projectId: string): string[] {
  return (now.projects.get(projectId) ?? [])
    .filter((one) => one.resourceType !== 'glance.image-member')
    .map(label);
}

/**
 * Things that the project owned before and that are still there now, even if they belong to
 * somebody else or to nobody.
 */
export function survivors(before: Snapshot, now: Snapshot, projectId: string): string[] {
  const owned = (before.projects.get(projectId) ?? []).filter((one) => one.owned);
  return owned.filter((one) => now.everything.has(address(one))).map(label);
}

/** How many resources of each resource type the project owns. */
export function counts(all: Snapshot, projectId: string): Record<string, number> {
  const totals: Record<string, number> = {};
  for (const one of all.projects.get(projectId) ?? [])
    if (one.owned) totals[one.resourceType] = (totals[one.resourceType] ?? 0) + 1;
  return totals;
}

/** A census that says the same twice: nothing is still on its way. */
export function settledCensus(
  cloud: Cloud,
  projectIds: readonly string[],
  userIds: readonly string[] = [],
): Promise<Snapshot> {
  let before = '';
  return until('two equal censuses', 120, async () => {
    const now = await snapshot(cloud, projectIds, userIds);
    const all = projectIds.flatMap((id) => linesOf(now, id)).join('\n');
    const same = all === before;
    before = all;
    return same ? now : undefined;
  });
}

if (import.meta.main) {
  const ids = process.argv.slice(2);
  const start = Date.now();
  const result = await snapshot(await Cloud.connect(), ids);
  for (const id of ids) {
    console.log(`${id}\n${linesOf(result, id).join('\n')}`);
    console.log(counts(result, id));
  }
  console.log(`${(Date.now() - start) / 1000} s`);
}
