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
    const result = await readListingOnce(fetchPage, path, options, failureContext);
    if (!(result instanceof PropagatorError)) return result;
    if (restarts >= MAX_RESTARTS)
      throw answerFailure(
        { code: 'changed', message: `the list changed while it was read (GET ${path})` },
        failureContext,
        result.report.requestId,
      );
  }
}

/**
 * Reads the listing once, from its first page. If the service no longer knows the marker of a page,
 * the function returns the error of this page.
 */
async function readListingOnce<S extends z.ZodType>(
  fetchPage: FetchPage,
  path: string,
  options: ListOptions<S>,
  failureContext: FailureContext,
): Promise<{ rows: z.infer<S>[]; hasMore: boolean } | PropagatorError> {
  const { collection, row, paging, pageSize, maxRows, onPage, ...request } = options;
  const firstQuery = firstQueryOf(options);
  const listedRows: ListedRows<S> = { rows: [], rowCount: 0, visitedPositions: new Set() };
  let query = firstQuery;
  for (;;) {
    const hasMarker = query !== firstQuery && 'marker' in query;
    const answer = await fetchUnlessMarkerGone(fetchPage, { ...request, query }, hasMarker);
    if (answer instanceof PropagatorError) return answer;
    const next = await addPage(answer.json, options, listedRows).catch((error: unknown) => {
      throw toAnswerFailure(error, path, failureContext, answer.requestId);
    });
    if (next === 'complete') return { rows: listedRows.rows, hasMore: false };
    if (next === 'enough') return { rows: listedRows.rows, hasMore: true };
    query = { ...firstQuery, ...next };
  }
}

/** Fetches a page. Returns the error if the service no longer knows the marker of the request. */
async function fetchUnlessMarkerGone(
  fetchPage: FetchPage,
  request: RequestOptions,
  hasMarker: boolean,
): Promise<ApiAnswer | PropagatorError> {
  try {
    return await fetchPage(request);
  } catch (error) {
    if (hasMarker && isMarkerGone(error)) return error;
    throw error;
  }
}

/** The rows of the pages that were read so far. */
interface ListedRows<S extends z.ZodType> {
  /** Empty if the rows are passed to `onPage`. */
  readonly rows: z.infer<S>[];
  rowCount: number;
  readonly visitedPositions: Set<string>;
}

/**
 * Adds the rows of a page to `listedRows`, or passes them to `onPage`. Returns the query of the
 * next page, or the reason why the listing ends with this page: `complete` after the last page,
 * `enough` after `maxRows` rows. Throws {@link PagingError} for a page that cannot be trusted.
 */
async function addPage<S extends z.ZodType>(
  body: unknown,
  { collection, row, paging, maxRows, onPage }: ListOptions<S>,
  listedRows: ListedRows<S>,
): Promise<NextQuery | 'complete' | 'enough'> {
  const page = pageOf(body, collection);
  const pageRows = page.rows.map((one) => parseRow(row, one));
  listedRows.rowCount += pageRows.length;
  // This call throws for a truncated page, so `onPage` never receives such a page.
  const next = PAGING_STYLES[paging](page, collection, listedRows.rowCount);
  if (onPage) await onPage(pageRows);
  else for (const one of pageRows) listedRows.rows.push(one);
  if (!next) return 'complete';
  // The row limit applies only if there is a next page: a list in one page is complete.
  assertRowLimit(listedRows.rows.length);
  if (maxRows !== undefined && listedRows.rowCount >= maxRows) return 'enough';
  assertNewPosition(page, next, listedRows.visitedPositions);
  return next;
}

/** Converts a {@link PagingError}. Any other error is returned unchanged. */
const toAnswerFailure = (
  error: unknown,
  path: string,
  failureContext: FailureContext,
  requestId: string | undefined,
): unknown =>
  error instanceof PagingError
    ? answerFailure(
        { code: error.code, message: `${error.message} (GET ${path})` },
        failureContext,
        requestId,
      )
    : error;

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
 * Throws if the next page was already read, or if too many pages were read. Otherwise adds the
 * position of the next page to `visitedPositions`.
 */
function assertNewPosition(page: Page, next: NextQuery, visitedPositions: Set<string>): void {
  // A service that ignores `offset` repeats the first page. A service that ignores `marker` returns
  // the same marker again.
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
function parseRow<S extends z.ZodType>(row: S, value: unknown): z.infer<S> {
  const parsed = row.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new PagingError(
    'a row does not have the documented format: ' +
      `${issue?.path.map(String).join('.') || 'the row'}: ` +
      `${issue?.message ?? 'refused'}`,
  );
}
