import { createHash } from 'node:crypto';
import { records } from './census/dns.ts';
import { keys } from './census/keys.ts';
import { access, identity, nested, quotas } from './census/nested.ts';
import { objects } from './census/objects.ts';
import { type Found, LISTINGS, list } from './census/table.ts';
import { Cloud, type Row, text, until } from './cloud.ts';

/** One thing that belongs to a project, or names it. */
export interface Line {
  readonly kind: string;
  readonly id: string;
  readonly name: string;
  /** Of every field that does not change by itself. */
  readonly digest: string;
  /** Whether the project owns it. Else it is somebody else's and only names the project: an RBAC policy that lends it something. */
  readonly owned: boolean;
  /** The whole row, to find who is named in it and to show what changed. */
  readonly row: string;
}
export interface Census {
  readonly projects: ReadonlyMap<string, readonly Line[]>;
  /** `service id` of every row that the listings showed, whoever owns it. */
  readonly everything: ReadonlySet<string>;
}

/** Fields that move without anyone having touched the thing. */
const MOVING = new Set(['updated_at', 'updated', 'revision_number', 'links', 'host_status', 'last_modified', 'progress']);

function stable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((one) => JSON.stringify(stable(one))).sort();
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => !MOVING.has(key));
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, one]) => [key, stable(one)]));
}

function line(thing: Found, projectId: string): Line {
  const row = JSON.stringify(stable(thing.row satisfies Row));
  const digest = createHash('sha256').update(row).digest('hex').slice(0, 12);
  return {
    kind: thing.kind,
    id: thing.id,
    name: thing.name,
    digest,
    owned: thing.owner === projectId && thing.kind !== 'glance.image-member',
    row,
  };
}

/**
 * Everything that each of the projects owns in Nova, Cinder, Neutron, Glance, Swift, Octavia, Designate, Heat, Manila, Barbican, Placement and Keystone,
 * and whatever names it elsewhere. Written apart from the code under test; looks without a project filter; creates nothing.
 * Throws when anything can't be listed.
 * @param userIds users whose application credentials are looked at
 */
export async function census(cloud: Cloud, projectIds: readonly string[], userIds: readonly string[] = []): Promise<Census> {
  const wanted = new Set(projectIds);
  const extensions = new Set((await cloud.admin.rows('network', '/extensions', 'extensions')).map((row) => text(row, 'alias')));
  const listings = LISTINGS.filter(
    ({ extension, service }) => cloud.admin.has(service) && (extension === undefined || extensions.has(extension)),
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
        .filter((thing) => thing.owner === id || JSON.stringify(thing.row).includes(id))
        .map((thing) => line(thing, id));
      return [id, lines.sort((a, b) => (label(a) < label(b) ? -1 : 1))];
    }),
  );
  return { projects, everything: new Set(everything.map(address)) };
}

const address = (thing: { kind: string; id: string }): string => `${thing.kind.split('.')[0]} ${thing.id}`;

export const label = (one: Line): string => `${one.kind} ${one.id} ${one.name}${one.owned ? '' : ' (of somebody else)'} ${one.digest}`;

/** The lines of a project as text, without those that name a project which has gone since: those had to change. */
export function linesOf(all: Census, projectId: string, without: readonly string[] = []): string[] {
  const lines = all.projects.get(projectId) ?? [];
  return lines.filter((one) => !without.some((gone) => one.row.includes(gone) || one.id.includes(gone))).map(label);
}

/**
 * What should not be there after the project is gone: what it owned, and what others hold in its name.
 * Its memberships of other projects' images are left out: they are rows of the image's owner, and mean nothing without the member.
 */
export function residue(now: Census, projectId: string): string[] {
  return (now.projects.get(projectId) ?? []).filter((one) => one.kind !== 'glance.image-member').map(label);
}

/** Things that the project owned before and that are still there now, even if they belong to somebody else or to nobody. */
export function survivors(before: Census, now: Census, projectId: string): string[] {
  const owned = (before.projects.get(projectId) ?? []).filter((one) => one.owned);
  return owned.filter((one) => now.everything.has(address(one))).map(label);
}

/** How many things of each kind the project owns. */
export function counts(all: Census, projectId: string): Record<string, number> {
  const totals: Record<string, number> = {};
  for (const one of all.projects.get(projectId) ?? []) if (one.owned) totals[one.kind] = (totals[one.kind] ?? 0) + 1;
  return totals;
}

/** A census that says the same twice: nothing is still on its way. */
export function settledCensus(cloud: Cloud, projectIds: readonly string[], userIds: readonly string[] = []): Promise<Census> {
  let before = '';
  return until('two equal censuses', 120, async () => {
    const now = await census(cloud, projectIds, userIds);
    const all = projectIds.flatMap((id) => linesOf(now, id)).join('\n');
    const same = all === before;
    before = all;
    return same ? now : undefined;
  });
}

if (import.meta.main) {
  const ids = process.argv.slice(2);
  const start = Date.now();
  const result = await census(await Cloud.connect(), ids);
  for (const id of ids) {
    console.log(`${id}\n${linesOf(result, id).join('\n')}`);
    console.log(counts(result, id));
  }
  console.log(`${(Date.now() - start) / 1000} s`);
}
