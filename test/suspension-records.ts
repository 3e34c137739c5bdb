import type { SuspensionRecord, SuspensionRecords } from '../lib/task/suspension-records.ts';
import { recordKey } from '../lib/task/suspension-records.ts';

/** Keeps the records of one service in memory. The first record of a resource wins. */
export class MemoryRecords implements SuspensionRecords {
  readonly #records = new Map<string, SuspensionRecord>();

  all = async (): Promise<SuspensionRecord[]> => [...this.#records.values()];

  async add(records: readonly SuspensionRecord[]): Promise<SuspensionRecord[]> {
    for (const record of records)
      if (!this.#records.has(recordKey(record))) this.#records.set(recordKey(record), record);
    return this.all();
  }

  async replace(record: SuspensionRecord): Promise<void> {
    this.#records.set(recordKey(record), record);
  }

  async remove(records: readonly SuspensionRecord[]): Promise<void> {
    for (const record of records) this.#records.delete(recordKey(record));
  }
}
