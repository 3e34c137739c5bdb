import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import type { Blocker, ProjectContext, ServiceApi } from '../../task/service.ts';
import { BY_NAME, type ByName, containers, folded, othersNames } from './names.ts';
import { pathOfStack, type StackRow } from './rows.ts';

/*
 * Heat deletes with the token of whoever asks: with a customer's template in its hands and an
 * administrator's power. What the template could do with it beyond the stack's own resources is
 * found here, before the order is given.
 */

const resourceRow = z.object({
  resource_name: z.string(),
  /** As the template has it: an alias out of the environment is shown as such. */
  resource_type: z.string(),
  resource_status: z.string(),
  physical_resource_id: z.string().nullish(),
  links: z.array(z.object({ rel: z.string(), href: z.string() })).default([]),
});
type ResourceRow = z.infer<typeof resourceRow>;

/** All that is in a stack and in those nested in it, as deep as Heat lets them be nested. */
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
 * Every word that a stack's environment maps a type to, and the resources with a hook before their
 * deletion.
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
 * Begins with: `OS::Keystone::` are all of Keystone's. A mapping may end in a star, `OS::Nova::*`;
 * and Heat still knows Neutron's first name.
 */
const means = (word: string, type: string): boolean => {
  const name = word.replace(/^OS::Quantum/, 'OS::Neutron');
  return name.startsWith(type) || (name.endsWith('*') && type.startsWith(name.slice(0, -1)));
};
/** A type of the operator's own environment, which no API shows: it may stand for anything. */
const isUnknown = (type: string): boolean =>
  !/^(OS|AWS)::|^[a-z]+:\/\/|\.(yaml|template)$/.test(type);

/**
 * Things of the cloud or of other projects. Heat leaves these types to administrators, but not
 * under an alias (seen on 19): then the customer could not make the resource, and an
 * administrator's deletion carries out what the template says all the same: the quota of any
 * project that it names falls back to the default. And a workflow that the template wants to be run
 * at the deletion, with the deleter's power.
 */
const BEYOND = [
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
 * These are undone at the thing that the template names, which may be anybody's when the owner's
 * own token did not get as far. An owner who wants to can make an update that failed look finished;
 * only a token without an administrator's role is proof against that.
 */
const NAMING = [
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
const SERVERS = ['OS::Nova::Server', 'OS::Heat::DeployedServer'];

const BY_HAND =
  'Read its template. Delete the stack with the token of a member of the project, or by hand if all that it does is wanted; or abandon it.';

/**
 * Why an administrator must not order the deletion of this stack; `undefined` when nothing but its
 * own resources can be hit.
 */
export async function hazardOf(
  row: StackRow,
  context: ProjectContext,
): Promise<Blocker | undefined> {
  try {
    return await hazardIn(
      await resourcesOf(row, context.api),
      await environmentOf(row, context.api),
      context,
    );
  } catch (error) {
    // Not gone, for it was listed: Heat answers 404 about a stack with a type that this release has
    // no more, and to its deletion, too.
    if (
      !(error instanceof PropagatorError) ||
      error.class !== 'Gone' ||
      error.report.service !== context.api.service
    )
      throw error;
    const advice =
      'If it stays: install the plugin of the type that is missing, or purge the stack from the database of Heat.';
    return { message: error.message, actor: 'operator', advice };
  }
}

async function hazardIn(
  resources: readonly ResourceRow[],
  { mapped }: Environment,
  context: ProjectContext,
): Promise<Blocker | undefined> {
  const beyond = [...resources.map((resource) => resource.resource_type), ...mapped].find((word) =>
    BEYOND.some((type) => means(word, type)),
  );
  if (beyond) {
    const message = `it has resources (${beyond}) of the cloud, of other projects, or that act at its deletion, which Heat would do with the administrator's power`;
    return { message, actor: 'operator', advice: BY_HAND };
  }
  const couldBe = (resource: ResourceRow, types: readonly string[]): boolean =>
    [resource.resource_type, ...mapped].some((word) => types.some((type) => means(word, type)));
  const naming = resources.find((resource) => isUnfinished(resource) && couldBe(resource, NAMING));
  if (naming) {
    const message = `its resource ${naming.resource_name} was not finished (${naming.resource_status}): Heat would undo it at whatever its template names, whosever that is`;
    return { message, actor: 'operator', advice: BY_HAND };
  }
  for (const by of BY_NAME) {
    const suspects = resources.filter(
      (resource) => isUnknown(resource.resource_type) || couldBe(resource, by.types),
    );
    if (suspects.length === 0) continue;
    const names = await othersNames(context, by);
    const hit = suspects.find(({ physical_resource_id: id }) => id && names.has(folded(id)));
    if (hit) return takes(by, hit.physical_resource_id ?? '');
  }
  return ownObject(
    resources.filter((resource) => isUnknown(resource.resource_type) || couldBe(resource, SERVERS)),
    context,
  );
}

const takes = (by: ByName, name: string): Blocker => ({
  message: `Heat deletes it by name, with the cleaner's own token, and would take the ${by.what} "${name}" ${by.whose}`,
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
 * With `POLL_TEMP_URL`. From Xena on Heat forgets to remove such an object, which is a defect that
 * may be mended.
 */
async function ownObject(
  servers: readonly ResourceRow[],
  context: ProjectContext,
): Promise<Blocker | undefined> {
  if (servers.length === 0 || (await othersNames(context, containers)).size === 0) return undefined;
  const names = await othersNames(context, containers);
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
    // …/v1/AUTH_<project>/<container>/<object>, with Ceph without the account.
    const name = URL.parse(url)
      ?.pathname.split('/')
      .map(decodeURIComponent)
      .find((part) => names.has(folded(part)));
    if (name) return takes(containers, name);
  }
  return undefined;
}

/** A deletion that a hook of the owner's holds up goes on when somebody clears it. */
export async function hookOf(row: StackRow, api: ServiceApi): Promise<Blocker | undefined> {
  const [hook] = (await environmentOf(row, api)).hooks;
  if (hook === undefined) return undefined;
  return {
    message: `its deletion waits for its hook pre-delete on "${hook}"`,
    actor: 'operator',
    advice: `Clear it: openstack stack hook clear --pre-delete ${row.id} ${hook}`,
  };
}
