import * as z from 'zod';
import { type ErrorClass, PropagatorError } from '../../shared/errors.ts';
import type { ProjectContext, Removal } from '../../task/service.ts';
import { requestAccount } from './account.ts';

/** The answer of the bulk middleware, whose HTTP status is 200 even after failures. */
const report = z.object({
  'Response Status': z.string(),
  'Response Body': z.string().optional(),
  'Number Deleted': z.number(),
  'Number Not Found': z.number(),
  /** The escaped name and the status of each object that failed. */
  Errors: z.array(z.tuple([z.string(), z.string()])),
});

/**
 * Removes objects with one call (`POST ?bulk-delete`). `paths`: `/container/object`, escaped, at
 * most as many as the cluster permits. Returns one result per path. Throws if the whole call fails.
 * Call this function only if `/info` lists the bulk delete: otherwise the POST would create a
 * missing account.
 */
export async function bulkDelete(
  paths: readonly string[],
  context: ProjectContext,
): Promise<(Removal | PropagatorError)[]> {
  const answer = await requestAccount(context, 'POST', '', {
    query: { 'bulk-delete': true },
    headers: { 'content-type': 'text/plain', accept: 'application/json' },
    body: paths.join('\n'),
  });
  const parsed = report.safeParse(answer.json);
  const errorOf = (status: string, what: string): PropagatorError =>
    failure(status, what, context.region, answer.requestId);
  if (!parsed.success) throw errorOf('502', 'the answer is not the report of a bulk delete');
  const {
    Errors: failed,
    'Response Status': status,
    'Number Deleted': deleted,
    'Number Not Found': notFound,
  } = parsed.data;
  const succeeded = status.startsWith('2');
  if (!succeeded && failed.length === 0)
    throw errorOf(status, parsed.data['Response Body'] || 'the bulk delete failed as a whole');
  const reasons = new Map(failed.map(([name, reason]) => [unescaped(name), reason]));
  // After many failures the middleware stops, and its report does not name the object.
  const unfinished = deleted + notFound + failed.length < paths.length;
  // The report does not name the missing objects. If all are missing, the container's listing is
  // outdated.
  const stale = notFound === paths.length;
  return paths.map((path) => {
    const reason = reasons.get(unescaped(path));
    if (reason !== undefined) return errorOf(reason, 'an object was not deleted');
    if (unfinished)
      return errorOf('503', 'the bulk delete stopped before it had processed all objects');
    return stale ? { kind: 'accepted' } : { kind: 'gone' };
  });
}

/** Returns `container/object` without escapes and leading slashes. */
const unescaped = (path: string): string => decodeURIComponent(path).replace(/^\/+/, '');

function failure(
  status: string,
  what: string,
  region: string,
  requestId: string | undefined,
): PropagatorError {
  const code = Number.parseInt(status, 10) || 502;
  const denied = code === 401 || code === 403;
  const errorClass: ErrorClass = denied
    ? 'Denied'
    : code === 404
      ? 'Gone'
      : code === 409 || code >= 500
        ? 'Transient'
        : 'Unexpected';
  return new PropagatorError({
    code: `swift.bulk-delete.${code}`,
    class: errorClass,
    message: `swift answered ${status} within POST ?bulk-delete: ${what}`,
    advice: denied
      ? 'Assign the role that reseller_admin_role names in the proxy to the propagator.'
      : 'The propagator tries again. If the error persists, search the log of the proxy for the ' +
        'request id.',
    service: 'swift',
    region,
    requestId,
    status: code,
  });
}
