import { storableText, toJson } from '../json.ts';
import type { RecordReads } from '../port.ts';
import { StoredQuarantine } from '../records.ts';
import type { Database } from './database.ts';
import { parseBodies, readNumber } from './rows.ts';

/** Reads documents, the ids of ingested notifications, the quarantine and the counters. */
export const recordReads = (database: Database): RecordReads => ({
  async documents(collection, partition, prefix = '') {
    const rows = await database.query(
      `SELECT key, version, body FROM propagator.document
       WHERE collection = $1 AND partition = $2 AND starts_with(key, $3)
       ORDER BY key COLLATE "C"`,
      [collection, storableText(partition), storableText(prefix)],
    );
    return rows.map(({ key, version, body }) => ({
      collection,
      partition,
      id: String(key),
      version: Number(version),
      value: body,
    }));
  },
  async seenMessageIds(messageIds) {
    const rows = await database.query(
      'SELECT id FROM propagator.seen WHERE id IN (SELECT ' +
        'jsonb_array_elements_text($1::text::jsonb))',
      [toJson(messageIds)],
    );
    const storedIds = new Set(rows.map(({ id }) => id));
    return new Set(messageIds.filter((id) => storedIds.has(storableText(id))));
  },
  async quarantine(limit) {
    const total = await readNumber(
      database,
      'SELECT count(*)::int AS number FROM propagator.quarantine',
    );
    const rows = await database.query(
      'SELECT record AS body FROM propagator.quarantine ORDER BY sequence DESC LIMIT $1',
      [limit],
    );
    return { total, records: parseBodies(StoredQuarantine, rows) };
  },
  async counters() {
    const rows = await database.query(
      'SELECT name, value::float8 AS value FROM propagator.counter ORDER BY name',
    );
    return Object.fromEntries(rows.map(({ name, value }) => [String(name), Number(value)]));
  },
});
