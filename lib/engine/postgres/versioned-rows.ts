import { storableText, toJson } from '../json.ts';
import type { DocumentKey, WrittenDocument } from '../port.ts';
import type { Session } from './database.ts';

/**
 * Thrown in a transaction if another process has written a row since the caller read it. The
 * transaction is rolled back.
 */
export class VersionConflict extends Error {}

/**
 * Builds an SQL statement that inserts the rows with version 0, and updates each other row if the
 * stored row has the same version. The statement returns one row for each row that it has written.
 * It locks the rows in the order of their ids, because concurrent writers could otherwise deadlock.
 * `columns`: the columns of the table without `id`, `version` and `body`, with their types.
 */
export function versionedWriteSql(table: string, columns: string): string {
  const columnNames = [...columns.split(', ').map((column) => column.split(' ')[0] ?? ''), 'body'];
  return `
    WITH input AS MATERIALIZED (
      SELECT * FROM jsonb_to_recordset($1::text::jsonb)
        AS x (id text, version int, ${columns}, body jsonb)
      ORDER BY id
    ), held AS MATERIALIZED (
      SELECT t.id FROM propagator.${table} t JOIN input i USING (id)
      WHERE t.version = i.version AND i.version > 0 ORDER BY t.id FOR UPDATE OF t
    ), added AS (
      INSERT INTO propagator.${table} (id, version, ${columnNames.join(', ')})
      SELECT id, 1, ${columnNames.join(', ')} FROM input WHERE version = 0 ORDER BY id
      ON CONFLICT DO NOTHING RETURNING 1
    ), replaced AS (
      UPDATE propagator.${table} t SET version = i.version + 1,
        ${columnNames.map((name) => `${name} = i.${name}`).join(', ')}
      FROM input i JOIN held USING (id) WHERE t.id = i.id RETURNING 1
    )
    SELECT 1 FROM added UNION ALL SELECT 1 FROM replaced`;
}

/**
 * Runs a statement that writes or deletes these rows. The statement must return one row for each
 * written or deleted row. Throws {@link VersionConflict} if the statement returns fewer rows.
 */
export async function writeVersioned(
  session: Session,
  statement: string,
  rows: readonly object[],
): Promise<void> {
  const writtenRows = await session.query(statement, [toJson(rows)]);
  if (writtenRows.length < rows.length) throw new VersionConflict();
}

const WRITE_DOCUMENTS = versionedWriteSql('document', 'collection text, partition text, key text');
const documentId = ({ collection, partition, id }: DocumentKey): string =>
  storableText([collection, partition, id].join('\n'));

/**
 * Writes and deletes documents. Throws {@link VersionConflict} if a stored document has another
 * version.
 */
export async function writeDocuments(
  session: Session,
  documents: readonly WrittenDocument[],
): Promise<void> {
  const keptDocuments = documents.filter(({ value }) => value !== undefined);
  const deletedDocuments = documents.filter(({ value }) => value === undefined);
  if (keptDocuments.length > 0)
    await writeVersioned(
      session,
      WRITE_DOCUMENTS,
      keptDocuments.map((document) => ({
        id: documentId(document),
        version: document.version,
        collection: document.collection,
        partition: storableText(document.partition),
        key: storableText(document.id),
        body: document.value,
      })),
    );
  if (deletedDocuments.length > 0)
    await writeVersioned(
      session,
      DELETE_DOCUMENTS,
      deletedDocuments.map((document) => ({ id: documentId(document), version: document.version })),
    );
}

const DELETE_DOCUMENTS = `
  DELETE FROM propagator.document t
  USING jsonb_to_recordset($1::text::jsonb) AS i (id text, version int)
  WHERE t.id = i.id AND t.version = i.version RETURNING 1`;
