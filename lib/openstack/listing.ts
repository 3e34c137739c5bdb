import type * as z from 'zod';
import { PropagatorError } from '../shared/errors.ts';
import type { ApiAnswer, ListOptions, RequestOptions } from '../task/service.ts';
import { answerFailure, type FailureContext } from './failure.ts';
import { type NextQuery, PAGING_STYLES, type Page, PagingError, pageOf } from './paging.ts';

const ROWS_PER_PAGE = 1000;
/** A listing with more pages than this counts as endless. */
const MAX_PAGES = 10_000;
/**
 * A listing without `onPage` also counts as endless if it has more rows than this. The limit
 * protects the memory from a service that always sends another page.
 */
export const MAX_ROWS = 500_000;
const MAX_RESTARTS = 2;

/** Reads one page: `GET` with this query. */
type FetchPage = (request: RequestOptions) => Promise<ApiAnswer>;

/**
 * Reads all rows of a listing. Throws on an incomplete page, a missing collection, a row that does
 * not match its schema, or a paging loop. `path` is for messages.
 *
 * A marker is the id of the last row of a page. If that row is deleted before the next page is
 * read, Nova, Cinder and Glance answer 400, and Neutron answers 404 (seen on 2023.1). The listing
 * then restarts, at most twice.
 */
export async function readListing<S extends z.ZodType>(
  fetchPage: FetchPage,
  path: string,
  options: ListOptions<S>,
  failureContext: FailureContext,
): Promise<{ rows: z.infer<S>[]; hasMore: boolean }> {
  for (let restarts = 0; ; restarts += 1) {
    const readResult = await readOnce(fetchPage, path, options, failureContext);
    if (!('refusedMarker' in readResult)) return readResult;
    if (restarts >= MAX_RESTARTS)
      throw answerFailure(
        { code: 'changed', message: `the list changed while it was read (GET ${path})` },
        failureContext,
        readResult.refusedMarker,
      );
  }
}

/**
 * Reads the listing once, from its first page. Returns `refusedMarker`, with the request id, if the
 * service no longer knows the marker of a page.
 */
async function readOnce<S extends z.ZodType>(
  fetchPage: FetchPage,
  path: string,
  options: ListOptions<S>,
  failureContext: FailureContext,
): Promise<{ rows: z.infer<S>[]; hasMore: boolean } | { refusedMarker: string | undefined }> {
  const { collection, row, paging, pageSize: _, maxRows, onPage, ...request } = options;
  const firstQuery = firstQueryOf(options);
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
    if (answer instanceof PropagatorError) return { refusedMarker: answer.report.requestId };
    try {
      const page = pageOf(answer.json, collection);
      const pageRows = page.rows.map((one) => validRow(row, one));
      rowCount += pageRows.length;
      const next = PAGING_STYLES[paging](page, collection, rowCount);
      // The check of the paging comes first, so that `onPage` never receives a truncated page.
      if (onPage) await onPage(pageRows);
      else for (const one of pageRows) rows.push(one);
      if (!next) return { rows, hasMore: false };
      // The row limit applies only if there is a next page: a list in one page is complete.
      assertRowLimit(rows.length);
      if (maxRows !== undefined && rowCount >= maxRows) return { rows, hasMore: true };
      assertNewPosition(page, next, visitedPositions);
      query = { ...firstQuery, ...next };
    } catch (error) {
      if (!(error instanceof PagingError)) throw error;
      throw answerFailure(
        { code: error.code, message: `${error.message} (GET ${path})` },
        failureContext,
        answer.requestId,
      );
    }
  }
}

function firstQueryOf<S extends z.ZodType>({
  paging,
  pageSize = ROWS_PER_PAGE,
  maxRows = pageSize,
  query,
}: ListOptions<S>): NonNullable<RequestOptions['query']> {
  return {
    ...(paging === 'none' ? {} : { limit: Math.max(1, Math.min(pageSize, maxRows)) }),
    ...(paging === 'swift' ? { format: 'json' } : {}),
    ...query,
  };
}

function assertRowLimit(rowCount: number): void {
  if (rowCount > MAX_ROWS)
    throw new PagingError(`the list has more than ${MAX_ROWS} rows`, 'endless');
}

/**
 * Throws if the next page was read before, or after too many pages. Adds the position of the next
 * page to `visitedPositions`.
 */
function assertNewPosition(page: Page, next: NextQuery, visitedPositions: Set<string>): void {
  // A service that ignores `offset` repeats the first page. A service that ignores `marker` repeats
  // the marker.
  const position = 'offset' in next ? JSON.stringify(page.rows[0]) : JSON.stringify(next);
  if (visitedPositions.has(position))
    throw new PagingError('the pages of the list repeat endlessly', 'endless');
  if (visitedPositions.size >= MAX_PAGES)
    throw new PagingError(`the list has more than ${MAX_PAGES} pages`, 'endless');
  visitedPositions.add(position);
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
