import { PropagatorError } from '../shared/errors.ts';

/**
 * Throws for a path that a proxy or web server could change. Proxies and web servers decode `%2F`
 * and `%2E` before routing: Keystone answers for `/v3/projects/a%2F` as for `/v3/projects/a`. A
 * segment that is empty, `.` or `..` could therefore address a resource of another project. `path`
 * is the encoded path with its query. The code of the error is `SERVICE.id.hidden`, and its advice
 * names the unsafe id or name. If a type cannot be listed and the code of the error ends with
 * `.hidden`, the type never counts as empty. The task of the resource is dead-lettered until a
 * person removes the resource.
 */
export function refuseUnsafePath(service: string, path: string): void {
  const segment = unsafeSegment(path);
  if (segment !== undefined) throw unsafe(service, 'URL', segment);
}

/** Throws, like {@link refuseUnsafePath}, for the path of an endpoint of the catalog. */
export function refuseUnsafeEndpoint(service: string, path: string): void {
  if (unsafeSegment(path) === undefined) return;
  throw new PropagatorError({
    code: `${service}.endpoint.hidden`,
    class: 'Unsupported',
    message: `the endpoint of ${service} has a path that would be changed in transit`,
    advice: `Correct the endpoint of ${service} in the catalog: openstack endpoint list.`,
    service,
  });
}

/** Returns the first segment of the path that is unsafe, decoded. */
function unsafeSegment(path: string): string | undefined {
  for (const segment of (path.split('?')[0] ?? '').split('/')) {
    const text = decoded(segment);
    const parts = text.split('/');
    const isEmpty = parts.length > 1 && parts.includes('');
    if (isEmpty || parts.includes('.') || parts.includes('..')) return text;
  }
  return undefined;
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
  const text = Object.values(headers ?? {}).find((value) => !isSafe(value));
  if (text !== undefined) throw unsafe(service, 'header', text);
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** An id or a name is shown up to this length. */
const MAX_SHOWN = 255;

const unsafe = (service: string, where: 'URL' | 'header', text: string): PropagatorError =>
  new PropagatorError({
    code: `${service}.id.hidden`,
    class: 'Unsupported',
    message: `an id or a name would be changed in transit in a ${where}`,
    advice:
      `No call was made. Search ${service} for ${JSON.stringify(text.slice(0, MAX_SHOWN))}, and ` +
      `remove the resource there, or delete its row in the database of ${service}.`,
    service,
  });
