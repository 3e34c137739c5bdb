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
import { PropagatorError, reportOf } from '../shared/errors.ts';
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
  return [...new Set(holdsInForce.map(typeOfHold))];
}

/** Returns the resource type of a hold on a resource, whose id is `TYPE/ID`. */
const typeOfHold = ({ id }: Pick<DeletionHold, 'id'>): string => id.slice(0, id.indexOf('/'));

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
    const heldTypes = new Set(holdsInForce.map(typeOfHold));
    const addBlocker = async (resource: (typeof resources)[number]): Promise<void> => {
      const hold = holdByKey.get(`${resourceType}/${resource.id}`);
      const blocker = hold
        ? describeHold(hold)
        : await togetherBlocker(resource, holdsInForce, heldTypes);
      if (blocker) blockerById.set(resource.id, blocker);
    };
    await Promise.all(resources.map(addBlocker));
    return blockerById;
  };
}

/**
 * Returns the blocker of a resource whose deletion would also delete a resource with a hold, or
 * `undefined`. Only ids are compared, because the service may have another name for the type. If
 * the ids cannot be listed, only this resource is blocked, and no other resource of its type. If
 * the service answers 404 for this resource, its removal decides.
 */
async function togetherBlocker(
  { idsDeletedTogether }: Pick<Resource, 'idsDeletedTogether'>,
  holdsInForce: readonly DeletionHold[],
  heldTypes: ReadonlySet<string>,
): Promise<Blocker | undefined> {
  let ids: ReadonlySet<string>;
  try {
    ids = new Set(await idsDeletedTogether?.(heldTypes));
  } catch (error) {
    return error instanceof PropagatorError && error.class === 'Gone'
      ? undefined
      : unlistedBlocker(error);
  }
  const hold = holdsInForce.find(({ id }) => ids.has(id.slice(id.indexOf('/') + 1)));
  if (!hold) return undefined;
  const blocker = describeHold(hold);
  const message = `the service would delete it together with a held resource: ${blocker.message}`;
  return { ...blocker, message };
}

/** The blocker of a resource if it is unknown which resources its service would delete with it. */
const unlistedBlocker = (error: unknown): Blocker => ({
  message:
    'the resources that the service would delete together with it could not be listed, and a ' +
    `hold may keep one of them: ${reportOf(error, { code: 'hold.together' }).message}`,
  actor: 'none',
  advice: 'The propagator tries again automatically.',
});
