import type { Paging } from '../task/service.ts';

/** One page of a listing. `body` is the whole parsed answer. */
export interface Page {
  readonly body: unknown;
  readonly rows: readonly unknown[];
}

/** Query parameters for the next page, merged over the caller's query. */
export type NextQuery = Readonly<Record<string, string>>;

/** A page that cannot be trusted. The message is for the operator. */
export class PagingError extends Error {
  override readonly name = 'PagingError';
  readonly code: 'unexpected' | 'endless' | 'changed' | 'truncated';
  constructor(message: string, code: PagingError['code'] = 'unexpected') {
    super(message);
    this.code = code;
  }
}

/**
 * Returns the parameters of the next page, or `undefined` after the last page. `rowCount`: the
 * number of rows in all pages so far, including this page.
 */
export type PagingStyle = (
  page: Page,
  collection: string | undefined,
  rowCount: number,
) => NextQuery | undefined;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const textField = (row: unknown, key: string): string | undefined => {
  const value = isObject(row) ? row[key] : undefined;
  return typeof value === 'string' && value !== '' ? value : undefined;
};

/**
 * Returns the link to the next page from a key such as `servers_links`. Some of Cinder's keys are
 * singular (`group_links` for `groups`), and Trove's key is `links`, so every key of these forms is
 * accepted. Throws when the value is not a list.
 */
function nextLink(body: unknown, collection: string | undefined): string | undefined {
  const isLinksField = ([name, value]: [string, unknown]): boolean =>
    name.endsWith('_links') || (name === 'links' && Array.isArray(value));
  if (!isObject(body) || collection === undefined) return undefined;
  const [key, links] = Object.entries(body).find(isLinksField) ?? [];
  if (links === undefined || links === null) return undefined;
  if (!Array.isArray(links)) throw new PagingError(`${key} is not a list`);
  const next = links.find((link) => textField(link, 'rel') === 'next');
  if (next === undefined) return undefined;
  const href = textField(next, 'href');
  if (href === undefined) throw new PagingError('the link to the next page is empty');
  return href;
}

/**
 * Returns the marker from a link to the next page. The rest of the link is not used. Behind a
 * proxy, the links of Nova and Cinder often name an internal host, which must not receive the
 * token. The links of Glance lack the path prefix.
 */
function markerQuery(href: string, page: Page): NextQuery {
  const url = URL.parse(href, 'http://service.invalid');
  if (!url) throw new PagingError('the link to the next page is not a valid URL');
  const marker = url.searchParams.get('marker') || textField(page.rows.at(-1), 'id');
  if (!marker) throw new PagingError('the link to the next page has no marker');
  return { marker };
}

export const PAGING_STYLES: Readonly<Record<Paging, PagingStyle>> = {
  marker(page, collection) {
    const href = nextLink(page.body, collection);
    return href === undefined ? undefined : markerQuery(href, page);
  },
  /**
   * Glance returns the path of the next page in `next` (`/v2/images?marker=…`). Keystone since
   * 2025.1 returns a link to the next page in `links.next`.
   */
  next(page) {
    const body = isObject(page.body) ? page.body : {};
    const next = body.next ?? (isObject(body.links) ? body.links.next : undefined);
    if (next === undefined || next === null) {
      // Keystone marks a list that it cut at its list_limit. Keystone before 2025.1 cannot return
      // the rest.
      if (body.truncated === true)
        throw new PagingError(
          'the list is truncated (list_limit) and has no link to a next page',
          'truncated',
        );
      return undefined;
    }
    if (typeof next !== 'string')
      throw new PagingError('the link to the next page is not a valid URL');
    return markerQuery(next, page);
  },
  /**
   * Nova's server groups. Only an empty page is the last page: a page may have fewer rows than
   * `limit`, because the operator may configure smaller pages.
   */
  offset: (page, _collection, rowCount) =>
    page.rows.length === 0 ? undefined : { offset: String(rowCount) },
  /**
   * Barbican. An answer contains the total number of rows, and at most 100 rows for any `limit`.
   */
  total(page, _collection, rowCount) {
    const total = isObject(page.body) ? page.body.total : undefined;
    if (typeof total !== 'number')
      throw new PagingError('the answer does not contain the total number of rows');
    if (rowCount >= total) return undefined;
    if (page.rows.length === 0)
      throw new PagingError(`the answer reports ${total} rows but lists ${rowCount}`, 'changed');
    return { offset: String(rowCount) };
  },
  /**
   * Swift. The marker is the name of the last row. `version_marker` is the position among the
   * versions of one object.
   */
  swift(page) {
    if (page.rows.length === 0) return undefined;
    const lastRow = page.rows.at(-1);
    const marker = textField(lastRow, 'name') ?? textField(lastRow, 'subdir');
    if (marker === undefined) throw new PagingError('the last row has no name');
    const version = textField(lastRow, 'version_id');
    return version === undefined ? { marker } : { marker, version_marker: version };
  },
  none(page, collection) {
    if (
      nextLink(page.body, collection) !== undefined ||
      (isObject(page.body) && page.body.truncated === true)
    )
      throw new PagingError('the answer has further pages, but the complete list was requested');
    return undefined;
  },
};

/**
 * Returns a page's rows. Throws when the collection is missing, because a missing list is not an
 * empty list.
 */
export function pageOf(body: unknown, collection: string | undefined): Page {
  const rows = collection === undefined ? body : isObject(body) ? body[collection] : undefined;
  if (!Array.isArray(rows))
    throw new PagingError(
      collection === undefined ? 'the answer is not a list' : `the answer has no "${collection}"`,
    );
  return { body, rows };
}
