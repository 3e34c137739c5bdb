import * as z from 'zod';

/** The maximum number of rows in an answer: 1 to 1000. */
export const ListLimit = z.coerce.number().int().min(1).max(1000).default(100);
/** The query of a route that has only a limit. */
export const LimitQuery = z.object({ limit: ListLimit });
