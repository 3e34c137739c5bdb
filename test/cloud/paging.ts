import { type Call, Refusal } from './http.ts';

export interface Page<T> {
  readonly rows: T[];
  /** The link to the next page in the form of Nova and Cinder. A page that is not full has none. */
  readonly links: { rel: 'next'; href: string }[] | undefined;
}

/**
 * A page after `marker` (and after `offset`), of at most `limit` rows. A full page has a link even
 * if no rows follow, because Nova and Cinder do not read ahead. The link repeats the query under
 * `href`, which is not always the path of the call.
 */
export function page<T>(
  call: Call,
  rows: T[],
  idOf: (row: T) => string,
  options: { max: number; href: string; missing: (marker: string) => Refusal; sorted?: boolean },
): Page<T> {
  const limit = Math.min(number(call, 'limit') ?? options.max, options.max);
  const marker = call.query.get('marker');
  let start = number(call, 'offset') ?? 0;
  if (marker !== null) {
    const at = rows.findIndex((row) => idOf(row) === marker);
    if (at < 0) throw options.missing(marker);
    start += at + 1;
  }
  const shown = rows.slice(start, start + limit);
  const last = shown.at(-1);
  if (last === undefined || shown.length < limit) return { rows: shown, links: undefined };
  const query = [...new URLSearchParams(call.search)].filter(
    ([name]) => name !== 'marker' && name !== 'offset',
  );
  if (options.sorted) query.sort(([a], [b]) => (a < b ? -1 : 1));
  const next = new URLSearchParams([...query, ['marker', idOf(last)]]);
  return { rows: shown, links: [{ rel: 'next', href: `${options.href}?${next}` }] };
}

function number(call: Call, name: string): number | undefined {
  const text = call.query.get(name);
  if (text === null) return undefined;
  if (!/^\d+$/.test(text)) throw new Refusal(400, `${name} param must be an integer`);
  return Number(text);
}
