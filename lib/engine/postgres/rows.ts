import * as z from 'zod';
import type { Row, Session } from './database.ts';

/** Parses the column `body` of each row. */
export const parseBodies = <Schema extends z.ZodType>(
  schema: Schema,
  rows: readonly Row[],
): z.output<Schema>[] => rows.map(({ body }) => schema.parse(body));

/** Runs a statement that returns one row, and returns its column `number`. */
export async function readNumber(
  session: Session,
  sql: string,
  ...values: unknown[]
): Promise<number> {
  const [row] = await session.query(sql, values);
  return z.number().parse(row?.number);
}
