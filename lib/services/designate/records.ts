import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import { defineType, type ProjectContext, type Removal } from '../../task/service.ts';
import { hasStatus } from '../kit/errors.ts';
import {
  ALL_PROJECTS_HEADER,
  listAsProject,
  optionalText,
  ownerOf,
  projectHeader,
} from './project.ts';
import { visibleZones } from './zones.ts';

const floatingIpRow = z.object({ id: z.string(), project_id: optionalText });
type FloatingIpRow = z.infer<typeof floatingIpRow>;

const listFloatingIps = async (
  context: ProjectContext,
  filter: string,
): Promise<FloatingIpRow[]> => {
  const neutron = await context.apiOf('neutron');
  const path = `/v2.0/floatingips?fields=id&fields=project_id&${filter}`;
  return (
    (await neutron?.list(path, { collection: 'floatingips', row: floatingIpRow, paging: 'marker' }))
      ?.rows ?? []
  );
};

/**
 * Converts an error of class `Blocked` (Keystone has Neutron, but no endpoint in the region) to
 * class `Unsupported`. The PTR records then count as not listable, because only Neutron shows the
 * owners of the floating IPs. Throws any other error again.
 */
function rethrowAsUnsupported(error: unknown): never {
  if (!(error instanceof PropagatorError) || error.class !== 'Blocked') throw error;
  const code = 'designate.ptr-record.hidden';
  throw new PropagatorError({ ...error.report, code, class: 'Unsupported' });
}

/** `id`: the region, and the id of the floating IP in Neutron: `RegionOne:05f8…`. */
const ptrRow = z.object({ id: z.string(), ptrdname: optionalText });

/**
 * PTR records of floating IPs. Designate stores these records in zones of its own, and does not
 * show their projects. The owner of a record is therefore the owner of the floating IP in Neutron.
 * For a listing, Designate reads the floating IPs from Neutron with the caller's token. The task of
 * Neutron removes floating IPs after their PTR records, because before 2023.1 the record of a
 * deleted floating IP cannot be found. During each listing, Designate also removes records that
 * earlier owners set on the project's floating IPs.
 */
export const ptrRecord = defineType({
  name: 'ptr-record',
  blockers: [
    'Before 2023.1 the propagator cannot find the PTR record of a floating IP that was deleted ' +
      'before the cleanup.',
  ],
  async list(context) {
    const { api, apiOf, project } = context;
    if (!(await apiOf('neutron').catch(rethrowAsUnsupported))) return [];
    // The list is not paged: the next page that Designate links to has the same rows (15.0.2).
    const options = {
      collection: 'floatingips',
      row: ptrRow,
      paging: 'none',
      headers: projectHeader(project),
    } as const;
    const { rows } = await api.list('/v2/reverse/floatingips', options);
    const recordsWithName = rows.filter((row) => row.ptrdname);
    if (recordsWithName.length === 0) return [];
    const floatingIps = await listFloatingIps(context, `project_id=${encodeURIComponent(project)}`);
    const ownerById = new Map(
      floatingIps.map((floatingIp) => [`${context.region}:${floatingIp.id}`, ownerOf(floatingIp)]),
    );
    return recordsWithName.map((row) => ({ ...row, owner: ownerById.get(row.id) }));
  },
  id: (row) => row.id,
  owner: (row) => row.owner,
  label: (row) => row.ptrdname ?? undefined,
  async remove(row, { api, project }): Promise<Removal> {
    const path = `/v2/reverse/floatingips/${encodeURIComponent(row.id)}`;
    try {
      // Designate removes only a record that this project set on this floating IP.
      await api.request('PATCH', path, {
        json: { ptrdname: null },
        headers: projectHeader(project),
      });
    } catch (error) {
      return removalDuringZoneDeletion(error);
    }
    return { kind: 'gone' };
  },
});

/**
 * Converts a 400 to a blocker. The 400 means that Designate is deleting the zone with its records.
 * Throws any other error again.
 */
function removalDuringZoneDeletion(error: unknown): Removal {
  if (!hasStatus(error, 400)) throw error;
  return { kind: 'blocked', message: error.message, actor: 'none' };
}

const recordsetRow = z.object({
  id: z.string(),
  zone_id: z.string(),
  zone_name: z.string(),
  name: z.string(),
  type: z.string(),
  project_id: optionalText,
});
type RecordsetRow = z.infer<typeof recordsetRow>;

/**
 * True for SOA records, and for NS records with the name of the zone. Designate creates and deletes
 * them with the zone.
 */
const isZoneRecord = (row: RecordsetRow): boolean =>
  row.type === 'SOA' || (row.type === 'NS' && row.name === row.zone_name);

/**
 * Returns the address of a PTR recordset: `203.0.113.7` for `7.113.0.203.in-addr.arpa.`. Floating
 * IPs are always IPv4.
 */
const addressOf = (row: RecordsetRow): string | undefined =>
  row.type === 'PTR'
    ? /^((?:\d{1,3}\.){4})in-addr\.arpa\.$/
        .exec(row.name)?.[1]
        ?.split('.')
        .reverse()
        .slice(1)
        .join('.')
    : undefined;

/**
 * Recordsets of the project in zones of other projects: records in shared zones, and PTR records of
 * deleted floating IPs. Before 2023.1 there are none, because the owner of a zone owns all its
 * recordsets. Recordsets in the project's own zones are removed with the zone.
 */
export const recordset = defineType({
  name: 'recordset',
  dependsOn: [{ types: ['ptr-record', 'zone'], strength: 'preferred', until: 'done' }],
  async list(context) {
    // The zones are listed before the records. Otherwise, if a zone were deleted between the two
    // listings, its records would appear to be in a zone of another project.
    const zones = new Map((await visibleZones(context)).map((zone) => [zone.id, zone]));
    const rows = await listAsProject(context, '/v2/recordsets', 'recordsets', recordsetRow);
    return rows
      .filter((row) => zones.get(row.zone_id)?.project_id !== context.project && !isZoneRecord(row))
      .map((row) => ({ ...row, isInSharedZone: zones.has(row.zone_id) }));
  },
  id: (row) => row.id,
  owner: (row) => ownerOf(row),
  label: (row) => row.name,
  async remove(row, context): Promise<Removal> {
    if (!row.isInSharedZone) {
      const address = addressOf(row);
      if (address === undefined) return REMOVAL_IN_FOREIGN_ZONE;
      if (await belongsToAnotherProject(address, context)) return REMOVAL_OF_REASSIGNED_ADDRESS;
    }
    const recordsetsPath = `/v2/zones/${encodeURIComponent(row.zone_id)}/recordsets`;
    try {
      await context.api.request('DELETE', `${recordsetsPath}/${encodeURIComponent(row.id)}`, {
        headers: { ...ALL_PROJECTS_HEADER, 'x-designate-edit-managed-records': 'true' },
      });
    } catch (error) {
      return removalDuringZoneDeletion(error);
    }
    return { kind: 'gone' };
  },
});

/**
 * True if the floating IP has a new owner. The recordset may then also contain the PTR record of
 * the new owner.
 */
async function belongsToAnotherProject(address: string, context: ProjectContext): Promise<boolean> {
  const rows = await listFloatingIps(context, `floating_ip_address=${address}`);
  return rows.some((row) => ownerOf(row) !== context.project);
}

const REMOVAL_OF_REASSIGNED_ADDRESS: Removal = {
  kind: 'retained',
  message:
    'the floating IP of the recordset now belongs to another project, and the recordset may ' +
    'contain the PTR record of that project',
  advice:
    'No action is necessary: Designate removes the old record when that project lists ' +
    'its PTR records.',
};
const REMOVAL_IN_FOREIGN_ZONE: Removal = {
  kind: 'retained',
  message:
    'the recordset is in a zone that belongs to another project and is not shared with this ' +
    'project; an administrator may have created the recordset there',
  advice:
    'Ask the owner of the zone whether the recordset is still needed. The owner of ' +
    'the zone can delete it.',
};
