import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import type { AuditRecord } from '../audit/entry.ts';
import type { Change, Engine, Reads } from '../engine/port.ts';
import type { Log } from '../shared/log.ts';

/**
 * An operator's decision that a project stays suspended, independently of its state in Keystone.
 */
export const SuspensionHold = z.looseObject({
  by: z.string(),
  reason: z.string(),
  at: z.number(),
  /**
   * The time (ISO 8601) when Keystone first reported the project enabled during the hold. Since
   * Keystone 26 a domain manager may enable the project. The project stays suspended.
   */
  enabledAt: z.string().optional(),
});
export type SuspensionHold = z.infer<typeof SuspensionHold>;

/** A hold with the version of its stored document. */
type StoredSuspensionHold = SuspensionHold & { readonly version: number };

const HOLD_KEY = { collection: 'hold', partition: 'project' } as const;

/** Returns the hold that keeps this project suspended, if there is one. */
export async function suspensionHoldOf(
  project: string,
  reads: Pick<Reads, 'documents'>,
): Promise<StoredSuspensionHold | undefined> {
  const documents = await reads.documents(HOLD_KEY.collection, HOLD_KEY.partition, project);
  const document = documents.find(({ id }) => id === project);
  return document && { ...SuspensionHold.parse(document.value), version: document.version };
}

/** The hold of one project, as the API lists it. */
export interface ListedSuspensionHold extends SuspensionHold {
  readonly project: string;
  /** Set while Keystone shows the project enabled. */
  readonly advice?: string;
}

/** Returns all holds that keep a project suspended. */
export async function readSuspensionHolds(
  reads: Pick<Reads, 'documents'>,
): Promise<ListedSuspensionHold[]> {
  const documents = await reads.documents(HOLD_KEY.collection, HOLD_KEY.partition, '');
  return documents.map(({ id, value }) => {
    const hold = SuspensionHold.parse(value);
    const advice = hold.enabledAt === undefined ? {} : { advice: adviceWhenEnabled(id) };
    return { project: id, ...hold, ...advice };
  });
}

/** Returns the advice for a project that was enabled in Keystone during its hold. */
export const adviceWhenEnabled = (project: string): string =>
  'Find out in the log of Keystone which user enabled it. To keep it suspended and refuse tokens ' +
  `again: openstack project set --disable ${project}. To let it run again: propagator project ` +
  `resume ${project} --reason "…".`;

/** The dependencies of {@link recordStateDuringHold}. */
export interface HoldStateDeps {
  readonly engine: Pick<Engine, 'reads' | 'commit'>;
  readonly log?: Pick<Log, 'warn'> | undefined;
  now(): number;
}

const MAX_CONFLICTS = 5;

/**
 * Records that Keystone shows a project with a hold as enabled or disabled. The resources stay
 * suspended, although Keystone gives tokens on an enabled project. The first report that the
 * project is enabled writes an audit entry and a warning. Throws after too many lock conflicts.
 */
export async function recordStateDuringHold(
  project: string,
  { isEnabled }: { readonly isEnabled: boolean },
  { engine, log, now }: HoldStateDeps,
): Promise<void> {
  for (let attempts = 1; attempts <= MAX_CONFLICTS; attempts += 1) {
    const storedHold = await suspensionHoldOf(project, engine.reads);
    if (!storedHold || isEnabled === (storedHold.enabledAt !== undefined)) return;
    const change = isEnabled
      ? changeWhenEnabled(project, storedHold, now())
      : changeWhenDisabled(project, storedHold);
    if ((await engine.commit(change)) !== 'committed') continue;
    if (isEnabled)
      log?.warn(
        {
          project,
          by: storedHold.by,
          reason: storedHold.reason,
          advice: adviceWhenEnabled(project),
        },
        'a project that an operator holds suspended was enabled in Keystone',
      );
    return;
  }
  throw new Error(`project ${project}: other processes changed the hold ${MAX_CONFLICTS} times`);
}

/** Returns the change that stores the time `at` in the hold, and adds an audit entry. */
function changeWhenEnabled(project: string, storedHold: StoredSuspensionHold, at: number): Change {
  const { version, enabledAt: _, ...hold } = storedHold;
  const newHold = { ...hold, enabledAt: new Date(at).toISOString() };
  return {
    documents: [suspensionHoldDocument(project, version, newHold)],
    audit: [contradictionRecord(project, storedHold, newHold, at)],
  };
}

/** Returns the change that removes the time of an earlier report from the hold. */
function changeWhenDisabled(project: string, storedHold: StoredSuspensionHold): Change {
  const { version, enabledAt: _, ...hold } = storedHold;
  return { documents: [suspensionHoldDocument(project, version, hold)] };
}

const contradictionRecord = (
  project: string,
  { version: _, ...before }: StoredSuspensionHold,
  after: SuspensionHold,
  at: number,
): AuditRecord => ({
  id: randomUUID(),
  at,
  by: { kind: 'process', name: 'propagator' },
  what: 'hold.contradicted',
  target: { type: 'project', id: project },
  reason: `Keystone shows the project enabled, and ${before.by} holds it suspended`,
  before,
  after,
});

/**
 * Returns the document that stores the hold of a project. If `hold` is `undefined`, the commit of
 * the document removes the stored hold.
 */
export const suspensionHoldDocument = (
  project: string,
  version: number,
  hold: SuspensionHold | undefined,
): NonNullable<Parameters<Engine['commit']>[0]['documents']>[number] => ({
  ...HOLD_KEY,
  id: project,
  version,
  ...(hold ? { value: hold } : {}),
});
