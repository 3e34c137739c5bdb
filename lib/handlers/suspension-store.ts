import * as z from 'zod';
import type { Engine, StoredDocument, WrittenDocument } from '../engine/port.ts';
import type { SuspensionRecord, SuspensionRecords } from '../task/suspension-records.ts';

const Stored = z.looseObject({
  resourceType: z.string(),
  id: z.string(),
  before: z.unknown(),
  at: z.number(),
});
const DOCUMENTS_A_COMMIT = 50;

/** The key of the records: one project, one service, one region. */
export interface RecordPlace {
  readonly project: string;
  readonly service: string;
  readonly region: string;
}

/** Returns the stored records of suspend. The records are kept after the end of an operation. */
export function suspensionStore(
  { project, service, region }: RecordPlace,
  engine: Pick<Engine, 'reads' | 'commit'>,
): SuspensionRecords {
  const prefix = `${service}/${region}/`;
  const keyOf = ({ resourceType, id }: Pick<SuspensionRecord, 'resourceType' | 'id'>) => ({
    collection: 'suspension' as const,
    partition: project,
    id: `${prefix}${resourceType}/${id}`,
  });
  const write = async (documents: readonly WrittenDocument[]): Promise<void> => {
    for (let from = 0; from < documents.length; from += DOCUMENTS_A_COMMIT) {
      const some = documents.slice(from, from + DOCUMENTS_A_COMMIT);
      if ((await engine.commit({ documents: some })) === 'committed') continue;
      // Another run has written one of the records. Write each record in its own commit.
      for (const one of some) await engine.commit({ documents: [one] });
    }
  };
  const all = async (): Promise<SuspensionRecord[]> =>
    (await engine.reads.documents('suspension', project, prefix)).map(toRecord);
  return {
    all,
    async add(records) {
      await write(
        records.map((record) => ({ ...keyOf(record), version: 0, value: bodyOf(record) })),
      );
      return all();
    },
    replace: async (record) =>
      write([{ ...keyOf(record), version: record.version, value: bodyOf(record) }]),
    remove: async (records) =>
      write(records.map((record) => ({ ...keyOf(record), version: record.version }))),
  };
}

const bodyOf = ({ resourceType, id, before, at }: SuspensionRecord) => ({
  resourceType,
  id,
  before,
  at,
});

function toRecord({ value, version }: StoredDocument): SuspensionRecord {
  const { resourceType, id, before, at } = Stored.parse(value);
  return { resourceType, id, before, at, version };
}

/** Returns the services that have suspension records of a project. */
export async function suspendedServices(
  project: string,
  engine: Pick<Engine, 'reads'>,
): Promise<string[]> {
  const documents = await engine.reads.documents('suspension', project);
  return [...new Set(documents.map(({ id }) => id.split('/')[0] ?? ''))];
}

/** Removes all records of a project that is cleaned up, because it cannot be resumed. */
export async function forgetSuspension(
  project: string,
  engine: Pick<Engine, 'reads' | 'commit'>,
): Promise<void> {
  const documents = await engine.reads.documents('suspension', project);
  for (let from = 0; from < documents.length; from += DOCUMENTS_A_COMMIT)
    await engine.commit({
      documents: documents
        .slice(from, from + DOCUMENTS_A_COMMIT)
        .map(({ collection, partition, id, version }) => ({ collection, partition, id, version })),
    });
}
