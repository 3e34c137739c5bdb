import type { RequestOptions } from '../task/service.ts';

const VERSION = /^v\d+(\.\d+)?$/;

/**
 * Path and query of a call. If both the endpoint and the path name a version, the path's version is
 * used: catalogs list Neutron as `http://host:9696`, as `…/networking` and as `…/v2.0`. Throws
 * `TypeError` when the endpoint is on another host than `home`, which must not receive the token,
 * or when the path is invalid.
 */
export function buildPath(
  home: URL,
  endpoint: string,
  path: string,
  query: RequestOptions['query'],
): string {
  const base = new URL(endpoint);
  if (base.origin !== home.origin)
    throw new TypeError(
      `a call to ${home.host} must not go to ${base.host}, because it carries the token`,
    );
  if (path !== '' && !/^[/?]/.test(path)) throw new TypeError('a path must begin with a slash');
  const segments = base.pathname.replace(/\/+$/, '').split('/');
  if (VERSION.test(segments.at(-1) ?? '') && VERSION.test(path.split(/[/?]/)[1] ?? ''))
    segments.pop();
  const whole = `${segments.join('/')}${path}`;
  const parameters = Object.entries(query ?? {}).flatMap(([name, value]) =>
    value === undefined ? [] : [`${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`],
  );
  const search =
    parameters.length === 0 ? '' : `${whole.includes('?') ? '&' : '?'}${parameters.join('&')}`;
  return `${whole.startsWith('/') ? '' : '/'}${whole}${search}`;
}

/** The segment after one of these is a name that a customer chose. */
const PARENTS_OF_NAMES: readonly string[] = [
  ...['os-keypairs', 'namespaces', 'objects', 'properties', 'tags', 'metadata', 'members', 'users'],
  ...['environments', 'workbooks', 'queues', 'topics', 'stacks', 'resources'],
];

/**
 * A path for metrics and messages, without ids and names. In Swift, all path segments are
 * customers' names.
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
