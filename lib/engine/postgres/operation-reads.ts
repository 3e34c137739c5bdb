import type { OperationReads } from '../port.ts';
import { StoredOperation, StoredTask } from '../records.ts';
import type { Database } from './database.ts';
import { parseBodies, readNumber } from './rows.ts';
import { countStartedSql } from './schema.ts';
import { stepRecords } from './step-records.ts';

const DEFAULT_LIMIT = 100;

/** Reads operations and tasks. */
export const operationReads = (database: Database): OperationReads => ({
  async operation(id) {
    const [operation] = parseBodies(
      StoredOperation,
      await database.query('SELECT body FROM propagator.operation WHERE id = $1', [id]),
    );
    return operation;
  },
  stepRecords: (id, query) => stepRecords(database, id, query),
  async operationsAbout(type, id) {
    const rows = await database.query(
      'SELECT body FROM propagator.operation WHERE scope_type = $1 AND scope_id = $2 ORDER ' +
        'BY generation DESC, opened_at DESC',
      [type, id],
    );
    return parseBodies(StoredOperation, rows);
  },
  async operations({ state, projectId, domainId, userId, parentId, limit = DEFAULT_LIMIT }) {
    const rows = await database.query(
      `SELECT body FROM propagator.operation
       WHERE ($1::text IS NULL OR state = $1)
          AND ($2::text IS NULL OR (scope_type = 'project' AND scope_id = $2))
         AND ($3::text IS NULL OR domain_id = $3) AND ($4::text IS NULL OR parent_id = $4)
         AND ($5::text IS NULL OR (scope_type = 'user' AND scope_id = $5))
       ORDER BY opened_at DESC, id LIMIT $6`,
      [state ?? null, projectId ?? null, domainId ?? null, parentId ?? null, userId ?? null, limit],
    );
    return parseBodies(StoredOperation, rows);
  },
  async tasks(operationId) {
    return parseBodies(
      StoredTask,
      await database.query('SELECT body FROM propagator.task WHERE operation_id = $1 ORDER BY id', [
        operationId,
      ]),
    );
  },
  async task(id) {
    const [task] = parseBodies(
      StoredTask,
      await database.query('SELECT body FROM propagator.task WHERE id = $1', [id]),
    );
    return task;
  },
  countStartedSince: (since, type, action = 'cleanup') =>
    readNumber(
      database,
      `SELECT ${countStartedSql('$1', '$2', '$3')} AS number`,
      since,
      type,
      action,
    ),
});
