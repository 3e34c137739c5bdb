import * as z from 'zod';
import { type OperationId, ResourceTypeName, ServiceName } from '../../events/ids.ts';
import type { Engine, Reads, WrittenDocument } from '../engine/port.ts';
import type { PlanPage } from '../operation/plan.ts';
import { PropagatorError } from '../shared/errors.ts';
import type { Resource } from '../task/service.ts';

/** A page of this size stays well below the 400 KB of a DynamoDB item. */
const RESOURCES_PER_PAGE = 500;
const DOCUMENTS_PER_COMMIT = 10;
/** Names are cut at this length, so that a page stays small. */
const MAX_NAME_LENGTH = 255;

const StoredPage = z.looseObject({
  service: ServiceName,
  region: z.string(),
  resourceType: ResourceTypeName,
  resources: z.array(
    z.looseObject({
      id: z.string(),
      name: z.string().exactOptional(),
      createdAt: z.number().exactOptional(),
    }),
  ),
  total: z.number().exactOptional(),
});

/** The resources of one type that a run of a plan has listed. */
export interface ListedType {
  readonly resourceType: ResourceTypeName;
  readonly resources: readonly (Pick<Resource, 'id'> &
    Partial<Pick<Resource, 'label' | 'createdAt'>>)[];
  /** The number of all resources, if `resources` contains only some of them. */
  readonly total: number | undefined;
}

/** The service and the region of a task. */
export interface ServicePlace {
  readonly service: ServiceName;
  readonly region: string;
}

const prefixOf = ({ region, service }: ServicePlace): string => `${region}/${service}.`;

/**
 * Stores the listings of a run for a plan, in pages. A repeated run replaces the pages of the
 * earlier run. Throws an error of class `Transient` if another run stores pages at the same time.
 */
export async function storePlan(
  plan: OperationId,
  place: ServicePlace,
  listedTypes: readonly ListedType[],
  engine: Pick<Engine, 'reads' | 'commit'>,
): Promise<void> {
  const storedPages = await engine.reads.documents('plan', plan, prefixOf(place));
  const versionById = new Map(storedPages.map(({ id, version }) => [id, version]));
  const planKey = { collection: 'plan', partition: plan } as const;
  const writtenDocuments: WrittenDocument[] = listedTypes.flatMap((listedType) =>
    pagesOf(place, listedType).map(({ id, value }) => ({
      ...planKey,
      id,
      version: versionById.get(id) ?? 0,
      value,
    })),
  );
  const writtenIds = new Set(writtenDocuments.map(({ id }) => id));
  const removedDocuments: WrittenDocument[] = storedPages
    .filter(({ id }) => !writtenIds.has(id))
    .map(({ id, version }) => ({ ...planKey, id, version }));
  const documents = [...writtenDocuments, ...removedDocuments];
  for (let from = 0; from < documents.length; from += DOCUMENTS_PER_COMMIT) {
    const change = { documents: documents.slice(from, from + DOCUMENTS_PER_COMMIT) };
    if ((await engine.commit(change)) === 'conflict') throw conflictError(place.service);
  }
}

const conflictError = (service: string): PropagatorError =>
  new PropagatorError({
    code: 'plan.conflict',
    class: 'Transient',
    service,
    message: `another run stored its listing of ${service} for the same plan at the same time`,
    advice: 'Wait: the propagator lists the service again automatically.',
  });

function pagesOf(place: ServicePlace, { resourceType, resources, total }: ListedType) {
  const pageCount = Math.max(1, Math.ceil(resources.length / RESOURCES_PER_PAGE));
  return Array.from({ length: pageCount }, (_, page) => ({
    id: `${place.region}/${resourceType}/${String(page).padStart(5, '0')}`,
    value: {
      service: place.service,
      region: place.region,
      resourceType,
      resources: resources
        .slice(page * RESOURCES_PER_PAGE, (page + 1) * RESOURCES_PER_PAGE)
        .map(({ id, label, createdAt }) => ({
          id,
          ...(label === undefined ? {} : { name: label.slice(0, MAX_NAME_LENGTH) }),
          ...(createdAt === undefined ? {} : { createdAt }),
        })),
      ...(total === undefined ? {} : { total }),
    },
  }));
}

/** Returns the stored pages of a plan, or only the pages of one service in one region. */
export async function readPlan(
  plan: OperationId,
  reads: Pick<Reads, 'documents'>,
  place?: ServicePlace,
): Promise<PlanPage[]> {
  const documents = await reads.documents('plan', plan, place && prefixOf(place));
  return documents.map(({ value }) => StoredPage.parse(value));
}
