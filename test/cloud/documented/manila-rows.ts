import { type Call, Refusal, type Reply } from '../http.ts';
import { isoMicros, type Row, type Table } from '../resource-store.ts';
import type { CloudState } from '../state.ts';
import { isAdmin, ownProject } from '../tokens.ts';

/**
 * Manila shows nearly everything that it stores. The rows are therefore the JSON itself, except for
 * fields that begin with an underscore.
 */
export interface ManilaRow extends Row {
  project_id: string;
  status: string;
  [field: string]: unknown;
}

const RESOURCE_TYPES = [
  'lock',
  'transfer',
  'backup',
  'replica',
  'group-snapshot',
  'snapshot',
  'share',
  'group',
  'share-server',
  'share-network',
  'security-service',
  'type-access',
  'group-type-access',
  'quota',
] as const;
export type ManilaResourceType = (typeof RESOURCE_TYPES)[number];

export interface ManilaType extends Row {
  readonly name: string;
}

export interface ManilaTables {
  readonly of: Readonly<Record<ManilaResourceType, Table<ManilaRow>>>;
  /** Private share types and share group types, without an owner. */
  readonly types: Table<ManilaType>;
  readonly groupTypes: Table<ManilaType>;
  /** Ids of resources that the back end fails to delete. */
  readonly stubborn: Set<string>;
  /** How often Manila forgot a share while its data stayed on the back end. */
  readonly forgotten: string[];
}

const opened = new WeakMap<CloudState, ManilaTables>();

/** Returns the tables of a cloud that was started with this service, so that tests can add rows. */
export function manilaIn(state: CloudState): ManilaTables {
  const tables = opened.get(state);
  if (!tables) throw new TypeError('this cloud has no Manila');
  return tables;
}

export function openTables(state: CloudState): ManilaTables {
  const described = {
    owner: (row: ManilaRow) => row.project_id,
    label: (row: ManilaRow) => String(row.name),
  };
  const table = (resourceType: ManilaResourceType) =>
    [resourceType, state.store.table<ManilaRow>(`manila.${resourceType}`, described)] as const;
  const nobodys = { owner: () => undefined, label: (row: ManilaType) => row.name };
  const tables: ManilaTables = {
    of: Object.fromEntries(RESOURCE_TYPES.map(table)) as Record<
      ManilaResourceType,
      Table<ManilaRow>
    >,
    types: state.store.table<ManilaType>('manila.type', nobodys),
    groupTypes: state.store.table<ManilaType>('manila.group-type', nobodys),
    stubborn: new Set(),
    forgotten: [],
  };
  opened.set(state, tables);
  return tables;
}

export const show = (row: ManilaRow, without: readonly string[] = []): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries({ ...row, created_at: isoMicros(Number(row._created ?? 0)) }).filter(
      ([key]) => !key.startsWith('_') && !without.includes(key),
    ),
  );

const isTrue = (text: string | null): boolean =>
  text !== null && ['1', 'true', 'yes', 'on'].includes(text.toLowerCase());
/**
 * Without `all_tenants` even an administrator sees only the own project. The project in the query
 * has no effect.
 */
export const wantedProject = (call: Call): string | undefined =>
  isAdmin(call.token) && isTrue(call.query.get('all_tenants'))
    ? (call.query.get('project_id') ?? undefined)
    : ownProject(call.token);

/**
 * A slice by `limit` and `offset`, 1000 rows at most; with a limit, a link when the page is full.
 */
export function limited(
  call: Call,
  collection: string,
  rows: readonly Record<string, unknown>[],
  more: object = {},
  max = 1000,
): Reply {
  const asked = call.query.get('limit');
  if (asked !== null && !/^\d+$/.test(asked))
    throw new Refusal(400, 'limit param must be an integer');
  const limit = Math.min(Number(asked ?? max) || max, max);
  const offset = Number(call.query.get('offset') ?? 0);
  const shown = rows.slice(offset, offset + limit);
  const href = `${call.base}${call.path.replace('/detail', '')}?limit=${limit}&marker=${String(shown.at(-1)?.id)}`;
  const links =
    asked !== null && shown.length === limit
      ? { [`${collection}_links`]: [{ rel: 'next', href }] }
      : {};
  return { status: 200, json: { [collection]: shown, ...links, ...more } };
}

/**
 * Without a limit, one answer has all rows. With a limit, Manila counts a row once per instance,
 * and shows it once.
 */
export function unlimited(
  call: Call,
  collection: string,
  rows: readonly Record<string, unknown>[],
  instances: (row: Record<string, unknown>) => number = () => 1,
): Reply {
  if (!call.query.has('limit'))
    return limited(call, collection, rows, {}, Number.POSITIVE_INFINITY);
  const joined = rows.flatMap((row) =>
    Array.from({ length: Math.max(1, instances(row)) }, () => row),
  );
  const offset = Number(call.query.get('offset') ?? 0);
  const shown = [...new Set(joined.slice(offset, offset + Number(call.query.get('limit'))))];
  return { status: 200, json: { [collection]: shown } };
}

/** The fields of a row that a query can filter by, without the named ones. */
export const fits = (call: Call, row: ManilaRow, besides: readonly string[]): boolean =>
  [...call.query].every(([name, value]) => besides.includes(name) || String(row[name]) === value);
