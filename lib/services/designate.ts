import * as z from 'zod';
import { defineService, defineType, type Removal } from '../task/service.ts';
import { listAsProject, optionalText, ownerOf, projectHeader } from './designate/project.ts';
import { provision } from './designate/provision.ts';
import { pathOfQuota, readQuota } from './designate/quota.ts';
import { ptrRecord, recordset } from './designate/records.ts';
import { zoneShare } from './designate/shares.ts';
import { zone } from './designate/zones.ts';
import { defineProjectQuota, limitsRows } from './kit/quota.ts';

/** The schema omits the key, because any project that knows the key could accept the zone. */
const transferRow = z.object({
  id: z.string(),
  project_id: optionalText,
  target_project_id: optionalText,
  zone_name: optionalText,
});
const zoneTaskRow = z.object({ id: z.string(), project_id: optionalText, zone_id: optionalText });

interface ZoneTaskDefinition<Row> {
  readonly name: string;
  readonly collection: string;
  readonly row: z.ZodType<Row>;
  label(row: Row): string | null | undefined;
  /** True for a listed row that belongs to another project. By default, no row is foreign. */
  isForeign?(row: Row, project: string): boolean;
}

/**
 * Defines a resource type under `/v2/zones/tasks`. Designate keeps these resources when it deletes
 * their zone.
 */
const defineZoneTask = <
  Row extends { readonly id: string; readonly project_id?: string | null | undefined },
>({
  name,
  collection,
  row,
  label,
  isForeign = () => false,
}: ZoneTaskDefinition<Row>) =>
  defineType<Row>({
    name,
    async list(context) {
      const rows = await listAsProject(context, `/v2/zones/tasks/${collection}`, collection, row);
      return rows.filter((one) => !isForeign(one, context.project));
    },
    id: ({ id }) => id,
    owner: ownerOf,
    label: (one) => label(one) ?? undefined,
    async remove({ id }, { api, project }): Promise<Removal> {
      const path = `/v2/zones/tasks/${collection}/${encodeURIComponent(id)}`;
      await api.request('DELETE', path, { headers: projectHeader(project) });
      return { kind: 'gone' };
    },
  });

/**
 * Transfer requests of the project, including accepted requests. Designate also lists requests in
 * which another project offers a zone to this project. Such a request belongs to the other project.
 */
const transferRequest = defineZoneTask({
  name: 'zone-transfer-request',
  collection: 'transfer_requests',
  row: transferRow,
  label: (row) => row.zone_name,
  isForeign: (row, project) =>
    row.target_project_id === project && ownerOf(row) !== undefined && ownerOf(row) !== project,
});
const zoneImport = defineZoneTask({
  name: 'zone-import',
  collection: 'imports',
  row: zoneTaskRow,
  label: (row) => row.zone_id,
});
const zoneExport = defineZoneTask({
  name: 'zone-export',
  collection: 'exports',
  row: zoneTaskRow,
  label: (row) => row.zone_id,
});

/**
 * Limits that were set for the project. The answer names no owner, so the owner is the project of
 * the path. If the header names another project than the path, Designate answers 403. The quota is
 * reset last: the default limits would permit new resources where the project's own limit is 0.
 */
const quota = defineProjectQuota({
  dependsOn: [{ types: ['zone'], strength: 'required', until: 'empty' }],
  async list(context) {
    const { project } = context;
    const { limits, defaults } = await readQuota(context);
    const differingEntries = Object.entries(limits).filter(
      ([name, limit]) => defaults[name] !== limit,
    );
    return limitsRows(
      project,
      differingEntries.map(([name]) => name),
    );
  },
  async reset(row, { api }) {
    await api.request('DELETE', pathOfQuota(row.project), { headers: projectHeader(row.project) });
    return undefined;
  },
});

/**
 * Designate, DNS API v2. Pools, TLDs, TSIG keys and blacklists belong to the operator. Neutron's
 * cleanup waits for the PTR records (see `ptrRecord`). Neutron's cleanup does not wait for zones,
 * because name servers may be slow. Designate's cleanup runs after Nova's, because designate-sink
 * removes the records of Nova's servers.
 */
export const designate = defineService({
  name: 'designate',
  catalogTypes: ['dns'],
  dependsOn: [{ services: ['nova'], strength: 'preferred', until: 'done' }],
  releases: [
    'Before 2023.1 (16.0) zones cannot be shared, and the owner of a zone owns its ' +
      'recordsets.',
    'All: with [designate] allow_reverse_dns_lookup in Neutron, the PTR record of a ' +
      'floating IP stays if the name of the floating IP is in a zone of the project. ' +
      'Neutron searches for the PTR record in that zone first.',
    'All: the record of an accepted zone transfer stays in the database until the zone is ' +
      'purged, seven days after the deletion of the zone. No call removes the record earlier.',
    'Wallaby to 2023.1 with enforce_new_defaults: the headers that select another ' +
      'project require system scope. By default the role admin suffices.',
  ],
  resourceTypes: [
    ptrRecord,
    transferRequest,
    zone,
    recordset,
    zoneShare,
    zoneImport,
    zoneExport,
    quota,
  ],
  leftBySuspend: [
    {
      types: ['zone', 'recordset', 'ptr-record'],
      because:
        'Designate cannot disable a zone. If the zone were removed, mail to its names would be ' +
        'lost.',
    },
    {
      types: ['zone-share'],
      because: 'Other projects may have records in the shared zone.',
    },
    {
      types: ['zone-transfer-request'],
      because: 'The other project may still accept the zone.',
    },
    {
      types: ['zone-import', 'zone-export'],
      because: 'It has no effect while the project is disabled.',
    },
    {
      types: ['quota'],
      because: 'It applies only to new zones.',
    },
  ],
  provision,
});
