import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import type { Blocker, ProjectContext, ServiceApi } from '../../task/service.ts';
import { foldName } from '../kit/fold-name.ts';
import {
  conflictingNames,
  containerRemovedByName,
  TYPES_REMOVED_BY_NAME,
  type TypeRemovedByName,
} from './names.ts';
import { pathOfStack, type StackRow } from './rows.ts';

/*
 * Heat deletes a stack with the token of the caller, so a customer's template runs with an
 * administrator's rights. Before the deletion this module checks whether the template could change
 * resources outside the stack.
 */

const resourceRow = z.object({
  resource_name: z.string(),
  /** The type in the template, which may be an alias that the environment defines. */
  resource_type: z.string(),
  resource_status: z.string(),
  physical_resource_id: z.string().nullish(),
  links: z.array(z.object({ rel: z.string(), href: z.string() })).default([]),
});
type ResourceRow = z.infer<typeof resourceRow>;

/** Returns all resources of a stack and of its nested stacks, down to Heat's maximum depth. */
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

const environment = z.object({ resource_registry: z.unknown() });
/**
 * The types that a stack's environment maps other types to, and the resources with a pre-delete
 * hook.
 */
interface Environment {
  readonly mapped: readonly string[];
  readonly hooks: readonly string[];
}

async function environmentOf(row: StackRow, api: ServiceApi): Promise<Environment> {
  const answer = await api.request('GET', `${pathOfStack(row)}/environment`);
  const mapped: string[] = [];
  const hooks: string[] = [];
  const walk = (value: unknown, path: readonly string[]): void => {
    if (typeof value === 'string' && path.includes('hooks')) {
      if (value === 'pre-delete') hooks.push(path.slice(1, path.indexOf('hooks')).join('/'));
    } else if (typeof value === 'string') mapped.push(value);
    else if (typeof value === 'object' && value !== null)
      for (const [key, below] of Object.entries(value)) walk(below, [...path, key]);
  };
  walk(environment.parse(answer.json).resource_registry, []);
  return { mapped, hooks };
}

/**
 * Compares by prefix: `OS::Keystone::` matches all types of Keystone. A mapping may end in a star
 * (`OS::Nova::*`). Heat still accepts Neutron's former name, Quantum.
 */
const matchesType = (typeName: string, type: string): boolean => {
  const name = typeName.replace(/^OS::Quantum/, 'OS::Neutron');
  return name.startsWith(type) || (name.endsWith('*') && type.startsWith(name.slice(0, -1)));
};
/**
 * True for a type of the operator's global environment. It may be an alias of any type, and no API
 * shows which.
 */
const isCustomType = (type: string): boolean =>
  !/^(OS|AWS)::|^[a-z]+:\/\/|\.(yaml|template)$/.test(type);

/**
 * Types of resources of the cloud or of other projects. Heat allows them only to administrators,
 * but an alias bypasses this check (seen on 19). The customer cannot create such a resource, but an
 * administrator's deletion still executes the template: for example, it resets the quota of any
 * project that the template names. The list also contains the type that runs a workflow at the
 * deletion, with the caller's rights.
 */
const PRIVILEGED_TYPES = [
  ...[
    'OS::Keystone::',
    'OS::Ironic::',
    'OS::Blazar::Host',
    'OS::Manila::ShareType',
    'OS::Mistral::ExternalResource',
  ],
  ...['OS::Nova::Quota', 'OS::Nova::Flavor', 'OS::Nova::HostAggregate', 'OS::Neutron::Quota'],
  ...[
    'OS::Cinder::Quota',
    'OS::Cinder::VolumeType',
    'OS::Cinder::EncryptedVolumeType',
    'OS::Cinder::QoS',
  ],
  ...['OS::Octavia::Quota', 'OS::Octavia::Flavor', 'OS::Octavia::AvailabilityZone'],
];

/**
 * Types of associations. At the deletion, Heat undoes the association on the resource that the
 * template names. If the owner's token could not create the association, that resource may belong
 * to another project. An owner can make a failed update look complete, and this check then does not
 * find it. Only a deletion with a token without the administrator role would prevent the effect on
 * another project.
 */
const ASSOCIATION_TYPES = [
  ...[
    'OS::Neutron::FloatingIPAssociation',
    'OS::Nova::FloatingIPAssociation',
    'AWS::EC2::EIPAssociation',
  ],
  ...['OS::Neutron::ExtraRoute', 'AWS::EC2::SubnetRouteTableAssociation'],
];
const isUnfinished = ({ resource_status: status }: ResourceRow): boolean =>
  !status.endsWith('_COMPLETE') && !status.startsWith('DELETE_');

/** Servers whose metadata are an object in Swift, under a name that the template may choose. */
const SERVER_TYPES = ['OS::Nova::Server', 'OS::Heat::DeployedServer'];

const MANUAL_DELETION =
  'Read its template (openstack stack template show STACK_ID). Then delete the ' +
  'stack with the token of a project member, or as an administrator if all its ' +
  'effects are acceptable (openstack stack delete STACK_ID). To keep its ' +
  'resources: openstack stack abandon STACK_ID';

/**
 * Returns why an administrator must not delete this stack, or `undefined` if the deletion affects
 * only the stack's own resources.
 */
export async function foreignEffectOf(
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
    // The stack was listed, so it exists. Heat also answers 404, even to a deletion, if the running
    // Heat release lacks one of the stack's resource types.
    if (
      !(error instanceof PropagatorError) ||
      error.class !== 'Gone' ||
      error.report.service !== context.api.service
    )
      throw error;
    const advice =
      'If this lasts: install the plugin of the missing resource type, or delete the ' +
      'stack from the Heat database.';
    return { message: error.message, actor: 'operator', advice };
  }
}

async function findForeignEffect(
  resources: readonly ResourceRow[],
  { mapped }: Environment,
  context: ProjectContext,
): Promise<Blocker | undefined> {
  const privileged = [...resources.map((resource) => resource.resource_type), ...mapped].find(
    (typeName) => PRIVILEGED_TYPES.some((type) => matchesType(typeName, type)),
  );
  if (privileged) {
    const message =
      `the stack contains ${privileged}: its deletion by an administrator would change ` +
      'resources of the cloud or of other projects, or run a workflow with the rights ' +
      'of an administrator';
    return { message, actor: 'operator', advice: MANUAL_DELETION };
  }
  const mayBeOfType = (resource: ResourceRow, types: readonly string[]): boolean =>
    [resource.resource_type, ...mapped].some((typeName) =>
      types.some((type) => matchesType(typeName, type)),
    );
  const unfinished = resources.find(
    (resource) => isUnfinished(resource) && mayBeOfType(resource, ASSOCIATION_TYPES),
  );
  if (unfinished) {
    const message =
      `the resource ${unfinished.resource_name} of the stack is unfinished ` +
      `(${unfinished.resource_status}): Heat would undo its association with a resource ` +
      'that the template names, and that resource may belong to another project';
    return { message, actor: 'operator', advice: MANUAL_DELETION };
  }
  for (const by of TYPES_REMOVED_BY_NAME) {
    const suspects = resources.filter(
      (resource) => isCustomType(resource.resource_type) || mayBeOfType(resource, by.types),
    );
    if (suspects.length === 0) continue;
    const names = await conflictingNames(context, by);
    const conflict = suspects.find(({ physical_resource_id: id }) => id && names.has(foldName(id)));
    if (conflict) return nameConflict(by, conflict.physical_resource_id ?? '');
  }
  return metadataObjectConflict(
    resources.filter(
      (resource) => isCustomType(resource.resource_type) || mayBeOfType(resource, SERVER_TYPES),
    ),
    context,
  );
}

const nameConflict = (by: TypeRemovedByName, name: string): Blocker => ({
  message:
    'Heat deletes a resource of the stack by name, with the token of the ' +
    `propagator, and would also delete the ${by.what} "${name}" ${by.whose}`,
  actor: 'operator',
  advice: by.advice,
});

const metadata = z.object({
  metadata: z.object({
    'os-collect-config': z
      .object({ request: z.object({ metadata_url: z.string() }).optional() })
      .optional(),
  }),
});

/**
 * Checks the Swift objects of servers with the transport `POLL_TEMP_URL`: Heat stores the metadata
 * of such a server in an object. Since Xena, Heat fails to remove this object, but a later release
 * may remove it.
 */
async function metadataObjectConflict(
  servers: readonly ResourceRow[],
  context: ProjectContext,
): Promise<Blocker | undefined> {
  if (servers.length === 0 || (await conflictingNames(context, containerRemovedByName)).size === 0)
    return undefined;
  const names = await conflictingNames(context, containerRemovedByName);
  for (const server of servers) {
    const path = /\/stacks\/.*/.exec(
      server.links.find((link) => link.rel === 'self')?.href ?? '',
    )?.[0];
    const answer =
      path && (await context.api.request('GET', `${path}/metadata`, { accept: [404] }));
    const url =
      (answer &&
        metadata.safeParse(answer.json).data?.metadata['os-collect-config']?.request
          ?.metadata_url) ||
      '';
    // The path is …/v1/AUTH_<project>/<container>/<object>. Ceph omits `AUTH_<project>`.
    const name = URL.parse(url)
      ?.pathname.split('/')
      .map(decodeURIComponent)
      .find((part) => names.has(foldName(part)));
    if (name) return nameConflict(containerRemovedByName, name);
  }
  return undefined;
}

/**
 * Returns a blocker if a pre-delete hook of the owner stops the deletion. The deletion continues
 * when the hook is cleared.
 */
export async function preDeleteHookOf(
  row: StackRow,
  api: ServiceApi,
): Promise<Blocker | undefined> {
  const [hook] = (await environmentOf(row, api)).hooks;
  if (hook === undefined) return undefined;
  return {
    message: `the deletion waits for the pre-delete hook on "${hook}"`,
    actor: 'operator',
    advice: `Clear the hook: openstack stack hook clear --pre-delete ${row.id} ${hook}`,
  };
}
