import { type Call, type Handler, param, Refusal, type Reply } from '../http.ts';
import type { Row, Table } from '../resource-store.ts';
import { isAdmin, ownProject } from '../tokens.ts';

/** A time without a zone. */
export const time = (at: number): string => new Date(at).toISOString().slice(0, 19);

/**
 * For every caller, the project in a path must be the project of the token. Calls that only
 * administrators may make answer 401 to others.
 */
export const ofToken =
  (handler: Handler): Handler =>
  (call) => {
    if (param(call, 'tenant') !== ownProject(call.token))
      throw new Refusal(
        403,
        `User with tenant id ${ownProject(call.token)} cannot access this resource.`,
      );
    return handler(call);
  };
export const mgmt = (handler: Handler): Handler =>
  ofToken((call) => {
    if (!isAdmin(call.token)) throw new Refusal(401, 'User does not have admin privileges.');
    return handler(call);
  });

/** An administrator finds the rows of all projects. */
export function found<T extends Row & { tenant_id: string | null }>(
  call: Call,
  table: Table<T>,
  what: string,
): T {
  const row = table.get(param(call, 'id'));
  if (!row || (!isAdmin(call.token) && row.tenant_id !== ownProject(call.token)))
    throw new Refusal(404, `${what} ${param(call, 'id')} cannot be found.`);
  return row;
}

/**
 * Pages whose marker is a number of rows, the last changed row first. A page has 20 rows by
 * default. A full page links to the next one, with https.
 */
export function byOffset<T extends { updated: number }>(
  call: Call,
  rows: readonly T[],
  plural: string,
  show: (row: T) => unknown,
): Reply {
  const from = Number(call.query.get('marker') ?? 0);
  const limit = Number(call.query.get('limit') ?? 20);
  const shown = [...rows].sort((a, b) => b.updated - a.updated).slice(from, from + limit);
  return {
    status: 200,
    json: {
      [plural]: shown.map(show),
      ...(shown.length === limit && { links: [next(call, String(from + limit))] }),
    },
  };
}

/** Pages of at most 20 rows for any limit, with the id of the last row as the marker. */
export function byId<T extends Row>(
  call: Call,
  rows: readonly T[],
  plural: string,
  show: (row: T) => unknown,
): Reply {
  const marker = call.query.get('marker') ?? '';
  const limit = Math.min(Number(call.query.get('limit') ?? 20), 20);
  const rest = [...rows].sort((a, b) => (a.id < b.id ? -1 : 1)).filter((row) => row.id > marker);
  const last = rest.length > limit ? rest[limit - 1] : undefined;
  return {
    status: 200,
    json: {
      [plural]: rest.slice(0, limit).map(show),
      ...(last && { links: [next(call, last.id)] }),
    },
  };
}

function next(call: Call, marker: string): { rel: 'next'; href: string } {
  const query = new URLSearchParams(
    [...new URLSearchParams(call.search)].filter(([name]) => name !== 'marker'),
  );
  return {
    rel: 'next',
    href: `${call.base.replace('http:', 'https:')}${call.path}?${query}&marker=${encodeURIComponent(marker)}`,
  };
}
