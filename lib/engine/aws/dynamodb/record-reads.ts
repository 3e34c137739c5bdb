import { storableText } from '../../json.ts';
import { MAX_QUARANTINE_RECORDS, type RecordReads } from '../../port.ts';
import { StoredQuarantine } from '../../records.ts';
import { parseBodies, unpack } from './codec.ts';
import { readCounters } from './counters.ts';
import { documentPk, idIn, quarantineKey, seenKey } from './keys.ts';
import { numberOf, textOf } from './rows.ts';
import type { Store } from './table.ts';

/** Reads documents, the ids of ingested notifications, the quarantine and the counters. */
export const recordReads = (store: Store): RecordReads => ({
  async documents(collection, partition, prefix = '') {
    const pk = documentPk(collection, storableText(partition));
    const rows = await store.query(prefix === '' ? { pk } : { pk, prefix: storableText(prefix) });
    return rows.map((item) => ({
      collection,
      partition,
      id: textOf(item, 'sk'),
      version: numberOf(item, 'version'),
      value: unpack(item.body),
    }));
  },
  async seenMessageIds(messageIds) {
    const rows = await store.getMany([...new Set(messageIds.map(storableText))].map(seenKey));
    const storedIds = new Set(rows.map((item) => idIn(textOf(item, 'pk'))));
    return new Set(messageIds.filter((id) => storedIds.has(storableText(id))));
  },
  async quarantine(limit) {
    const range = { pk: 'quarantine', newestFirst: true, limit: MAX_QUARANTINE_RECORDS };
    const ids = (await store.sortKeys(range)).map(idIn);
    const rows = await store.getMany(ids.slice(0, limit).map(quarantineKey));
    const positionById = new Map(ids.map((id, index) => [id, index]));
    const records = parseBodies(StoredQuarantine, rows).toSorted(
      (one, other) => (positionById.get(one.id) ?? 0) - (positionById.get(other.id) ?? 0),
    );
    return { total: ids.length, records };
  },
  counters: () => readCounters(store),
});
