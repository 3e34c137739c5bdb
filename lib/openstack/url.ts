import type { RequestOptions } from '../task/service.ts';

const VERSION_SEGMENT = /^v\d+(\.\d+)?$/;

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
  const endpointUrl = new URL(endpoint);
  if (endpointUrl.origin !== serviceUrl.origin)
    throw new TypeError(
      `a call to ${serviceUrl.host} must not go to ${endpointUrl.host}, because it carries the ` +
        'token',
    );
  if (path !== '' && !/^[/?]/.test(path)) throw new TypeError('a path must begin with a slash');
  const pathAndQuery = `${basePathFor(endpointUrl, path)}${path}`;
  const parameters = parametersOf(query);
  const separator = pathAndQuery.includes('?') ? '&' : '?';
  const search = parameters === '' ? '' : `${separator}${parameters}`;
  return `${pathAndQuery.startsWith('/') ? '' : '/'}${pathAndQuery}${search}`;
}

/** Returns the path of the endpoint. Omits its version if `path` begins with a version. */
function basePathFor(endpoint: URL, path: string): string {
  const segments = endpoint.pathname.replace(/\/+$/, '').split('/');
  const lastSegment = segments.at(-1) ?? '';
  const firstPathSegment = path.split(/[/?]/)[1] ?? '';
  if (VERSION_SEGMENT.test(lastSegment) && VERSION_SEGMENT.test(firstPathSegment)) segments.pop();
  return segments.join('/');
}

/** Returns the query without `?`, or an empty text if no parameter has a value. */
function parametersOf(query: RequestOptions['query'] = {}): string {
  return Object.entries(query)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`)
    .join('&');
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
      segment === '' || VERSION_SEGMENT.test(segment) || isWord(segment, index) ? segment : '{id}',
    )
    .join('/');
}
