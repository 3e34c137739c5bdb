import type { RequestOptions } from '../task/service.ts';

const VERSION = /^v\d+(\.\d+)?$/;

/**
 * Returns the path and query of a call. A version in `path` replaces the version of the endpoint,
 * because some catalogs list Neutron with a version (`http://host:9696/v2.0`) and some without.
 * Throws `TypeError` for an invalid path. Throws `TypeError` also if `endpoint` is on another host
 * than `serviceUrl`, because that host must not receive the token.
 */
export function buildPath(
  serviceUrl: URL,
  endpoint: string,
  path: string,
  query: RequestOptions['query'],
): string {
  const base = new URL(endpoint);
  if (base.origin !== serviceUrl.origin)
    throw new TypeError(
      `a call to ${serviceUrl.host} must not go to ${base.host}, because it carries the token`,
    );
  if (path !== '' && !/^[/?]/.test(path)) throw new TypeError('a path must begin with a slash');
  const segments = base.pathname.replace(/\/+$/, '').split('/');
  if (VERSION.test(segments.at(-1) ?? '') && VERSION.test(path.split(/[/?]/)[1] ?? ''))
    segments.pop();
  const pathAndQuery = `${segments.join('/')}${path}`;
  const parameters = Object.entries(query ?? {}).flatMap(([name, value]) =>
    value === undefined ? [] : [`${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`],
  );
  const search =
    parameters.length === 0
      ? ''
      : `${pathAndQuery.includes('?') ? '&' : '?'}${parameters.join('&')}`;
  return `${pathAndQuery.startsWith('/') ? '' : '/'}${pathAndQuery}${search}`;
}

/** The path segment after one of these segments is a name that a customer chose. */
const PARENTS_OF_NAMES: readonly string[] = [
  ...['os-keypairs', 'namespaces', 'objects', 'properties', 'tags', 'metadata', 'members', 'users'],
  ...['environments', 'workbooks', 'queues', 'topics', 'stacks', 'resources'],
];

/**
 * Returns a path without ids and names, for metrics and messages. In Swift, all path segments are
 * names.
 */
export function withoutNames(service: string, path: string): string {
  const segments = (path.split('?')[0] ?? '').split('/');
  const isWord = (segment: string, index: number): boolean =>
    service !== 'swift' &&
    /^[a-z][a-z_-]*$/i.test(segment) &&
    !PARENTS_OF_NAMES.includes(segments[index - 1] ?? '');
  return segments
    .map((segment, index) =>
      segment === '' || VERSION.test(segment) || isWord(segment, index) ? segment : '{id}',
    )
    .join('/');
}
