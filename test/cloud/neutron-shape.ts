import * as z from 'zod';
import { body, type Call, param, Refusal, type Reply, type Routes } from './http.ts';
import { extensions } from './neutron-extensions.ts';
import { isoSeconds, type Table, uuid } from './resource-store.ts';
import type { NetworkRow } from './rows.ts';
import type { CloudState } from './state.ts';
import { isAdmin, ownProject } from './tokens.ts';

/** An error, for example 409, with the name of Neutron's exception. */
export const conflict = (type: string, message: string): Refusal =>
  new Refusal(409, message, { type });

/** A field as text; '' if the field is missing. */
export const text = (row: NetworkRow, field: string): string => {
  const value = row[field];
  return typeof value === 'string' ? value : '';
};

/** A field that holds texts. */
export const texts = (row: NetworkRow, field: string): string[] => {
  const value = row[field];
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
};

const fixedIps = z.array(z.object({ subnet_id: z.string(), ip_address: z.string() }));
/** The addresses of a port. */
export const addresses = (port: NetworkRow): z.infer<typeof fixedIps> =>
  fixedIps.safeParse(port.fixed_ips).data ?? [];

export const ownedPorts = (state: CloudState, deviceId: string): NetworkRow[] =>
  state.network.ports.where((row) => row.device_id === deviceId);

/**
 * One collection of Neutron's REST API; create, read, update and delete work the same way in all of
 * them.
 */
export interface Resource {
  /** Path below `/v2.0`: `qos/policies`. */
  readonly path: string;
  /** Keys in the bodies: `policies`, `policy`. */
  readonly plural: string;
  readonly singular: string;
  readonly table: Table<NetworkRow>;
  /** The name and the message of Neutron's exception for a 404. */
  readonly missing: readonly [type: string, message: (id: string) => string];
  /** The extension without which the path does not exist. */
  readonly extension?: string;
  /** The fields by which the list may be filtered. Any other filter is a 400. */
  readonly filters: readonly string[];
  /** The answer to a marker that names no row: a 404, or the list from its start. */
  readonly badMarker?: 'refused' | 'ignored';
  /** False: `limit` and `marker` are ignored. */
  readonly pages?: boolean;
  /** Runs before a listing by project, and creates the rows that the listing creates. */
  onList?(call: Call, project: string): void;
  show?(row: NetworkRow): Record<string, unknown>;
  create(input: Record<string, unknown>, project: string, call: Call): NetworkRow;
  update?(row: NetworkRow, input: Record<string, unknown>): void;
  /**
   * Throws if a resource prevents the deletion. Otherwise it removes the row and its dependents.
   */
  remove(row: NetworkRow, call: Call): void;
}

/** Fields of nearly every row. */
export function blank(
  state: CloudState,
  project: string,
  fields: Record<string, unknown>,
): NetworkRow {
  const now = isoSeconds(state.clock.now());
  return {
    id: uuid(),
    tenant_id: project,
    description: '',
    tags: [],
    created_at: now,
    updated_at: now,
    revision_number: 1,
    ...fields,
    project_id: project,
  };
}

/** Address groups and scopes are no standard resources: they have no times and no tags. */
export function withoutTimes(row: NetworkRow): NetworkRow {
  const { created_at: _, updated_at: __, revision_number: ___, tags: ____, ...rest } = row;
  return { ...rest, id: row.id, project_id: row.project_id };
}

export function found(resource: Resource, id: string): NetworkRow {
  const row = resource.table.get(id);
  const [type, message] = resource.missing;
  if (!row) throw new Refusal(404, message(id), { type });
  return row;
}

const asRecord = z.record(z.string(), z.unknown());

/** Aliases of the extensions that this cloud has. */
export const extensionsIn = ({ options }: CloudState): string[] =>
  [...extensions, ...options.moreExtensions].filter(
    (alias) => !options.withoutExtensions.includes(alias),
  );

/** The routes of one resource. */
export function resourceRoutes(state: CloudState, routes: Routes, resource: Resource): void {
  const { extension } = resource;
  if (extension !== undefined && !extensionsIn(state).includes(extension)) return;
  const { path, singular, table } = resource;
  const show = (row: NetworkRow): Record<string, unknown> => ({ ...row, ...resource.show?.(row) });
  const input = (call: Call): Record<string, unknown> =>
    body(call, z.object({ [singular]: asRecord }))[singular] ?? {};
  routes
    .on('GET', `/v2.0/${path}`, (call) => list(call, resource, show))
    .on('POST', `/v2.0/${path}`, (call) => {
      const fields = input(call);
      const project = fields.project_id ?? fields.tenant_id ?? ownProject(call.token);
      const row = table.add(resource.create(fields, String(project), call));
      return { status: 201, json: { [singular]: show(row) } };
    })
    .on('GET', `/v2.0/${path}/:id`, (call) => ({
      status: 200,
      json: { [singular]: pick(call, show(visible(call, found(resource, param(call, 'id'))))) },
    }))
    .on('PUT', `/v2.0/${path}/:id`, (call) => {
      const row = visible(call, found(resource, param(call, 'id')));
      const fields = input(call);
      if (resource.update) resource.update(row, fields);
      else Object.assign(row, fields);
      row.updated_at = isoSeconds(state.clock.now());
      return { status: 200, json: { [singular]: show(row) } };
    })
    .on('DELETE', `/v2.0/${path}/:id`, (call) => {
      const row = visible(call, found(resource, param(call, 'id')));
      // A synchronous service has no state for such a deletion: it answers 204, and the row
      // remains.
      if (!call.endless) resource.remove(row, call);
      return { status: 204 };
    });

  function visible(call: Call, row: NetworkRow): NetworkRow {
    if (!isAdmin(call.token) && row.project_id !== call.token?.projectId) {
      const [type, message] = resource.missing;
      throw new Refusal(404, message(row.id), { type });
    }
    return row;
  }
}

const control = new Set(['fields', 'limit', 'marker', 'sort_key', 'sort_dir', 'page_reverse']);

function list(
  call: Call,
  resource: Resource,
  show: (row: NetworkRow) => Record<string, unknown>,
): Reply {
  const names = [...new Set(call.query.keys())].filter((name) => !control.has(name));
  const invalid = names.filter(
    (name) =>
      !['id', 'name', 'project_id', 'tenant_id', 'description', ...resource.filters].includes(name),
  );
  if (invalid.length > 0)
    throw new Refusal(400, `['${invalid.join("', '")}'] is invalid attribute for filtering`, {
      type: 'HTTPBadRequest',
    });
  const project = call.query.get('project_id') ?? call.query.get('tenant_id');
  if (project !== null) resource.onList?.(call, project);
  else if (!isAdmin(call.token)) resource.onList?.(call, ownProject(call.token));
  const wanted = names.map(
    (name) =>
      [
        name === 'tenant_id' ? 'project_id' : name,
        call.query.getAll(name).map((value) => value.toLowerCase()),
      ] as const,
  );
  const own = isAdmin(call.token) ? undefined : call.token?.projectId;
  const rows = resource.table
    .where((row) => own === undefined || row.project_id === own)
    // `show` changes no text, and it costs much in a cloud of many projects.
    .filter((row) =>
      wanted.every(([name, values]) => typeof row[name] !== 'string' || matches(row[name], values)),
    )
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map(show)
    .filter((row) => wanted.every(([name, values]) => matches(row[name], values)));
  return paged(call, resource, rows);
}

/**
 * A filter on a list matches any of its items: a port matches by one of its security groups, or by
 * `fixed_ips=subnet_id=…`.
 */
function matches(value: unknown, wanted: readonly string[]): boolean {
  if (Array.isArray(value)) return value.some((item) => matches(item, wanted));
  if (typeof value === 'object' && value !== null)
    return Object.entries(value).some(([key, one]) => matches(`${key}=${one}`, wanted));
  return wanted.includes(String(value).toLowerCase());
}

/**
 * The list is paged only with a limit. A full page links to the next one, and every page to the one
 * before.
 */
function paged(call: Call, resource: Resource, rows: Record<string, unknown>[]): Reply {
  const limit = call.query.get('limit');
  const marker = call.query.get('marker');
  if (limit === null || resource.pages === false)
    return { status: 200, json: { [resource.plural]: rows.map((row) => pick(call, row)) } };
  const at = marker === null ? -1 : rows.findIndex((row) => row.id === marker);
  const [type, message] = resource.missing;
  const unknown = marker !== null && !resource.table.get(marker);
  if (unknown && resource.badMarker !== 'ignored')
    throw new Refusal(404, message(marker), { type });
  // A marker keeps its place in the order even if it no longer matches the filter.
  const start =
    marker !== null && !unknown && at < 0
      ? rows.findIndex((row) => String(row.id) > marker)
      : at + 1;
  const shown = start < 0 ? [] : rows.slice(start, start + Number(limit));
  const query = [...new URLSearchParams(call.search)].filter(
    ([name]) => name !== 'marker' && name !== 'page_reverse',
  );
  const link = (
    rel: string,
    row: Record<string, unknown> | undefined,
    more: [string, string][] = [],
  ) => ({
    rel,
    href: `${call.base}${call.path}?${new URLSearchParams([...query, ['marker', String(row?.id)], ...more])}`,
  });
  const links = [
    ...(shown.length === Number(limit) ? [link('next', shown.at(-1))] : []),
    ...(shown.length > 0 ? [link('previous', shown[0], [['page_reverse', 'True']])] : []),
  ];
  return {
    status: 200,
    json: {
      [resource.plural]: shown.map((row) => pick(call, row)),
      ...(links.length > 0 && { [`${resource.plural}_links`]: links }),
    },
  };
}

function pick(call: Call, row: Record<string, unknown>): Record<string, unknown> {
  const fields = call.query.getAll('fields');
  return fields.length === 0
    ? row
    : Object.fromEntries(fields.filter((name) => name in row).map((name) => [name, row[name]]));
}
