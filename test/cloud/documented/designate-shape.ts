import { type Call, Refusal, type Reply } from '../http.ts';
import { isoMicros, type Row, type Table, uuid } from '../resource-store.ts';
import type { CloudState } from '../state.ts';
import { isAdmin, ownProject } from '../tokens.ts';

export interface Zone extends Row {
  readonly name: string;
  /** Null for a zone that was created without a project. Every project sees it. */
  readonly project_id: string | null;
  status: 'ACTIVE' | 'PENDING' | 'ERROR';
  action: 'NONE' | 'CREATE' | 'UPDATE' | 'DELETE';
  readonly created_at: number;
  updated_at: number | null;
  /** Its name servers never remove the zone. */
  stubborn?: boolean;
}
export interface Recordset extends Row {
  readonly zone_id: string;
  /**
   * The creator, from 2023.1 on. Earlier releases do not use it: a recordset belongs to the owner
   * of its zone.
   */
  readonly project_id: string;
  readonly name: string;
  readonly type: string;
  readonly managed: boolean;
  /** The project in the record of a floating IP; no answer of the API shows it. */
  ptr?: {
    readonly floatingip: string;
    readonly address: string;
    readonly ptrdname: string;
    readonly project_id: string;
  };
}
export interface Share extends Row {
  readonly zone_id: string;
  readonly project_id: string;
  readonly target_project_id: string;
}
export interface TransferRequest extends Row {
  readonly zone_id: string;
  readonly zone_name: string;
  readonly project_id: string;
  readonly target_project_id: string | null;
}
export interface Task extends Row {
  readonly zone_id: string | null;
  readonly project_id: string | null;
}
export interface Quota extends Row {
  values: Record<string, number>;
}

export interface Tables {
  readonly state: CloudState;
  /** Whether zones can be shared (2023.1). */
  readonly shares: boolean;
  readonly zones: Table<Zone>;
  readonly recordsets: Table<Recordset>;
  readonly sharing: Table<Share>;
  readonly transferRequests: Table<TransferRequest>;
  readonly imports: Table<Task>;
  readonly exports: Table<Task>;
  readonly quotas: Table<Quota>;
}
/** `managed_resource_tenant_id`: the project that owns the zones of PTR records. */
export const MANAGED = '00000000-0000-0000-0000-000000000000';
/** The id of one more project. It shares a zone with all projects. */
export const SHARING_PROJECT = 'lender';

export function openTables(state: CloudState, shares: boolean): Tables {
  const { store } = state;
  const named = {
    owner: (row: { project_id: string | null }) => row.project_id ?? undefined,
    label: (row: { name: string }) => row.name,
  };
  const ofZone = {
    owner: named.owner,
    label: (row: { zone_id: string | null }) => row.zone_id ?? '',
  };
  const zones = store.table<Zone>('designate.zone', named);
  const recordsets = store.table<Recordset>('designate.recordset', {
    // SOA and NS records are part of the zone. A PTR record belongs to the earlier owner of the
    // floating IP.
    owner: (row) =>
      ['SOA', 'NS'].includes(row.type) || row.ptr
        ? undefined
        : ownerOfRecordset(row, zones, shares),
    label: (row) => row.name,
  });
  store.source('designate.ptr-record', (project) =>
    recordsets.all().flatMap(({ id, name, ptr }) => {
      if (!ptr || (project !== undefined && project !== ptr.project_id)) return [];
      return [{ resourceType: 'designate.ptr-record', id, owner: ptr.project_id, label: name }];
    }),
  );
  return {
    state,
    shares,
    zones,
    recordsets,
    // A share is a grant: it belongs to the project that gets access.
    sharing: store.table<Share>('designate.zone-share', {
      owner: (row) =>
        row.target_project_id === SHARING_PROJECT ? row.project_id : row.target_project_id,
      label: ofZone.label,
    }),
    transferRequests: store.table<TransferRequest>('designate.zone-transfer-request', ofZone),
    imports: store.table<Task>('designate.zone-import', ofZone),
    exports: store.table<Task>('designate.zone-export', ofZone),
    quotas: store.table<Quota>('designate.quota', { owner: ({ id }) => id, label: () => 'quota' }),
  };
}

/** The `project_id` of a recordset in the API. */
export const ownerOfRecordset = (
  row: Recordset,
  zones: Table<Zone>,
  shares: boolean,
): string | undefined =>
  shares ? row.project_id : (zones.get(row.zone_id)?.project_id ?? undefined);

/** The project of a call, and the projects that it may list. */
export interface Context {
  readonly project: string;
  readonly all: boolean;
  readonly editManaged: boolean;
  readonly deleteShares: boolean;
}

export function contextOf(call: Call): Context {
  const header = (name: string): string | undefined =>
    String(call.headers[name] ?? '') || undefined;
  const sudo = header('x-auth-sudo-project-id');
  const all = header('x-auth-all-projects') === 'true';
  const editManaged = header('x-designate-edit-managed-records') === 'true';
  if ((sudo !== undefined || all || editManaged) && !isAdmin(call.token))
    throw new Refusal(403, '');
  const deleteShares = header('x-designate-delete-shares') === 'true';
  const filtered = { project: sudo ?? ownProject(call.token), all, editManaged, deleteShares };
  return call.unfiltered ? { ...filtered, project: ownProject(call.token), all: true } : filtered;
}

/** Rows without a project are visible to all projects, except for recordsets. */
export const sees = (
  context: Context,
  owner: string | null | undefined,
  withNobodys = true,
): boolean => context.all || owner === context.project || (withNobodys && owner === null);

/**
 * Designate links to a next page whenever a page is full, even if no rows follow. A page has 20
 * rows by default.
 */
export function listing<T extends Row>(
  call: Call,
  key: string,
  rows: T[],
  view: (row: T) => unknown,
): Reply {
  const limit = Number(call.query.get('limit') ?? 20);
  const marker = call.query.get('marker');
  const at = marker === null ? -1 : rows.findIndex((row) => row.id === marker);
  if (marker !== null && at < 0)
    throw new Refusal(400, 'Marker None could not be found', { type: 'marker_not_found' });
  const shown = rows.slice(at + 1, at + 1 + limit);
  const last = shown.at(-1);
  // The base is the URL in the operator's settings, which usually differs from the URL of the call.
  const href = `http://controller.invalid:9001${call.path}`;
  const links = {
    self: `${href}${call.search}`,
    ...(last && shown.length === limit ? { next: `${href}?limit=${limit}&marker=${last.id}` } : {}),
  };
  const counted =
    call.headers['openstack-dns-hide-counts'] === 'true' ? {} : { total_count: rows.length };
  return { status: 200, json: { [key]: shown.map(view), links, metadata: counted } };
}

export const time = (at: number | null): string | null => (at === null ? null : isoMicros(at));
export const missing = (what: string): Refusal =>
  new Refusal(404, `Could not find ${what}`, { type: 'not_found' });

/** The records that Designate creates with a zone have the project of the caller. */
export function addZone(
  { state, zones, recordsets }: Tables,
  project_id: string | null,
  name: string,
  by = project_id ?? MANAGED,
): Zone {
  const now = state.clock.now();
  const zone = zones.add({
    id: uuid(),
    name,
    project_id,
    status: 'ACTIVE',
    action: 'NONE',
    created_at: now,
    updated_at: now,
  });
  for (const type of ['SOA', 'NS'])
    recordsets.add({ id: uuid(), zone_id: zone.id, project_id: by, name, type, managed: true });
  return zone;
}

export const addRecordset = (
  { recordsets }: Tables,
  zone: Zone,
  project_id: string,
  name: string,
  more: Partial<Recordset> = {},
): Recordset =>
  recordsets.add({
    id: uuid(),
    zone_id: zone.id,
    project_id,
    name,
    type: 'A',
    managed: false,
    ...more,
  });

/**
 * Sets a PTR record as `PATCH /v2/reverse/floatingips` does: in the existing recordset of the
 * address, also if another user created it.
 */
export function setPtr(sources: Tables, floatingip: string, ptrdname: string): Recordset {
  const row = sources.state.network.floatingips.get(floatingip);
  if (!row) throw new TypeError(`no floating IP ${floatingip}`);
  const address = String(row.floating_ip_address);
  const [fourth, third, second, first] = address.split('.').reverse();
  const zoneName = `${third}.${second}.${first}.in-addr.arpa.`;
  const zone =
    sources.zones.where(({ name }) => name === zoneName)[0] ??
    addZone(sources, MANAGED, zoneName, row.project_id);
  const name = `${fourth}.${zoneName}`;
  const there = sources.recordsets.where((one) => one.zone_id === zone.id && one.name === name)[0];
  const recordset =
    there ?? addRecordset(sources, zone, row.project_id, name, { type: 'PTR', managed: true });
  recordset.ptr = { floatingip, address, ptrdname, project_id: row.project_id };
  return recordset;
}

/** The name of a zone is unique in the cloud, so every project has its own names. */
export const topOf = (project: { readonly id: string }): string =>
  `p${project.id.slice(0, 6)}.example.`;
