import * as z from 'zod';
import type { Engine, Reads } from '../engine/port.ts';

/** An operator's decision that a project stays suspended, whatever Keystone shows. */
export const Hold = z.looseObject({
  by: z.string(),
  reason: z.string(),
  at: z.number(),
  /**
   * The time (ISO 8601) when Keystone first reported the project enabled during the hold. A domain
   * manager may do that (Keystone 26). The project stays suspended.
   */
  enabledAt: z.string().optional(),
});
export type Hold = z.infer<typeof Hold>;

const KEY = { collection: 'hold', partition: 'project' } as const;

/** Returns the hold of a project, if there is one. */
export async function holdOf(
  project: string,
  reads: Pick<Reads, 'documents'>,
): Promise<(Hold & { readonly version: number }) | undefined> {
  const documents = await reads.documents(KEY.collection, KEY.partition, project);
  const found = documents.find(({ id }) => id === project);
  return found && { ...Hold.parse(found.value), version: found.version };
}

/** Stores that Keystone reported a held project enabled. Nothing is resumed. */
export async function recordEnabledDuringHold(
  project: string,
  { version, ...hold }: Hold & { readonly version: number },
  now: number,
  engine: Pick<Engine, 'commit'>,
): Promise<void> {
  if (hold.enabledAt !== undefined) return;
  await engine.commit({
    documents: [
      holdDocument(project, version, { ...hold, enabledAt: new Date(now).toISOString() }),
    ],
  });
}

/** Returns the document that sets or, without a hold, removes the hold of a project. */
export const holdDocument = (
  project: string,
  version: number,
  hold: Hold | undefined,
): NonNullable<Parameters<Engine['commit']>[0]['documents']>[number] => ({
  ...KEY,
  id: project,
  version,
  ...(hold ? { value: hold } : {}),
});
