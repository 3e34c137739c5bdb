import type * as z from 'zod';
import { PropagatorError } from '../shared/errors.ts';
import type { Answer, ListOptions, RequestOptions } from '../task/service.ts';
import { answerFailure, type FailureContext } from './failure.ts';
import { PAGING_STYLES, PagingError, pageOf } from './paging.ts';

const PAGE_ROWS = 1000;
/** A listing with more pages counts as endless. */
const MAX_PAGES = 10_000;
/**
 * A listing that is kept in memory also counts as endless when it has more rows than this. The
 * limit protects the memory from a service that always sends another page.
 */
export const MAX_ROWS = 500_000;
const MAX_RESTARTS = 2;

/** Reads one page: `GET` with this query. */
type FetchPage = (request: RequestOptions) => Promise<Answer>;

/**
 * Reads all rows of a listing. Throws on an incomplete page, a missing collection, a row that does
 * not match its schema, or a paging loop. `path` is for messages. A marker is the id of the last
 * row of a page. If that row is deleted before the next page is read, Nova, Cinder and Glance
 * answer 400, and Neutron answers 404 (seen on 2023.1). The listing then restarts, at most twice.
 */
export async function readListing<S extends z.ZodType>(
  fetchPage: FetchPage,
  path: string,
  options: ListOptions<S>,
  where: FailureContext,
): Promise<{ rows: z.infer<S>[]; more: boolean }> {
  for (let restarts = 0; ; restarts += 1) {
    const read = await readOnce(fetchPage, path, options, where);
    if (!('markerGone' in read)) return read;
    if (restarts >= MAX_RESTARTS)
      throw answerFailure(
        { code: 'changed', message: `the list changed while it was read (GET ${path})` },
        where,
        read.markerGone,
      );
  }
}

async function readOnce<S extends z.ZodType>(
  fetchPage: FetchPage,
  path: string,
  options: ListOptions<S>,
  where: FailureContext,
): Promise<{ rows: z.infer<S>[]; more: boolean } | { markerGone: string | undefined }> {
  const { collection, row, paging, limit = PAGE_ROWS, atMost, onPage, ...request } = options;
  const firstQuery: RequestOptions['query'] = {
    ...(paging === 'none'
      ? {}
      : { limit: atMost === undefined ? limit : Math.max(1, Math.min(limit, atMost)) }),
    ...(paging === 'swift' ? { format: 'json' } : {}),
    ...request.query,
  };
  const rows: z.infer<S>[] = [];
  let rowCount = 0;
  const visitedPositions = new Set<string>();
  let query = firstQuery;
  for (;;) {
    const hasMarker = query !== firstQuery && 'marker' in query;
    const answer = await fetchPage({ ...request, query }).catch((error: unknown) => {
      if (hasMarker && isMarkerGone(error)) return error;
      throw error;
    });
    if (answer instanceof PropagatorError) return { markerGone: answer.report.requestId };
    try {
      const page = pageOf(answer.json, collection);
      const checkedRows = page.rows.map((one) => validRow(row, one));
      rowCount += checkedRows.length;
      const next = PAGING_STYLES[paging](page, collection, rowCount);
      // The paging check comes first, so that `onPage` never receives a truncated page.
      if (onPage) await onPage(checkedRows);
      else for (const one of checkedRows) rows.push(one);
      // The row limit applies only if there is a next page: a list in one page is complete.
      if (next && rows.length > MAX_ROWS)
        throw new PagingError(`the list has more than ${MAX_ROWS} rows`, 'endless');
      if (!next) return { rows, more: false };
      if (atMost !== undefined && rowCount >= atMost) return { rows, more: true };
      // If a service ignores `offset`, it repeats the first page. If it ignores `marker`, it
      // repeats the marker.
      const position = 'offset' in next ? JSON.stringify(page.rows[0]) : JSON.stringify(next);
      if (visitedPositions.has(position))
        throw new PagingError('the pages of the list repeat endlessly', 'endless');
      if (visitedPositions.size >= MAX_PAGES)
        throw new PagingError(`the list has more than ${MAX_PAGES} pages`, 'endless');
      visitedPositions.add(position);
      query = { ...firstQuery, ...next };
    } catch (error) {
      if (!(error instanceof PagingError)) throw error;
      throw answerFailure(
        { code: error.code, message: `${error.message} (GET ${path})` },
        where,
        answer.requestId,
      );
    }
  }
}

const isMarkerGone = (error: unknown): error is PropagatorError =>
  error instanceof PropagatorError && (error.report.status === 400 || error.report.status === 404);

/**
 * Validates a row. The error names the expected format and never the value, which may be a
 * customer's.
 */
function validRow<S extends z.ZodType>(row: S, value: unknown): z.infer<S> {
  const parsed = row.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new PagingError(
    'a row does not have the documented format: ' +
      `${issue?.path.map(String).join('.') || 'the row'}: ` +
      `${issue?.message ?? 'refused'}`,
  );
}
