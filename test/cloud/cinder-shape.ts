import { newestFirst } from './compute-fault.ts';
import { type Call, Refusal, type Reply } from './http.ts';
import { page } from './paging.ts';
import type { CloudState } from './state.ts';
import { isAdmin, ownProject } from './tokens.ts';

const paging = new Set([
  'all_tenants',
  'limit',
  'marker',
  'offset',
  'sort',
  'sort_key',
  'sort_dir',
  'with_count',
  'list_volume',
]);

export interface Listing<T> {
  /** Key of the rows: `volumes`. */
  readonly key: string;
  /** Key of the link to the next page: `volumes_links`; `group_links` for groups. */
  readonly linksKey: string;
  /**
   * Path of that link below the project. For some collections Cinder writes another path than that
   * of the request.
   */
  readonly linkPath: string;
  /**
   * Groups, group snapshots and attachments check only that `all_tenants` is present. The others
   * check its value.
   */
  readonly allTenants: 'by value' | 'by presence';
  /** True if the list supports `with_count`. */
  readonly counts: boolean;
  /** `Volume nope could not be found.` for an unknown marker. */
  readonly noun: string;
  readonly shown: (row: T) => unknown;
}

/**
 * A list as Cinder returns it. Unless `all_tenants` is set, the caller's project replaces the
 * requested one. The newest row comes first, and every full page has a link.
 */
export function list<T extends { id: string; created_at: number; project_id: string }>(
  state: CloudState,
  call: Call,
  rows: readonly T[],
  how: Listing<T>,
): Reply {
  const asked = call.query.get('all_tenants');
  if (
    how.allTenants === 'by value' &&
    asked !== null &&
    !isTrue(asked) &&
    !['0', 'false', 'f', 'no', 'n', 'off'].includes(asked.toLowerCase())
  )
    throw new Refusal(400, `Value '${asked}' for 'all_tenants' is not a boolean.`);
  const allTenants =
    isAdmin(call.token) &&
    (how.allTenants === 'by presence' ? call.query.has('all_tenants') : isTrue(asked));
  const wanted = new Map([...call.query].filter(([name]) => !paging.has(name)));
  if (!allTenants) wanted.set('project_id', ownProject(call.token));
  // An unknown name is no error: no row matches.
  const fits = (row: T): boolean =>
    [...wanted].every(([name, value]) => String(column(row, name)) === value);
  const found = newestFirst(rows.filter(fits));
  const missing = (marker: string): Refusal =>
    new Refusal(404, `${how.noun} ${marker} could not be found.`);
  const href = `${call.base}/v3/${ownProject(call.token)}/${how.linkPath}`;
  const { rows: onPage, links } = page(call, found, (row) => row.id, {
    max: state.options.pageLimit,
    href,
    missing,
  });
  const count = how.counts && isTrue(call.query.get('with_count')) ? { count: found.length } : {};
  return {
    status: 200,
    json: { [how.key]: onPage.map(how.shown), ...(links && { [how.linksKey]: links }), ...count },
  };
}

const column = (row: object, name: string): unknown =>
  Object.getOwnPropertyDescriptor(row, name)?.value;

export const isTrue = (text: string | null): boolean =>
  text !== null && ['1', 'true', 't', 'yes', 'y', 'on'].includes(text.toLowerCase());

/** Links of one resource; they contain the project of the caller's token, not of the resource. */
export const linksOf = (call: Call, path: string) => {
  const project = call.token?.projectId;
  return [
    { rel: 'self', href: `${call.base}/v3/${project}/${path}` },
    { rel: 'bookmark', href: `${call.base}/${project}/${path}` },
  ];
};

/** Every 202 of Cinder without a body. */
export const accepted: Reply = {
  status: 202,
  headers: { 'Content-Type': 'text/html; charset=UTF-8' },
};

/** A change of status and its time. The time shows how long a row has been `deleting`. */
export function setStatus(
  state: CloudState,
  row: { status: string; updated_at?: number },
  status: string,
): void {
  row.status = status;
  if (row.updated_at !== undefined) row.updated_at = state.clock.now();
}
