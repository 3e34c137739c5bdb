import { filtersOf } from './operations.ts';

/** The pages of the console, by the part of the address after `#`. */
export type Route =
  | { readonly page: 'overview' | 'dead-letters' | 'holds' | 'services' | 'unknown' }
  | { readonly page: 'operations'; readonly filters: ReturnType<typeof filtersOf> }
  | { readonly page: 'operation'; readonly id: string };

/** The links of the navigation. */
export const PAGES = [
  ['overview', '#/', 'Overview'],
  ['operations', '#/operations', 'Operations'],
  ['dead-letters', '#/dead-letters', 'Dead letters'],
  ['holds', '#/holds', 'Holds'],
  ['services', '#/services', 'Services'],
] as const;

const ID = /^op-[0-9a-f]{12}$/;

/** The route of an address; `unknown` for an address without a page. */
export function routeOf(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  if (path === '') return { page: 'overview' };
  if (path === 'operations')
    return { page: 'operations', filters: filtersOf(new URLSearchParams(query)) };
  const id = path.startsWith('operations/') ? path.slice('operations/'.length) : '';
  if (ID.test(id)) return { page: 'operation', id };
  if (path === 'dead-letters' || path === 'holds' || path === 'services') return { page: path };
  return { page: 'unknown' };
}
