import * as z from 'zod';
import { ProjectId } from '../../events/ids.ts';
import type { Condition } from '../../events/service.ts';
import type { Reads, StoredDocument, WrittenDocument } from '../engine/port.ts';
import type { Cloud } from '../openstack/cloud.ts';
import {
  type DeletionHold,
  describeHold,
  HOLD_TARGETS,
  type HoldTarget,
  holdOnAccount,
  isInForce,
} from '../operation/deletion-hold.ts';
import type { Operation } from '../operation/model.ts';
import type { Blocker, Resource } from '../task/service.ts';

const StoredHold = z.looseObject({
  target: z.enum(HOLD_TARGETS),
  id: z.string(),
  project: ProjectId.exactOptional(),
  by: z.string(),
  reason: z.string(),
  ticket: z.string().exactOptional(),
  at: z.number(),
  until: z.number().exactOptional(),
});
const HOLD_COLLECTION = 'deletion-hold';
/** The partition of the documents with the holds on resources. */
export const RESOURCE_HOLDS = { collection: HOLD_COLLECTION, partition: 'resource' } as const;

/** The dependencies of the checks of holds. */
export interface HoldDeps {
  readonly engine: { readonly reads: Pick<Reads, 'documents'> };
  now(): number;
}

/** Returns the stored holds of one kind of target, including holds whose end time has passed. */
export async function readHolds(
  target: HoldTarget,
  reads: Pick<Reads, 'documents'>,
  prefix = '',
): Promise<(DeletionHold & { readonly version: number })[]> {
  return parseHolds(await reads.documents(HOLD_COLLECTION, target, prefix));
}

const parseHolds = (
  documents: readonly StoredDocument[],
): (DeletionHold & { readonly version: number })[] =>
  documents.map(({ value, version }) => ({ ...StoredHold.parse(value), version }));

/**
 * Returns the resource types with at least one hold in force, in any project. `documents`: the
 * documents in the partition {@link RESOURCE_HOLDS}.
 */
export function heldTypesOf(documents: readonly StoredDocument[], now: number): string[] {
  const holdsInForce = parseHolds(documents).filter((hold) => isInForce(hold, now));
  return [...new Set(holdsInForce.map(({ id }) => id.slice(0, id.indexOf('/'))))];
}

/**
 * Returns the document that stores a hold. If `hold` is `undefined`, the commit of the document
 * removes the stored hold.
 */
export const deletionHoldDocument = (
  target: HoldTarget,
  id: string,
  version: number,
  hold: DeletionHold | undefined,
): WrittenDocument => ({
  collection: HOLD_COLLECTION,
  partition: target,
  id,
  version,
  ...(hold ? { value: hold } : {}),
});

/**
 * Returns the hold on the account of an operation, or `undefined`. While a project exists in
 * Keystone, its tag `propagator:hold` counts as a hold. Throws when the store or Keystone gives no
 * certain answer, so that no resource is removed without this check.
 */
export async function readAccountHold(
  { scope, request }: Pick<Operation, 'scope' | 'request'>,
  deps: HoldDeps & { readonly cloud: Pick<Cloud, 'keystone'> },
): Promise<Condition | undefined> {
  const { reads } = deps.engine;
  const domainId = scope.type === 'domain' ? scope.id : scope.domainId;
  const [holdsOnAccount, holdsOnDomain, keystoneState] = await Promise.all([
    scope.type === 'user' ? [] : readHolds(scope.type, reads, scope.id),
    domainId === undefined ? [] : readHolds('domain', reads, domainId),
    // Without a request, the project was deleted in Keystone, so it has no tags.
    request && scope.type === 'project' ? deps.cloud.keystone.show('project', scope.id) : undefined,
  ]);
  const tags =
    keystoneState?.kind === 'present' && keystoneState.account.type === 'project'
      ? (keystoneState.account.tags ?? [])
      : [];
  return holdOnAccount(scope, [...holdsOnAccount, ...holdsOnDomain], tags, deps.now());
}

/** One read of the holds is reused for this time. */
const HOLDS_REUSE_MILLIS = 1000;

/**
 * Returns a function that finds the resources with a hold among the given resources of one type.
 * The result has the reason of each hold by resource id. One read of the store covers all types,
 * because a run asks about many types at the same time, and few resources have a hold.
 */
export function heldResourceFinder({ engine, now }: HoldDeps) {
  let lastRead: { readonly at: number; readonly holds: Promise<DeletionHold[]> } | undefined;
  const allHolds = (): Promise<DeletionHold[]> => {
    // The age is negative if the clock was set back.
    const age = lastRead ? now() - lastRead.at : Number.POSITIVE_INFINITY;
    if (lastRead && age >= 0 && age < HOLDS_REUSE_MILLIS) return lastRead.holds;
    const newRead = { at: now(), holds: readHolds('resource', engine.reads) };
    lastRead = newRead;
    newRead.holds.catch(() => {
      if (lastRead === newRead) lastRead = undefined;
    });
    return newRead.holds;
  };
  return async (
    resourceType: string,
    resources: readonly Pick<Resource, 'id' | 'idsDeletedTogether'>[],
  ): Promise<Map<string, Blocker>> => {
    const blockerById = new Map<string, Blocker>();
    const holdsInForce = (await allHolds()).filter((hold) => isInForce(hold, now()));
    if (holdsInForce.length === 0) return blockerById;
    const holdByKey = new Map(holdsInForce.map((hold) => [hold.id, hold]));
    const addBlocker = async (resource: (typeof resources)[number]): Promise<void> => {
      const hold = holdByKey.get(`${resourceType}/${resource.id}`);
      const blocker = hold ? describeHold(hold) : await togetherBlocker(resource, holdsInForce);
      if (blocker) blockerById.set(resource.id, blocker);
    };
    await Promise.all(resources.map(addBlocker));
    return blockerById;
  };
}

/**
 * Returns the blocker of a resource whose deletion would also delete a resource with a hold, or
 * `undefined`. Only ids are compared, because the service may have another name for the type.
 */
async function togetherBlocker(
  { idsDeletedTogether }: Pick<Resource, 'idsDeletedTogether'>,
  holdsInForce: readonly DeletionHold[],
): Promise<Blocker | undefined> {
  const ids = new Set(await idsDeletedTogether?.());
  const hold = holdsInForce.find(({ id }) => ids.has(id.slice(id.indexOf('/') + 1)));
  if (!hold) return undefined;
  const blocker = describeHold(hold);
  const message = `the service would delete it together with a held resource: ${blocker.message}`;
  return { ...blocker, message };
}
