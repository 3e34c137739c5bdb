import { PropagatorError } from '../shared/errors.ts';

/**
 * Refuses a path that another program could read as a different path. Every id is encoded, but
 * proxies and web servers decode `%2F` and `%2E` before routing (a real Keystone answers for
 * `/v3/projects/a%2F` as for `/v3/projects/a`), and `.`, `..` and empty segments then lead to the
 * resources of another project. `path` is the path as sent, with its query. Throws {@link
 * PropagatorError} whose code ends in `.hidden`: what cannot be listed does not count as empty.
 */
export function refuseUnsafePath(service: string, path: string): void {
  for (const segment of (path.split('?')[0] ?? '').split('/')) {
    const parts = decoded(segment).split('/');
    const isEmpty = parts.length > 1 && parts.includes('');
    if (isEmpty || parts.includes('.') || parts.includes('..')) throw unsafe(service, 'URL');
  }
}

/**
 * Refuses a header value that would be changed in transit: Node sends Latin-1, and spaces at both
 * ends are dropped. Throws like {@link refuseUnsafePath}.
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
    message: `an id or a name cannot be sent in a ${where} without being changed on the way`,
    advice: `Search ${service} for resources of this id, and remove them there.`,
    service,
  });
