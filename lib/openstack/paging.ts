import type { Paging } from '../task/service.ts';

/** One page as it came. */
export interface Page {
  readonly body: unknown;
  readonly rows: readonly unknown[];
}

/** Where a listing goes on: parameters laid over the caller's query. */
export type Next = Readonly<Record<string, string>>;

/** A page that can't be trusted; the message is for the operator. */
export class PagingError extends Error {
  override readonly name = 'PagingError';
  readonly code: 'unexpected' | 'endless' | 'changed' | 'truncated';
  constructor(message: string, code: PagingError['code'] = 'unexpected') {
    super(message);
    this.code = code;
  }
}

/**
 * A style of paging: from a page to the next one, or `undefined` at the end. `seen`: rows of all
 * pages before and with this one.
 */
export type Style = (page: Page, collection: string | undefined, seen: number) => Next | undefined;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const text = (row: unknown, key: string): string | undefined => {
  const value = isObject(row) ? row[key] : undefined;
  return typeof value === 'string' && value !== '' ? value : undefined;
};

/**
 * The `href` to the next page out of `servers_links`, `ports_links`; a list of links that is none
 * is an error. Cinder calls some after one of the resources (`groups` and `group_links`,
 * `volume_types` and `volume_type_links`): any such key counts, and so does a list that is simply
 * called `links` (Trove).
 */
function nextLink(body: unknown, collection: string | undefined): string | undefined {
  const isOfLinks = ([name, value]: [string, unknown]): boolean =>
    name.endsWith('_links') || (name === 'links' && Array.isArray(value));
  const [key, links] =
    (isObject(body) && collection !== undefined && Object.entries(body).find(isOfLinks)) || [];
  if (links === undefined || links === null) return undefined;
  if (!Array.isArray(links)) throw new PagingError(`${key} is not a list`);
  const next = links.find((link) => text(link, 'rel') === 'next');
  if (next === undefined) return undefined;
  const href = text(next, 'href');
  if (href === undefined) throw new PagingError('its link to the next page is empty');
  return href;
}

/**
 * The marker out of a link to the next page. Nothing else of the link is used: behind a proxy Nova
 * and Cinder often link to an inner host, Glance leaves out the prefix of its path, and our token
 * must follow neither.
 */
function markerOf(href: string, page: Page): Next {
  const url = URL.parse(href, 'http://service.invalid');
  if (!url) throw new PagingError('its link to the next page is no link');
  const marker = url.searchParams.get('marker') || text(page.rows.at(-1), 'id');
  if (!marker) throw new PagingError('it links to a next page without saying where that begins');
  return { marker };
}

export const STYLES: Readonly<Record<Paging, Style>> = {
  marker(page, collection) {
    const href = nextLink(page.body, collection);
    return href === undefined ? undefined : markerOf(href, page);
  },
  /** Glance: `next` is a path, `/v2/images?marker=…`. Keystone from 2025.1 on: `links.next`. */
  next(page) {
    const links = isObject(page.body) && isObject(page.body.links) ? page.body.links : undefined;
    const next = (isObject(page.body) ? page.body.next : undefined) ?? links?.next;
    // Keystone cuts at its list_limit and says so; before 2025.1 it has no way to ask for the rest.
    if (
      (next === undefined || next === null) &&
      isObject(page.body) &&
      page.body.truncated === true
    )
      throw new PagingError(
        'it cut its list short (list_limit) and links to no next page',
        'truncated',
      );
    if (next === undefined || next === null) return undefined;
    if (typeof next !== 'string') throw new PagingError('its link to the next page is no link');
    return markerOf(next, page);
  },
  /**
   * Nova's server groups: the operator may cut pages shorter than asked for, so that only an empty
   * one is the end.
   */
  offset: (page, _collection, seen) =>
    page.rows.length === 0 ? undefined : { offset: String(seen) },
  /**
   * Barbican: 100 rows a page at most, whatever was asked for, and beside them how many there are
   * in all.
   */
  total(page, _collection, seen) {
    const total = isObject(page.body) ? page.body.total : undefined;
    if (typeof total !== 'number')
      throw new PagingError('it does not say how many rows there are in all');
    if (seen >= total) return undefined;
    if (page.rows.length === 0)
      throw new PagingError(`it says that there are ${total} rows and shows ${seen}`, 'changed');
    return { offset: String(seen) };
  },
  /** Versions of one object share its name: `version_marker` says where among them. */
  swift(page) {
    if (page.rows.length === 0) return undefined;
    const last = page.rows.at(-1);
    const marker = text(last, 'name') ?? text(last, 'subdir');
    if (marker === undefined) throw new PagingError('its last row has no name');
    const version = text(last, 'version_id');
    return version === undefined ? { marker } : { marker, version_marker: version };
  },
  none(page, collection) {
    if (
      nextLink(page.body, collection) !== undefined ||
      (isObject(page.body) && page.body.truncated === true)
    )
      throw new PagingError('it has more pages where all was asked for at once');
    return undefined;
  },
};

/**
 * The rows of a page. Throws when the collection is not there: a body without it is not an empty
 * list.
 */
export function pageOf(body: unknown, collection: string | undefined): Page {
  const rows = collection === undefined ? body : isObject(body) ? body[collection] : undefined;
  if (!Array.isArray(rows))
    throw new PagingError(
      collection === undefined ? 'its listing is not a list' : `its listing has no "${collection}"`,
    );
  return { body, rows };
}
