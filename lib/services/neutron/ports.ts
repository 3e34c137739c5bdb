import * as z from 'zod';
import { type Blocker, defineType, type ProjectContext, type Removal } from '../../task/service.ts';
import { temporaryBlocker } from '../kit/blockers.ts';
import { isNovaUnfinished } from '../kit/nova-deletion.ts';
import { foreignBlocker, NETWORK_PORT_DEVICE_OWNERS } from './blocking-resources.ts';
import {
  deleteResource,
  INDEPENDENT_OF_NOVA,
  labelOf,
  OwnedRow,
  ownerOf,
  requireExtension,
  rowsOf,
  urlEncode,
} from './collection.ts';
import { INTERFACE_DEVICE_OWNERS, routersOf } from './routing.ts';

const Trunk = OwnedRow.extend({ admin_state_up: z.boolean().nullish() });

/** Trunks. Neutron refuses to delete the parent port and the subports of a trunk. */
const trunk = defineType({
  name: 'trunk',
  async list(context) {
    await requireExtension(context, 'trunk');
    return rowsOf(context.api, { path: '/v2.0/trunks', collection: 'trunks', row: Trunk }, [
      ['project_id', context.project],
    ]);
  },
  id: (row) => row.id,
  owner: (row) => ownerOf(row),
  label: (row) => labelOf(row),
  async remove(row, { api }): Promise<Removal> {
    // Neutron refuses to change or delete a trunk that is administratively down (TrunkDisabled).
    if (row.admin_state_up === false)
      await api.request('PUT', `/v2.0/trunks/${urlEncode(row.id)}`, {
        json: { trunk: { admin_state_up: true } },
        accept: [404],
      });
    return deleteResource(api, '/v2.0/trunks', row);
  },
});

const Port = OwnedRow.extend({
  device_owner: z.string().nullish(),
  device_id: z.string().nullish(),
  network_id: z.string().nullish(),
});
type Port = z.infer<typeof Port>;

/** Lists the ports of the project once for the types `port` and `network`. */
const portsOf = (context: ProjectContext): Promise<Port[]> =>
  context.memoize('neutron.ports', () =>
    rowsOf(context.api, { path: '/v2.0/ports', collection: 'ports', row: Port }, [
      ['project_id', context.project],
    ]),
  );

/** True if a device, such as a server, uses the port. */
const hasDevice = ({ device_owner: owner, device_id: id }: Port): boolean =>
  Boolean(owner) || Boolean(id);

/**
 * Returns the ids of the networks on which the project has a port with a device. Omits ports that
 * Neutron removes with their network.
 */
export async function networkIdsWithDevices(
  context: ProjectContext,
): Promise<ReadonlySet<string | null | undefined>> {
  const ports = await portsOf(context);
  const portsWithDevice = ports.filter(
    (one) => hasDevice(one) && !NETWORK_PORT_DEVICE_OWNERS.includes(one.device_owner ?? ''),
  );
  return new Set(portsWithDevice.map(({ network_id: networkId }) => networkId));
}

/** A service that creates ports for its resources. */
interface PortCreator {
  /** Matches the `device_owner` of the service's ports. */
  readonly deviceOwner: RegExp;
  readonly service: string;
  readonly catalogType: string;
  /** The noun for the resource: `share server`. */
  readonly resourceNoun: string;
  /** Returns the path of the resource, or `undefined` if the device id contains no resource id. */
  pathOf(deviceId: string): string | undefined;
}
const PORT_CREATORS: readonly PortCreator[] = [
  {
    deviceOwner: /^compute:/,
    service: 'nova',
    catalogType: 'compute',
    resourceNoun: 'server',
    pathOf: (id) => `/servers/${urlEncode(id)}`,
  },
  {
    deviceOwner: /^(Octavia|ovn-lb-)/,
    service: 'octavia',
    catalogType: 'load-balancer',
    resourceNoun: 'load balancer',
    pathOf(id) {
      const loadBalancer = /^(?:ovn-)?lb-(.+)$/.exec(id)?.[1];
      return loadBalancer && `/v2.0/lbaas/loadbalancers/${urlEncode(loadBalancer)}`;
    },
  },
  {
    deviceOwner: /^manila:/,
    service: 'manila',
    catalogType: 'shared-file-system',
    resourceNoun: 'share server',
    pathOf: (id) => `/share-servers/${urlEncode(id)}`,
  },
  {
    deviceOwner: /^baremetal:/,
    service: 'ironic',
    catalogType: 'baremetal',
    resourceNoun: 'node',
    pathOf: (id) => `/v1/nodes/${urlEncode(id)}`,
  },
];

/**
 * Returns a blocker for a port that another service created for a resource of its own, for example
 * for a server. Returns `undefined` if that service answers 404 for the resource, or if the catalog
 * lacks the service. Throws if the service does not answer.
 */
async function creatorBlocker(port: Port, context: ProjectContext): Promise<Blocker | undefined> {
  const creator = PORT_CREATORS.find(({ deviceOwner }) =>
    deviceOwner.test(port.device_owner ?? ''),
  );
  if (!creator || !port.device_id) return undefined;
  const api = (await context.apiOf(creator.service)) ?? (await context.apiOf(creator.catalogType));
  if (!api) return undefined;
  const path = creator.pathOf(port.device_id);
  if (path === undefined)
    return {
      message:
        `the port belongs to ${creator.service} (device_owner), but its device_id contains no id ` +
        `of a ${creator.resourceNoun}`,
      actor: 'operator',
      advice:
        `If ${creator.service} no longer uses the port, delete the port: ` +
        'openstack port delete PORT',
    };
  if ((await api.request('GET', path, { accept: [404] })).status === 404) return undefined;
  return {
    message: `${creator.service} still has the ${creator.resourceNoun} that uses the port`,
    actor: 'none',
    advice:
      `The propagator deletes the port when ${creator.service} no longer has ` +
      `${creator.resourceNoun} ${port.device_id}.`,
  };
}

/**
 * Returns a blocker that names the router or trunk that must be deleted before the port. Returns
 * `undefined` if neither prevents the deletion. The id of the trunk is read from Neutron's message
 * in `reportedBlocker`, because the row of the port does not show its trunk.
 */
async function routerOrTrunkBlocker(
  port: Port,
  reportedBlocker: Blocker,
  context: ProjectContext,
): Promise<Blocker | undefined> {
  const trunkId = /(?:subport|parent port) for trunk ([0-9a-f-]{36})/.exec(
    reportedBlocker.message,
  )?.[1];
  const routerId = INTERFACE_DEVICE_OWNERS.includes(port.device_owner ?? '')
    ? port.device_id
    : undefined;
  if (!trunkId && !routerId) return undefined;
  const [path, noun, plural] = trunkId
    ? [`/v2.0/trunks/${trunkId}`, 'trunk', 'trunks']
    : [`/v2.0/routers/${urlEncode(routerId ?? '')}`, 'router', 'routers'];
  const { json, status } = await context.api.request('GET', path, { accept: [404] });
  const deleteFirstBlocker = temporaryBlocker(
    `the ${noun} that uses the port must be deleted first`,
  );
  // The router or trunk was deleted after Neutron refused the port. The next run deletes the port.
  if (status === 404) return deleteFirstBlocker;
  const resource = z.object({ [noun]: OwnedRow.partial() }).safeParse(json).data?.[noun];
  const owner = resource && ownerOf(resource);
  if (owner === context.project) return deleteFirstBlocker;
  return foreignBlocker([owner], [noun, plural]);
}

/**
 * The ports of the project, without two kinds: the ports that Neutron removes with their network,
 * and the interfaces of the project's routers, which have the type `router-interface`.
 */
const port = defineType({
  name: 'port',
  independentOf: INDEPENDENT_OF_NOVA,
  dependsOn: [
    {
      types: [
        'trunk',
        'local-ip',
        'router-interface',
        'router',
        'firewall-group',
        'port-pair',
        'flow-classifier',
        'tap-flow',
        'tap-service',
        'l2-gateway-connection',
      ],
      strength: 'preferred',
      until: 'done',
    },
  ],
  async list(context) {
    const [ports, routers] = await Promise.all([portsOf(context), routersOf(context)]);
    const routerIds = new Set(routers.map(({ id }) => id));
    return ports.filter(({ device_owner: deviceOwner, device_id: deviceId }) => {
      if (NETWORK_PORT_DEVICE_OWNERS.includes(deviceOwner ?? '')) return false;
      return !(
        INTERFACE_DEVICE_OWNERS.includes(deviceOwner ?? '') && routerIds.has(deviceId ?? '')
      );
    });
  },
  id: (row) => row.id,
  owner: (row) => ownerOf(row),
  label: (row) => labelOf(row),
  blocked: (row, context): Blocker | undefined =>
    isNovaUnfinished(context) && hasDevice(row)
      ? temporaryBlocker('the port has a device, and waits until Nova has deleted the servers')
      : undefined,
  async remove(row, context): Promise<Removal> {
    const blocker = await creatorBlocker(row, context);
    if (blocker) return { kind: 'blocked', ...blocker };
    return deleteResource(context.api, '/v2.0/ports', row, (reportedBlocker) =>
      routerOrTrunkBlocker(row, reportedBlocker, context),
    );
  },
});

export const PORT_TYPES = [trunk, port];
