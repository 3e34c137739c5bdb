import { createHash } from 'node:crypto';
import { CLOUD_SECONDS, Cloud, type Row, text, until } from './cloud.ts';
import { listRecords } from './snapshot/dns.ts';
import { listKeys } from './snapshot/keys.ts';
import { listAccess, listKeystoneResources, listNested, listQuotas } from './snapshot/nested.ts';
import { listObjects } from './snapshot/objects.ts';
import { LISTINGS, type ListedResource, list } from './snapshot/table.ts';

/** A resource that belongs to a project or names it. */
export interface Line {
  readonly resourceType: string;
  readonly id: string;
  readonly name: string;
  /** Digest of all fields that change only by a request. */
  readonly digest: string;
  /**
   * True if the project owns the resource. False if another project owns it and it only names this
   * project, like an RBAC policy that shares a resource with it.
   */
  readonly owned: boolean;
  /** The whole row, to find the projects in it and to show changes. */
  readonly row: string;
}
export interface Snapshot {
  readonly projects: ReadonlyMap<string, readonly Line[]>;
  /** `service id` of every row in the listings, of any owner. */
  readonly everything: ReadonlySet<string>;
}

/** Fields that change without a change of the resource. */
const VOLATILE_FIELDS = new Set([
  'updated_at',
  'updated',
  'revision_number',
  'links',
  'host_status',
  'last_modified',
  'progress',
]);

function withoutVolatileFields(value: unknown): unknown {
  if (Array.isArray(value))
    return value.map((one) => JSON.stringify(withoutVolatileFields(one))).sort();
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => !VOLATILE_FIELDS.has(key));
  return Object.fromEntries(
    entries
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, one]) => [key, withoutVolatileFields(one)]),
  );
}

function toLine(resource: ListedResource, projectId: string): Line {
  const row = JSON.stringify(withoutVolatileFields(resource.row satisfies Row));
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
 * Returns all resources that the projects own in Nova, Cinder, Neutron, Glance, Swift, Octavia,
 * Designate, Heat, Manila, Barbican, Placement and Keystone, and resources of others that name
 * them. Written independently of the code under test: it lists without a project filter and creates
 * nothing. Throws if any listing fails.
 * @param userIds users whose application credentials are listed
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
    listNested(cloud, listed, wanted),
    listAccess(cloud),
    ...projectIds.map((id) => listQuotas(cloud, id)),
    ...projectIds.map((id) => listKeystoneResources(cloud, id, userIds)),
    ...(cloud.admin.has('dns') ? [listRecords(cloud, listed)] : []),
    ...(cloud.admin.has('key-manager') ? projectIds.map((id) => listKeys(cloud, id)) : []),
    ...(cloud.admin.has('object') ? projectIds.map((id) => listObjects(cloud, id)) : []),
  ]);
  const everything = [...listed, ...more.flat()];
  const projects = new Map(
    projectIds.map((id) => {
      const lines = everything
        .filter((resource) => resource.owner === id || JSON.stringify(resource.row).includes(id))
        .map((resource) => toLine(resource, id));
      return [id, lines.sort((a, b) => (label(a) < label(b) ? -1 : 1))];
    }),
  );
  return { projects, everything: new Set(everything.map(resourceKey)) };
}

const resourceKey = (resource: { resourceType: string; id: string }): string =>
  `${resource.resourceType.split('.')[0]} ${resource.id}`;

export const label = (one: Line): string =>
  `${one.resourceType} ${one.id} ${one.name}${one.owned ? '' : ' (of another owner)'} ${one.digest}`;

/**
 * Returns the lines of a project as text. Lines that name a deleted project are left out, because
 * the deletion changes them.
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
 * Returns the resources that must be gone after the project's deletion: its own resources, and
 * resources that others hold for it. Its memberships of other projects' images are left out. They
 * are rows of the owner of the image, and have no effect without the member.
 */
export function leftoverLabels(now: Snapshot, projectId: string): string[] {
  return (now.projects.get(projectId) ?? [])
    .filter((one) => one.resourceType !== 'glance.image-member')
    .map(label);
}

/**
 * Returns resources that the project owned before and that still exist, even with another owner or
 * without one.
 */
export function survivors(before: Snapshot, now: Snapshot, projectId: string): string[] {
  const owned = (before.projects.get(projectId) ?? []).filter((one) => one.owned);
  return owned.filter((one) => now.everything.has(resourceKey(one))).map(label);
}

/** Returns the number of resources of each type that the project owns. */
export function counts(all: Snapshot, projectId: string): Record<string, number> {
  const totals: Record<string, number> = {};
  for (const one of all.projects.get(projectId) ?? [])
    if (one.owned) totals[one.resourceType] = (totals[one.resourceType] ?? 0) + 1;
  return totals;
}

/**
 * Returns a snapshot that was equal twice in a row: no change is in progress. After {@link
 * CLOUD_SECONDS} without it, the error names the lines that changed last.
 */
export async function settledSnapshot(
  cloud: Cloud,
  projectIds: readonly string[],
  userIds: readonly string[] = [],
): Promise<Snapshot> {
  let before: readonly string[] = [];
  let changed: readonly string[] = [];
  try {
    return await until('two equal snapshots', CLOUD_SECONDS, async () => {
      const now = await snapshot(cloud, projectIds, userIds);
      const lines = projectIds.flatMap((id) => linesOf(now, id));
      changed = [
        ...before.filter((one) => !lines.includes(one)).map((one) => `- ${one}`),
        ...lines.filter((one) => !before.includes(one)).map((one) => `+ ${one}`),
      ];
      const isSame = before.length === lines.length && changed.length === 0;
      before = lines;
      return isSame ? now : undefined;
    });
  } catch (error) {
    throw new Error(`${String(error)}\n${changed.join('\n')}`, { cause: error });
  }
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
