import { randomBytes } from 'node:crypto';
import { Cloud, rowsOf, type ServiceKey, type Session, text, until } from './cloud.ts';
import { attach, flavorAccess, fullCompute, server } from './populate/compute.ts';
import { fullDns, reverseDns } from './populate/dns.ts';
import { fullIdentity } from './populate/identity.ts';
import { fullImages, image } from './populate/images.ts';
import { fullKeys } from './populate/keys.ts';
import { fullLoadBalancing } from './populate/load-balancing.ts';
import { fullNetwork, simpleNetwork, trunkedNetwork } from './populate/network.ts';
import { fullObjects, simpleObjects } from './populate/objects.ts';
import {
  createIfSupported,
  make,
  type OperatorResources,
  type SeedProject,
} from './populate/seed.ts';
import { createShareTypes, fullShares } from './populate/shares.ts';
import { fullStacks } from './populate/stacks.ts';
import { fullStorage, volume } from './populate/storage.ts';

/**
 * `full`: at least one resource of every type that the cloud can create, except keys: Barbican's
 * resources can't be removed after the deletion of their project. `whole`: with keys, for a project
 * that is emptied while it exists. `simple`: a server with a volume, an image, an object. `empty`:
 * no resources.
 */
export type Fill = 'whole' | 'full' | 'simple' | 'empty';

export interface PopulatedProject {
  readonly id: string;
  readonly name: string;
  readonly fill: Fill;
  /** The login of a plain member of the project. */
  readonly session: Session;
}

/** A customer: a domain with projects and users. */
export interface Customer {
  readonly prefix: string;
  readonly domainId: string;
  readonly projects: readonly PopulatedProject[];
  /** Users with resources in the projects. */
  readonly userIds: readonly string[];
  readonly member: { readonly id: string; readonly password: string };
  readonly operatorResources: OperatorResources;
  /** Resource types that this cloud could not create, with the reason. */
  readonly lacking: ReadonlyMap<string, string>;
  /** Seconds of each part, to find the slow ones. */
  readonly seconds: ReadonlyMap<string, number>;
}

export const newPrefix = (): string => `kp-${randomBytes(3).toString('hex')}`;

/** Seconds within which a cloud that has just started has a compute host. Seen: 30 to 60. */
const COMPUTE_SECONDS = 300;

/**
 * Waits until a server can find a host. A new cloud maps its compute hosts to a cell after a while
 * (nova-scheduler discovers them), and a host also needs a running nova-compute.
 */
const untilBootable = async (cloud: Cloud): Promise<void> => {
  await until('a nova-compute is up', COMPUTE_SECONDS, async () => {
    const path = '/os-services?binary=nova-compute';
    const services = await cloud.admin.rows('compute', path, 'services');
    return services.some((row) => row.state === 'up' && row.status === 'enabled') || undefined;
  });
  await until('Nova lists a compute host', COMPUTE_SECONDS, async () => {
    const { json } = await cloud.admin.call('compute', 'GET', '/os-hypervisors');
    return rowsOf(json, 'hypervisors').length > 0 || undefined;
  });
};

/**
 * Creates a domain with one project for each entry of `fills` and fills them in parallel.
 * `parents` names the parent of each nested project. The parent has its own entry in `fills`.
 */
export async function populate(
  cloud: Cloud,
  fills: Readonly<Record<string, Fill>>,
  prefix = newPrefix(),
  parents: Readonly<Record<string, string>> = {},
): Promise<Customer> {
  await untilBootable(cloud);
  const { admin } = cloud;
  const identity = (path: string, key: string, body: object) =>
    make(admin, 'identity', path, key, body);
  const domain = await identity('/domains', 'domain', { name: prefix });
  const lacking = new Map<string, string>();
  const seconds = new Map<string, number>();
  const timed = async <T>(what: string, work: Promise<T>): Promise<T> => {
    const start = Date.now();
    const result = await work;
    seconds.set(what, (Date.now() - start) / 1000);
    return result;
  };
  const password = randomBytes(12).toString('base64url');
  const inDomain = { domain_id: domain.id };
  const [member, reader, group, roles, operatorResources] = await Promise.all([
    identity('/users', 'user', { name: `${prefix}-member`, password, ...inDomain }),
    identity('/users', 'user', { name: `${prefix}-reader`, password, ...inDomain }),
    identity('/groups', 'group', { name: `${prefix}-group`, ...inDomain }),
    admin.call('identity', 'GET', '/roles').then((reply) => rowsOf(reply.json, 'roles')),
    timed('operator', createOperatorResources(cloud, prefix, lacking)),
  ]);
  const roleId = (name: string) => text(roles.find((role) => role.name === name) ?? {}, 'id');
  await admin.call('identity', 'PUT', `/groups/${group.id}/users/${reader.id}`);
  const user = { id: member.id, password };
  const created = new Map<string, Promise<string>>();
  const create = (name: string): Promise<string> => {
    const parent = parents[name];
    const creation =
      created.get(name) ??
      (async () => {
        const below = parent === undefined ? {} : { parent_id: await create(parent) };
        const body = { name: `${prefix}-${name}`, ...inDomain, ...below, tags: ['customer'] };
        return (await identity('/projects', 'project', body)).id;
      })();
    created.set(name, creation);
    return creation;
  };
  const projects = await Promise.all(
    Object.entries(fills).map(async ([name, fill]) => {
      const id = await create(name);
      // With Barbican's default policy only a `creator` creates and sees keys.
      for (const role of roles.filter((one) => ['member', 'creator'].includes(text(one, 'name'))))
        await admin.call(
          'identity',
          'PUT',
          `/projects/${id}/users/${member.id}/roles/${text(role, 'id')}`,
        );
      return { id, name, fill, session: await cloud.logInAs(user, id) };
    }),
  );
  const extensions = new Set(
    (await admin.rows('network', '/extensions', 'extensions')).map((row) => text(row, 'alias')),
  );
  const others = { readerId: reader.id, readerRoleId: roleId('reader'), groupId: group.id };
  await Promise.all(
    projects.map(async (project, at) => {
      const next = projects[(at + 1) % projects.length];
      const neighbor =
        next === undefined || next.id === project.id
          ? { id: operatorResources.projectId, session: admin }
          : next;
      const seedProject: SeedProject = {
        prefix,
        admin,
        member: project.session,
        memberUser: user,
        project,
        neighbor,
        operatorResources,
        extensions,
        lacking,
      };
      if (project.fill === 'whole' && admin.has('key-manager'))
        await timed(`${project.name} barbican`, fullKeys(seedProject));
      if (project.fill === 'full' || project.fill === 'whole')
        await fillFully(seedProject, others, (part, work) =>
          timed(`${project.name} ${part}`, work),
        );
      if (project.fill === 'simple') await fillSimply(seedProject);
    }),
  );
  return {
    prefix,
    domainId: domain.id,
    projects,
    userIds: [member.id, reader.id],
    member: user,
    operatorResources,
    lacking,
    seconds,
  };
}

/**
 * Creates the operator's resources: a project (in no customer's domain), networks, a private
 * flavor, a private volume type.
 */
async function createOperatorResources(
  cloud: Cloud,
  prefix: string,
  lacking: Map<string, string>,
): Promise<OperatorResources> {
  const { admin } = cloud;
  const own = await admin.call('identity', 'GET', `/projects/${admin.projectId}`);
  const { id: project_id } = await make(admin, 'identity', '/projects', 'project', {
    name: `${prefix}-operator`,
    domain_id: text(own.json, 'project', 'domain_id'),
  });
  const network = async (name: string, cidr: string, more: object) => {
    const { id } = await make(admin, 'network', '/networks', 'network', {
      name: `${prefix}-${name}`,
      project_id,
      ...more,
    });
    const subnet = {
      name: `${prefix}-${name}`,
      network_id: id,
      cidr,
      ip_version: 4,
      project_id,
      enable_dhcp: false,
    };
    await make(admin, 'network', '/subnets', 'subnet', subnet);
    return id;
  };
  const [externalNetworkId, commonNetworkId, flavor, type, groupType, shareTypes] =
    await Promise.all([
      network('external', '198.51.100.0/24', { 'router:external': true }),
      network('common', '172.31.0.0/20', {}),
      make(admin, 'compute', '/flavors', 'flavor', {
        name: `${prefix}-flavor`,
        vcpus: 1,
        ram: 64,
        disk: 1,
        'os-flavor-access:is_public': false,
      }),
      make(admin, 'volume', '/types', 'volume_type', {
        name: `${prefix}-type`,
        'os-volume-type-access:is_public': false,
      }),
      createIfSupported({ lacking }, 'cinder.group', () =>
        make(admin, 'volume', '/group_types', 'group_type', {
          name: `${prefix}-group-type`,
          group_specs: {},
          is_public: true,
        }),
      ),
      admin.has('share')
        ? createIfSupported({ lacking }, 'manila.share', () => createShareTypes(admin, prefix))
        : undefined,
    ]);
  return {
    projectId: project_id,
    flavorId: flavor.id,
    volumeTypeId: type.id,
    groupTypeId: groupType?.id,
    shareTypes,
    externalNetworkId,
    commonNetworkId,
  };
}

async function typeAccess(seedProject: SeedProject): Promise<void> {
  const json = { addProjectAccess: { project: seedProject.project.id } };
  await seedProject.admin.call(
    'volume',
    'POST',
    `/types/${seedProject.operatorResources.volumeTypeId}/action`,
    {
      json,
    },
  );
}

async function fillFully(
  seedProject: SeedProject,
  others: Parameters<typeof fullIdentity>[1],
  timed: <T>(part: string, work: Promise<T>) => Promise<T>,
): Promise<void> {
  await Promise.all([flavorAccess(seedProject), typeAccess(seedProject)]);
  const wiring = timed('wiring', trunkedNetwork(seedProject));
  const ground = Promise.all([
    wiring,
    image(seedProject, 'plain'),
    volume(seedProject, 'data'),
    volume(seedProject, 'root'),
  ]);
  const network = wiring.then((made) => timed('network', fullNetwork(seedProject, made)));
  const ifInCatalog = <T>(service: ServiceKey, resourceType: string, build: () => Promise<T>) =>
    seedProject.admin.has(service)
      ? timed(resourceType, build())
      : seedProject.lacking.set(resourceType, `no ${service} in the catalog`);
  await Promise.all([
    network,
    ifInCatalog('load-balancer', 'octavia', async () =>
      fullLoadBalancing(seedProject, await wiring),
    ),
    ifInCatalog('dns', 'designate', async () => {
      await Promise.all([fullDns(seedProject), network]);
      await reverseDns(seedProject);
    }),
    ground.then(([made, imageId, dataVolumeId, rootVolumeId]) =>
      timed(
        'compute',
        fullCompute(seedProject, { wiring: made, imageId, dataVolumeId, rootVolumeId }),
      ),
    ),
    timed('storage', fullStorage(seedProject)),
    timed('images', fullImages(seedProject)),
    seedProject.admin.has('object')
      ? timed('objects', fullObjects(seedProject))
      : seedProject.lacking.set('swift', 'no object-store in the catalog'),
    ifInCatalog('orchestration', 'heat', () => fullStacks(seedProject)),
    ifInCatalog('share', 'manila', async () => fullShares(seedProject, await wiring)),
    timed('identity', fullIdentity(seedProject, others)),
  ]);
}

async function fillSimply(seedProject: SeedProject): Promise<void> {
  await Promise.all([flavorAccess(seedProject), typeAccess(seedProject)]);
  const objects = seedProject.admin.has('object') ? simpleObjects(seedProject) : undefined;
  const [wiring, imageRef, data] = await Promise.all([
    simpleNetwork(seedProject),
    image(seedProject, 'plain'),
    volume(seedProject, 'data'),
    objects,
  ]);
  const id = await server(seedProject, 'web', { imageRef, networks: [{ uuid: wiring.networkId }] });
  await attach(seedProject, id, data);
}

if (import.meta.main) {
  const names = process.argv.slice(2);
  const fills = Object.fromEntries(
    (names.length > 0 ? names : ['red', 'green', 'blue']).map((name) => [name, 'full' as const]),
  );
  const start = Date.now();
  const customer = await populate(await Cloud.connect(), fills);
  console.log(`domain ${customer.prefix} ${customer.domainId}, ${(Date.now() - start) / 1000} s`);
  for (const project of customer.projects) console.log(`project ${project.name} ${project.id}`);
  for (const [part, took] of customer.seconds) console.log(`  ${part}: ${took} s`);
  for (const [resourceType, reason] of customer.lacking)
    console.log(`  this cloud lacks ${resourceType}: ${reason}`);
}
