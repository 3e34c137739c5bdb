import * as z from 'zod';
import type { Engine, WrittenDocument } from '../engine/port.ts';
import type { ProvisionContext } from '../task/provision.ts';
import { CLAIM_VALIDITY_MILLIS, type ItemClaims } from '../task/provision-claims.ts';
import type { RecordPlace } from './suspension-store.ts';

type Store = Pick<Engine, 'reads' | 'commit'>;

const StoredClaim = z.looseObject({ run: z.string(), at: z.number() });
const DOCUMENTS_PER_COMMIT = 50;

/**
 * Stores the claims of one run. A claim reserves the creation of one resource, so that no other run
 * creates it. `run` is a new id for each delivery of the task's message. A claim of another run is
 * valid until the last API call of that run has certainly ended.
 */
export function claimStore(
  { partition, service, region }: RecordPlace,
  run: string,
  { engine, now }: { readonly engine: Store; now(): number },
): ItemClaims {
  const prefix = `${service}/${region}/`;
  const documentKey = (id: string) => ({
    collection: 'provision' as const,
    partition,
    id: `${prefix}${id}`,
  });
  const readClaim = async (id: string) => {
    const documents = await engine.reads.documents('provision', partition, prefix + id);
    const document = documents.find((one) => one.id === prefix + id);
    return document && { ...StoredClaim.parse(document.value), version: document.version };
  };
  return {
    async claim(id) {
      const storedClaim = await readClaim(id);
      if (storedClaim?.run === run) return 0;
      const at = now();
      const waitMillis = storedClaim ? storedClaim.at + CLAIM_VALIDITY_MILLIS - at : 0;
      if (waitMillis > 0) return Math.min(CLAIM_VALIDITY_MILLIS, waitMillis);
      const writtenDocument = {
        ...documentKey(id),
        version: storedClaim?.version ?? 0,
        value: { run, at },
      };
      const commitResult = await engine.commit({ documents: [writtenDocument] });
      return commitResult === 'committed' ? 0 : CLAIM_VALIDITY_MILLIS;
    },
    async release(id) {
      const storedClaim = await readClaim(id);
      if (storedClaim?.run === run)
        await engine.commit({ documents: [{ ...documentKey(id), version: storedClaim.version }] });
    },
    async clear() {
      await removeDocuments('provision', partition, prefix, engine);
    },
  };
}

/**
 * Stores the values that were set in a service whose API does not show them. The records are kept
 * after the end of the provision, for a later comparison.
 */
export function provisionRecords(
  { partition, service, region }: RecordPlace,
  engine: Store,
): Pick<ProvisionContext, 'record' | 'recorded'> {
  // The first character distinguishes a record from a claim, whose key begins with a service name.
  const idOf = (key: string): string => `=${service}/${region}/${key}`;
  const findDocument = async (key: string) => {
    const documents = await engine.reads.documents('provision', partition, idOf(key));
    return documents.find(({ id }) => id === idOf(key));
  };
  return {
    recorded: async (key) => (await findDocument(key))?.value,
    async record(key, value) {
      const version = (await findDocument(key))?.version ?? 0;
      const document = {
        collection: 'provision' as const,
        partition,
        id: idOf(key),
        version,
        value,
      };
      await engine.commit({ documents: [document] });
    },
  };
}

/** The record of a provisioned project. A later comparison with the profile reads it. */
export const ProvisionedProject = z.looseObject({
  project: z.string(),
  profile: z.string(),
  operationId: z.string(),
  at: z.number(),
});
export type ProvisionedProject = z.infer<typeof ProvisionedProject>;

const PROVISIONED_KEY = { collection: 'provisioned', partition: 'project' } as const;

/** Returns all provisioned projects, or only the project with this id. */
export async function provisionedProjects(
  { reads }: Pick<Engine, 'reads'>,
  project?: string,
): Promise<(ProvisionedProject & { readonly version: number })[]> {
  const documents = await reads.documents('provisioned', PROVISIONED_KEY.partition, project);
  return documents
    .filter(({ id }) => project === undefined || id === project)
    .map(({ value, version }) => ({ ...ProvisionedProject.parse(value), version }));
}

/**
 * Records that a project was provisioned. A lock conflict is ignored, because another process has
 * then just written or removed this record.
 */
export async function recordProvisioned(
  provisioned: ProvisionedProject,
  engine: Store,
): Promise<void> {
  const id = provisioned.project;
  const [earlierRecord] = await provisionedProjects(engine, id);
  const version = earlierRecord?.version ?? 0;
  await engine.commit({ documents: [{ ...PROVISIONED_KEY, id, version, value: provisioned }] });
}

/** Removes the stored claims and records of a project that was cleaned up. */
export async function removeProvisionRecords(project: string, engine: Store): Promise<void> {
  await removeDocuments('provision', project, undefined, engine);
  const [provisioned] = await provisionedProjects(engine, project);
  if (provisioned)
    await engine.commit({
      documents: [{ ...PROVISIONED_KEY, id: project, version: provisioned.version }],
    });
}

async function removeDocuments(
  collection: WrittenDocument['collection'],
  partition: string,
  prefix: string | undefined,
  engine: Store,
): Promise<void> {
  const documents = await engine.reads.documents(collection, partition, prefix);
  for (let from = 0; from < documents.length; from += DOCUMENTS_PER_COMMIT)
    await engine.commit({
      documents: documents
        .slice(from, from + DOCUMENTS_PER_COMMIT)
        .map(({ id, version }) => ({ collection, partition, id, version })),
    });
}
