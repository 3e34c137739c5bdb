import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import type { Blocker, ProjectContext, ServiceApi } from '../../task/service.ts';
import { foldName } from '../kit/fold-name.ts';
import { type Environment, environmentOf } from './environment.ts';
import {
  containerRemovedByName,
  foldedForeignNames,
  TYPES_REMOVED_BY_NAME,
  type TypeRemovedByName,
} from './names.ts';
import {
  ASSOCIATION_TYPES,
  isCustomType,
  matchesType,
  PRIVILEGED_TYPES,
  SERVER_TYPES,
} from './resource-types.ts';
import { pathOfStack, type StackRow } from './rows.ts';

// Heat deletes a stack with the token of the caller, so a customer's template runs with the rights
// of an administrator. Before the deletion, this module checks whether the template could change
// resources outside the stack.

const resourceRow = z.object({
  resource_name: z.string(),
  /** The type in the template, which may be an alias that the environment defines. */
  resource_type: z.string(),
  resource_status: z.string(),
  physical_resource_id: z.string().nullish(),
  links: z.array(z.object({ rel: z.string(), href: z.string() })).default([]),
});
type ResourceRow = z.infer<typeof resourceRow>;

/** Returns the resources of a stack and of its nested stacks, without deleted resources. */
async function resourcesOf(row: StackRow, api: ServiceApi): Promise<ResourceRow[]> {
  const query = { nested_depth: 100 };
  const { rows } = await api.list(`${pathOfStack(row)}/resources`, {
    collection: 'resources',
    row: resourceRow,
    paging: 'none',
    query,
  });
  return rows.filter((resource) => resource.resource_status !== 'DELETE_COMPLETE');
}

/**
 * Returns the ids of the resources of a stack in their own services, for example of servers and
 * volumes. Heat deletes these resources with the stack. Omits names, for example of keypairs and
 * containers, because resources of other projects may have the same name.
 */
export const physicalIdsOf = async (row: StackRow, api: ServiceApi): Promise<string[]> =>
  (await resourcesOf(row, api)).flatMap(({ physical_resource_id: id }) =>
    id && /^[0-9a-f-]{32,36}$/i.test(id) ? [id] : [],
  );

const isUnfinished = ({ resource_status: status }: ResourceRow): boolean =>
  !status.endsWith('_COMPLETE') && !status.startsWith('DELETE_');

const MANUAL_DELETION =
  'Read the template of the stack (openstack stack template show STACK_ID). Then delete the ' +
  'stack with the token of a project member, or as an administrator if all effects of the ' +
  'deletion are acceptable (openstack stack delete STACK_ID). To keep the resources of the ' +
  'stack: openstack stack abandon STACK_ID';

/**
 * Returns the reason why an administrator must not delete this stack, or `undefined` if the
 * deletion affects only the stack's own resources.
 */
export async function foreignEffectBlocker(
  row: StackRow,
  context: ProjectContext,
): Promise<Blocker | undefined> {
  try {
    return await findForeignEffect(
      await resourcesOf(row, context.api),
      await environmentOf(row, context.api),
      context,
    );
  } catch (error) {
    // Heat also answers 404 for an existing stack, if Heat lacks one of its resource types.
    if (
      !(error instanceof PropagatorError) ||
      error.class !== 'Gone' ||
      error.report.service !== context.api.service
    )
      throw error;
    const advice =
      'If the error persists: install the plugin of the missing resource type, or delete the ' +
      'stack from the Heat database.';
    return { message: error.message, actor: 'operator', advice };
  }
}

async function findForeignEffect(
  resources: readonly ResourceRow[],
  { replacementTypes }: Environment,
  context: ProjectContext,
): Promise<Blocker | undefined> {
  // The environment may replace the type of any resource, so each resource may have each of the
  // replacement types.
  const mayHaveType = (resource: ResourceRow, types: readonly string[]): boolean =>
    [resource.resource_type, ...replacementTypes].some((typeName) =>
      types.some((type) => matchesType(typeName, type)),
    );
  const typeNames = [...resources.map((one) => one.resource_type), ...replacementTypes];
  const privilegedType = typeNames.find((typeName) =>
    PRIVILEGED_TYPES.some((type) => matchesType(typeName, type)),
  );
  if (privilegedType) return privilegedTypeBlocker(privilegedType);
  const unfinishedAssociation = resources.find(
    (resource) => isUnfinished(resource) && mayHaveType(resource, ASSOCIATION_TYPES),
  );
  if (unfinishedAssociation) return unfinishedAssociationBlocker(unfinishedAssociation);
  const resourcesThatMayHave = (types: readonly string[]): readonly ResourceRow[] =>
    resources.filter(
      (resource) => isCustomType(resource.resource_type) || mayHaveType(resource, types),
    );
  for (const typeRemovedByName of TYPES_REMOVED_BY_NAME) {
    const conflict = await findNameConflict(
      resourcesThatMayHave(typeRemovedByName.types),
      typeRemovedByName,
      context,
    );
    if (conflict) return conflict;
  }
  return findMetadataConflict(resourcesThatMayHave(SERVER_TYPES), context);
}

/** Returns a blocker if one of the resources has the same name as a resource outside the stack. */
async function findNameConflict(
  resources: readonly ResourceRow[],
  typeRemovedByName: TypeRemovedByName,
  context: ProjectContext,
): Promise<Blocker | undefined> {
  if (resources.length === 0) return undefined;
  const names = await foldedForeignNames(context, typeRemovedByName);
  const conflict = resources.find(({ physical_resource_id: id }) => id && names.has(foldName(id)));
  return conflict && nameConflictBlocker(typeRemovedByName, conflict.physical_resource_id ?? '');
}

const privilegedTypeBlocker = (type: string): Blocker => ({
  message:
    `the stack contains ${type}. If an administrator deleted the stack, Heat could change ` +
    'resources of other projects or of the cloud, or start a workflow',
  actor: 'operator',
  advice: MANUAL_DELETION,
});

const unfinishedAssociationBlocker = ({
  resource_name,
  resource_status,
}: ResourceRow): Blocker => ({
  message:
    `the resource ${resource_name} of the stack is unfinished (${resource_status}). Heat would ` +
    `undo the association of ${resource_name}. The template names the target of the ` +
    'association, which may belong to another project',
  actor: 'operator',
  advice: MANUAL_DELETION,
});

const nameConflictBlocker = (
  { noun, ownerPhrase, advice }: TypeRemovedByName,
  name: string,
): Blocker => ({
  message:
    'Heat deletes a resource of the stack by name, with the token of the propagator, and would ' +
    `also delete the ${noun} "${name}" ${ownerPhrase}`,
  actor: 'operator',
  advice,
});

const metadataBody = z.object({
  metadata: z.object({
    'os-collect-config': z
      .object({ request: z.object({ metadata_url: z.string() }).optional() })
      .optional(),
  }),
});

/**
 * Returns a blocker if the metadata of one of the servers is in a container with the name of a
 * container of the propagator. The metadata of a server with the transport `POLL_TEMP_URL` is a
 * Swift object that Heat removes with the server. Since Xena, Heat fails to remove the object, but
 * a later release may remove it.
 */
async function findMetadataConflict(
  servers: readonly ResourceRow[],
  context: ProjectContext,
): Promise<Blocker | undefined> {
  if (servers.length === 0) return undefined;
  const names = await foldedForeignNames(context, containerRemovedByName);
  if (names.size === 0) return undefined;
  for (const server of servers) {
    const url = await metadataUrlOf(server, context.api);
    // The path is …/v1/AUTH_<project>/<container>/<object>. Ceph omits `AUTH_<project>`.
    const name = URL.parse(url ?? '')
      ?.pathname.split('/')
      .map(decodeURIComponent)
      .find((part) => names.has(foldName(part)));
    if (name) return nameConflictBlocker(containerRemovedByName, name);
  }
  return undefined;
}

async function metadataUrlOf(server: ResourceRow, api: ServiceApi): Promise<string | undefined> {
  const selfLink = server.links.find((link) => link.rel === 'self')?.href ?? '';
  const path = /\/stacks\/.*/.exec(selfLink)?.[0];
  if (!path) return undefined;
  const answer = await api.request('GET', `${path}/metadata`, { accept: [404] });
  const parsed = metadataBody.safeParse(answer.json).data;
  return parsed?.metadata['os-collect-config']?.request?.metadata_url;
}
