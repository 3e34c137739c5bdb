import { PropagatorError } from '../shared/errors.ts';

/**
 * Throws for a path that a proxy or web server could change. Proxies and web servers decode `%2F`
 * and `%2E` before routing. For example, Keystone gives the same answer for `/v3/projects/a%2F` and
 * `/v3/projects/a`. A segment that is empty, `.` or `..` could therefore address a resource of
 * another project. `path` is the encoded path with its query.
 *
 * The code of the error is `SERVICE.id.hidden`, and its advice names the unsafe id or name. A type
 * whose listing fails with a code that ends with `.hidden` never counts as empty. If the error
 * concerns one resource, the task of this resource is dead-lettered until a person removes the
 * resource.
 */
export function refuseUnsafePath(service: string, path: string): void {
  const segment = unsafeSegment(path);
  if (segment !== undefined) throw unsafeTextError(service, 'URL', segment);
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
    const text = decodeSegment(segment);
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
  if (text !== undefined) throw unsafeTextError(service, 'header', text);
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** At most this many characters of an unsafe id or name are shown. */
const MAX_SHOWN_LENGTH = 255;

const unsafeTextError = (service: string, where: 'URL' | 'header', text: string): PropagatorError =>
  new PropagatorError({
    code: `${service}.id.hidden`,
    class: 'Unsupported',
    message: `an id or a name would be changed in transit in a ${where}`,
    advice:
      `No call was made. Search ${service} for ` +
      `${JSON.stringify(text.slice(0, MAX_SHOWN_LENGTH))}, and remove the resource there, or ` +
      `delete its row in the database of ${service}.`,
    service,
  });
