import * as z from 'zod';
import { type Blocker, defineType, type ProjectContext, type Removal } from '../../task/service.ts';
import { hasStatus } from '../kit/errors.ts';
import { epochMillisOf } from '../kit/time.ts';
import {
  ALL_PROJECTS_HEADER,
  describeCountByOwner,
  listAsProject,
  optionalText,
  ownerOf,
  projectHeader,
} from './project.ts';

const zoneRow = z.object({
  id: z.string(),
  name: z.string(),
  project_id: optionalText,
  status: z.string(),
  action: z.string(),
  created_at: optionalText,
  updated_at: optionalText,
  /** Since 2023.1. */
  shared: z.boolean().nullish(),
});
type ZoneRow = z.infer<typeof zoneRow>;
const recordsetIdRow = z.object({ id: z.string(), project_id: optionalText });

/** Returns the zones of the project and the zones that are shared with it. */
export const visibleZones = (context: ProjectContext): Promise<ZoneRow[]> =>
  context.memoize('designate.zones', () => listAsProject(context, '/v2/zones', 'zones', zoneRow));

const isSharedWith = (row: ZoneRow, project: string): boolean =>
  row.shared === true && ownerOf(row) !== undefined && ownerOf(row) !== project;

/** Returns the zones of other projects that are shared with the project. */
export const zonesSharedWithProject = async (context: ProjectContext): Promise<ZoneRow[]> =>
  (await visibleZones(context)).filter((row) => isSharedWith(row, context.project));

/**
 * Returns the names of all possible parent zones: for `a.b.example.` these are `b.example.` and
 * `example.`.
 */
function parentNames(name: string): string[] {
  const labels = name.split('.');
  return labels.slice(1, -1).map((_label, index) => labels.slice(index + 1).join('.'));
}

/**
 * A deletion that takes longer than this counts as stuck. A normal deletion may take five minutes:
 * designate-worker queries the name servers ten times before it sets ERROR.
 */
const STUCK_AFTER_MILLIS = 15 * 60_000;

/** Zones with their records and shares. Child zones are removed before their parent zone. */
export const zone = defineType<ZoneRow & { readonly hasChild: boolean }>({
  name: 'zone',
  dependsOn: [
    { types: ['ptr-record', 'zone-transfer-request'], strength: 'preferred', until: 'done' },
  ],
  blockers: [
    'Designate refuses to delete a zone that has child zones of other projects.',
    'The propagator keeps a shared zone in which other projects have records, because ' +
      'Designate would delete these records with the zone.',
    'If a name server does not remove the zone, Designate tries again. "openstack zone ' +
      'abandon" removes the zone only from Designate: the name servers continue to ' +
      'answer for the zone.',
  ],
  async list(context) {
    const rows = (await visibleZones(context)).filter((row) => !isSharedWith(row, context.project));
    const parentZoneNames = new Set(rows.flatMap((row) => parentNames(row.name)));
    return rows.map((row) => ({ ...row, hasChild: parentZoneNames.has(row.name) }));
  },
  id: (row) => row.id,
  owner: ownerOf,
  label: (row) => row.name,
  idsDeletedTogether: async (row, context, heldTypes) => {
    if (row.action === 'DELETE' || !heldTypes.has('designate.recordset')) return [];
    const path = `/v2/zones/${encodeURIComponent(row.id)}/recordsets`;
    const recordsets = await listAsProject(context, path, 'recordsets', recordsetIdRow);
    return recordsets.map(({ id }) => id);
  },
  blocked: (row) =>
    row.hasChild
      ? { message: 'the child zones of the zone must be deleted first', actor: 'none' }
      : undefined,
  async remove(row, context): Promise<Removal> {
    if (row.action === 'DELETE') return inProgressRemoval(row, context);
    const blocker = row.shared ? await foreignRecordBlocker(row, context) : undefined;
    if (blocker) return { kind: 'blocked', ...blocker };
    const headers = {
      ...projectHeader(context.project),
      // Releases before 2023.1 ignore these headers. The second header also deletes the zone's file
      // on the name server.
      'x-designate-delete-shares': 'true',
      'x-designate-hard-delete': 'true',
    };
    try {
      await context.api.request('DELETE', pathOf(row), { headers });
    } catch (error) {
      if (!hasStatus(error, 400)) throw error;
      return {
        kind: 'blocked',
        ...((await childZoneBlocker(row, context)) ?? {
          message: error.message,
          actor: 'operator',
          advice: error.report.advice,
        }),
      };
    }
    return { kind: 'accepted' };
  },
});

const pathOf = (row: ZoneRow): string => `/v2/zones/${encodeURIComponent(row.id)}`;

/** Returns the result for a deletion in progress. */
function inProgressRemoval(row: ZoneRow, { now }: ProjectContext): Removal {
  const since = epochMillisOf(row.updated_at ?? row.created_at);
  if (row.status !== 'ERROR')
    return now() - since > STUCK_AFTER_MILLIS
      ? { kind: 'accepted', stuckSince: since }
      : { kind: 'accepted' };
  return {
    kind: 'blocked',
    message:
      'the deletion ended in ERROR: a name server did not remove the zone; Designate ' +
      'tries again',
    actor: 'operator',
    advice:
      'Check the log of designate-worker and the name servers of the pool. Only if ' +
      'the name servers are gone permanently, remove the zone from Designate: ' +
      'openstack zone abandon ZONE',
  };
}

/**
 * Returns a blocker for a zone with child zones: Designate refuses to delete such a zone. A child
 * zone can belong to another project, for example after a zone transfer.
 */
async function childZoneBlocker(
  row: ZoneRow,
  { api, project }: ProjectContext,
): Promise<Blocker | undefined> {
  const query = { name: `*.${row.name}` };
  const { rows } = await api.list('/v2/zones', {
    collection: 'zones',
    row: zoneRow,
    paging: 'next',
    query,
    headers: ALL_PROJECTS_HEADER,
  });
  const childZones = rows.filter(({ name }) => name.endsWith(`.${row.name}`));
  if (childZones.length === 0) return undefined;
  const foreignZones = childZones.filter((one) => ownerOf(one) !== project);
  if (foreignZones.length === 0)
    return { message: 'the child zones of the zone must be deleted first', actor: 'none' };
  return {
    message: `the zone has ${describeCountByOwner(foreignZones, ['child zone', 'child zones'])}`,
    actor: 'other-project',
    advice:
      'The propagator changes nothing in another project. Ask the owner to delete the ' +
      'child zones, or transfer this zone to that owner: openstack zone transfer ' +
      'request create ZONE',
  };
}

const shareRow = z.object({ target_project_id: optionalText });
const recordsetRow = z.object({ project_id: optionalText });

/**
 * Returns the blocker of a shared zone with records of other projects. Designate would delete these
 * records with the zone.
 */
async function foreignRecordBlocker(
  row: ZoneRow,
  { api, project }: ProjectContext,
): Promise<Blocker | undefined> {
  const headers = ALL_PROJECTS_HEADER;
  const shares = await api.list(`${pathOf(row)}/shares`, {
    collection: 'shared_zones',
    row: shareRow,
    paging: 'next',
    headers,
  });
  const targetProjects = new Set(shares.rows.map((share) => share.target_project_id));
  const records = await api.list(`${pathOf(row)}/recordsets`, {
    collection: 'recordsets',
    row: recordsetRow,
    paging: 'next',
    headers,
  });
  const foreignRecords = records.rows.filter(
    (record) => ownerOf(record) !== project && targetProjects.has(record.project_id),
  );
  if (foreignRecords.length === 0) return undefined;
  const recordCounts = describeCountByOwner(foreignRecords, ['recordset', 'recordsets']);
  return {
    message: `the shared zone contains ${recordCounts}`,
    actor: 'other-project',
    advice:
      'Designate would delete these recordsets with the zone. Ask the owners to delete the ' +
      'recordsets, or transfer this zone to one of the owners: openstack zone transfer ' +
      'request create ZONE',
  };
}
