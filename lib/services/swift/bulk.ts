import * as z from 'zod';
import { type ErrorClass, PropagatorError } from '../../shared/errors.ts';
import type { ProjectContext, Removal } from '../../task/service.ts';
import { requestAccount } from './account.ts';

/** The answer of the bulk middleware, whose HTTP status is 200 even after failures. */
const bulkReport = z.object({
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
  const parsed = bulkReport.safeParse(answer.json);
  const errorOf = (status: string, detail: string): PropagatorError =>
    bulkDeleteError(status, detail, context.region, answer.requestId);
  if (!parsed.success) throw errorOf('502', 'the answer is not the report of a bulk delete');
  const {
    Errors: failures,
    'Response Status': status,
    'Number Deleted': deleted,
    'Number Not Found': notFound,
  } = parsed.data;
  if (!status.startsWith('2') && failures.length === 0)
    throw errorOf(status, parsed.data['Response Body'] || 'the bulk delete failed as a whole');
  const reasonByPath = new Map(failures.map(([path, reason]) => [unescapePath(path), reason]));
  // After many failures the middleware stops. Its report does not name the remaining objects.
  const isUnfinished = deleted + notFound + failures.length < paths.length;
  // The report does not name the missing objects. If all objects are missing, the container's
  // listing is outdated, and only a new listing proves that they are gone.
  const isListingOutdated = notFound === paths.length;
  return paths.map((path) => {
    const reason = reasonByPath.get(unescapePath(path));
    if (reason !== undefined) return errorOf(reason, 'an object was not deleted');
    if (isUnfinished)
      return errorOf('503', 'the bulk delete stopped before it had processed all objects');
    return isListingOutdated ? { kind: 'accepted' } : { kind: 'gone' };
  });
}

/** Returns `container/object` without escapes and leading slashes. */
const unescapePath = (path: string): string => decodeURIComponent(path).replace(/^\/+/, '');

/** Returns the error for one status in the report, for example `409 Conflict`. */
function bulkDeleteError(
  status: string,
  detail: string,
  region: string,
  requestId: string | undefined,
): PropagatorError {
  const code = Number.parseInt(status, 10) || 502;
  const errorClass = classOfStatus(code);
  return new PropagatorError({
    code: `swift.bulk-delete.${code}`,
    class: errorClass,
    message: `swift answered ${status} within POST ?bulk-delete: ${detail}`,
    advice:
      errorClass === 'Denied'
        ? 'Assign the role that reseller_admin_role names in the proxy to the propagator.'
        : 'The propagator tries again. If the error persists, search the log of the proxy for ' +
          'the request id.',
    service: 'swift',
    region,
    requestId,
    status: code,
  });
}

function classOfStatus(status: number): ErrorClass {
  if (status === 401 || status === 403) return 'Denied';
  if (status === 404) return 'Gone';
  return status === 409 || status >= 500 ? 'Transient' : 'Unexpected';
}
