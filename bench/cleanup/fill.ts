import pLimit from 'p-limit';
import type { Cloud } from '../../test/openstack/cloud.ts';
import { attach, flavorAccess, server } from '../../test/openstack/populate/compute.ts';
import { image } from '../../test/openstack/populate/images.ts';
import { make, prefixedName, type SeedProject } from '../../test/openstack/populate/seed.ts';
import { volume } from '../../test/openstack/populate/storage.ts';
import type { Customer, PopulatedProject } from '../../test/openstack/populate.ts';

/** The resources in each project of a comparison. */
export interface Size {
  readonly name: string;
  readonly servers: number;
  readonly volumes: number;
  readonly networks: number;
  /** Ports without a server. */
  readonly ports?: number;
  /** Objects of 1 byte in Swift, in containers of {@link OBJECTS_PER_CONTAINER}. */
  readonly objects?: number;
}

const OBJECTS_PER_CONTAINER = 5000;

function seedProjectOf(cloud: Cloud, customer: Customer, project: PopulatedProject): SeedProject {
  const { prefix, operatorResources, member: memberUser } = customer;
  const neighbor = { id: operatorResources.projectId, session: cloud.admin };
  return {
    prefix,
    admin: cloud.admin,
    member: project.session,
    memberUser,
    project,
    neighbor,
    operatorResources,
    extensions: new Set(),
    lacking: new Map(),
  };
}

/** Returns the numbers from 0 to `length - 1`. */
const numbersUpTo = (length: number) => Array.from({ length }, (_, n) => n);

/** Creates networks with one subnet each, and one router that connects them. Returns their ids. */
async function createNetworks(seedProject: SeedProject, count: number): Promise<string[]> {
  if (count === 0) return [];
  const { member } = seedProject;
  const router = await make(member, 'network', '/routers', 'router', {
    name: prefixedName(seedProject, 'router'),
    external_gateway_info: { network_id: seedProject.operatorResources.externalNetworkId },
  });
  const limit = pLimit(6);
  const createNetwork = async (n: number): Promise<string> => {
    const network = await make(member, 'network', '/networks', 'network', {
      name: prefixedName(seedProject, `network-${n}`),
    });
    const subnet = await make(member, 'network', '/subnets', 'subnet', {
      network_id: network.id,
      name: prefixedName(seedProject, `subnet-${n}`),
      cidr: `10.${n}.0.0/24`,
      ip_version: 4,
    });
    await member.call('network', 'PUT', `/routers/${router.id}/add_router_interface`, {
      json: { subnet_id: subnet.id },
    });
    return network.id;
  };
  return Promise.all(numbersUpTo(count).map((n) => limit(() => createNetwork(n))));
}

async function fillContainers({ member, prefix }: SeedProject, count: number): Promise<void> {
  const limit = pLimit(12);
  const containerOf = (n: number) => `/${prefix}-${Math.floor(n / OBJECTS_PER_CONTAINER)}`;
  const containers = new Set(numbersUpTo(count).map(containerOf));
  for (const container of containers) await member.call('object', 'PUT', container);
  await Promise.all(
    numbersUpTo(count).map((n) =>
      limit(() => member.call('object', 'PUT', `${containerOf(n)}/object-${n}`, { body: 'x' })),
    ),
  );
}

/**
 * Creates the resources of `size` in a project. A project with objects has nothing else. In other
 * projects the servers are spread over the networks, one router connects all networks, and the
 * first half of the volumes is attached to servers.
 */
export async function fillProject(
  cloud: Cloud,
  customer: Customer,
  project: PopulatedProject,
  size: Size,
): Promise<void> {
  const seedProject = seedProjectOf(cloud, customer, project);
  if (size.objects !== undefined) return fillContainers(seedProject, size.objects);
  await flavorAccess(seedProject);
  const limit = pLimit(6);
  const [imageRef, networks] = await Promise.all([
    image(seedProject, 'image'),
    createNetworks(seedProject, size.networks),
  ]);
  const networkOf = (n: number): string | undefined => networks[n % networks.length];
  const volumes = numbersUpTo(size.volumes).map((n) =>
    limit(() => volume(seedProject, `volume-${n}`)),
  );
  const servers = numbersUpTo(size.servers).map((n) =>
    limit(() => {
      const uuid = networkOf(n);
      const serverNetworks = uuid === undefined ? ('none' as const) : [{ uuid }];
      return server(seedProject, `server-${n}`, { imageRef, networks: serverNetworks });
    }),
  );
  const ports = numbersUpTo(size.ports ?? 0).map((n) =>
    limit(() =>
      make(seedProject.member, 'network', '/ports', 'port', {
        name: prefixedName(seedProject, `port-${n}`),
        network_id: networkOf(n),
      }),
    ),
  );
  const [volumeIds, serverIds] = await Promise.all([
    Promise.all(volumes),
    Promise.all(servers),
    Promise.all(ports),
  ]);
  const volumesToAttach = volumeIds.slice(
    0,
    Math.floor(Math.min(volumeIds.length, serverIds.length) / 2),
  );
  await Promise.all(
    volumesToAttach.map((id, n) => limit(() => attach(seedProject, serverIds[n] ?? '', id))),
  );
}
