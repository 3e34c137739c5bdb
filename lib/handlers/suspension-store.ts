import * as z from 'zod';
import type { Engine, StoredDocument, WrittenDocument } from '../engine/port.ts';
import type { SuspensionRecord, SuspensionRecords } from '../task/suspension-records.ts';

const StoredSuspensionRecord = z.looseObject({
  resourceType: z.string(),
  id: z.string(),
  before: z.unknown(),
  at: z.number(),
});
const DOCUMENTS_PER_COMMIT = 50;

/** The account, service and region of stored records. */
export interface RecordPlace {
  /** The id of a project, or `userPartition` of a user. */
  readonly partition: string;
  readonly service: string;
  readonly region: string;
}

/**
 * Gives access to the suspension records of one account, service and region. The
 * records are kept after the end of the suspend operation, because the resume needs them.
 */
export function suspensionStore(
  { partition, service, region }: RecordPlace,
  engine: Pick<Engine, 'reads' | 'commit'>,
): SuspensionRecords {
  const prefix = `${service}/${region}/`;
  const keyOf = ({ resourceType, id }: Pick<SuspensionRecord, 'resourceType' | 'id'>) => ({
    collection: 'suspension' as const,
    partition,
    id: `${prefix}${resourceType}/${id}`,
  });
  const write = async (documents: readonly WrittenDocument[]): Promise<void> => {
    for (let from = 0; from < documents.length; from += DOCUMENTS_PER_COMMIT) {
      const batch = documents.slice(from, from + DOCUMENTS_PER_COMMIT);
      if ((await engine.commit({ documents: batch })) === 'committed') continue;
      // Another run has written one of these records, so the commit stored none of them. Write each
      // record in its own commit.
      for (const one of batch) await engine.commit({ documents: [one] });
    }
  };
  const all = async (): Promise<SuspensionRecord[]> =>
    (await engine.reads.documents('suspension', partition, prefix)).map(parseRecord);
  return {
    all,
    async add(records) {
      await write(
        records.map((record) => ({ ...keyOf(record), version: 0, value: storedFormOf(record) })),
      );
      return all();
    },
    replace: async (record) =>
      write([{ ...keyOf(record), version: record.version, value: storedFormOf(record) }]),
    remove: async (records) =>
      write(records.map((record) => ({ ...keyOf(record), version: record.version }))),
  };
}

/**
 * Returns the stored form of a record. The stored name of the recorded state is `before`, and the
 * stored name of its time is `at`.
 */
const storedFormOf = ({ resourceType, id, recordedState, recordedAt }: SuspensionRecord) => ({
  resourceType,
  id,
  before: recordedState,
  at: recordedAt,
});

function parseRecord({ value, version }: StoredDocument): SuspensionRecord {
  const { resourceType, id, before, at } = StoredSuspensionRecord.parse(value);
  return { resourceType, id, recordedState: before, recordedAt: at, version };
}

/** Returns the services that have suspension records of a project. */
export async function suspendedServices(
  project: string,
  engine: Pick<Engine, 'reads'>,
): Promise<string[]> {
  const documents = await engine.reads.documents('suspension', project);
  return [...new Set(documents.map(({ id }) => id.split('/')[0] ?? ''))];
}

/** Removes all suspension records of an account that no longer needs them. */
export async function removeSuspensionRecords(
  partition: RecordPlace['partition'],
  engine: Pick<Engine, 'reads' | 'commit'>,
): Promise<void> {
  const documents = await engine.reads.documents('suspension', partition);
  for (let from = 0; from < documents.length; from += DOCUMENTS_PER_COMMIT)
    await engine.commit({
      documents: documents
        .slice(from, from + DOCUMENTS_PER_COMMIT)
        .map(({ collection, id, version }) => ({ collection, partition, id, version })),
    });
}
