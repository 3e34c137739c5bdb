import { PropagatorError } from '../shared/errors.ts';

/**
 * Throws for a path that a proxy or web server could change. These programs decode `%2F` and `%2E`
 * before routing: Keystone answers for `/v3/projects/a%2F` as for `/v3/projects/a`. Segments such
 * as `.`, `..` or empty ones could then address resources of another project. `path` is the encoded
 * path with its query. The code of the error ends in `.hidden`, so that resources that cannot be
 * listed do not count as empty.
 */
export function refuseUnsafePath(service: string, path: string): void {
  for (const segment of (path.split('?')[0] ?? '').split('/')) {
    const parts = decoded(segment).split('/');
    const isEmpty = parts.length > 1 && parts.includes('');
    if (isEmpty || parts.includes('.') || parts.includes('..')) throw unsafe(service, 'URL');
  }
}

/**
 * Throws, like {@link refuseUnsafePath}, for a header value that would be changed in transit: Node
 * sends Latin-1, and drops spaces at both ends.
 */
export function refuseUnsafeHeaders(
  service: string,
  headers: Readonly<Record<string, string>> | undefined,
): void {
  const isSafe = (value: string): boolean =>
    /^[\x20-\x7e\t]*$/.test(value) && value === value.trim();
  if (!Object.values(headers ?? {}).every(isSafe)) throw unsafe(service, 'header');
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

const unsafe = (service: string, where: 'URL' | 'header'): PropagatorError =>
  new PropagatorError({
    code: `${service}.id.hidden`,
    class: 'Unsupported',
    message: `an id or a name would be changed in transit if it were sent in a ${where}`,
    advice: `Search ${service} for resources of this id, and remove them there.`,
    service,
  });
