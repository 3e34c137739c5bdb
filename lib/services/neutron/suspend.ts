import * as z from 'zod';
import { type Comparison, defineSuspension, type ProjectContext } from '../../task/service.ts';
import { defineQuotaSuspension } from '../kit/suspend-quota.ts';
import { extensionsOf, OwnedRow, ownerOf, rowsOf, rowsWhere, urlEncode } from './collection.ts';
import { quotaSet } from './quota.ts';
import { INTERFACE_DEVICE_OWNERS } from './routing.ts';

const Router = OwnedRow.extend({ admin_state_up: z.boolean() });
const Port = OwnedRow.pick({ id: true, project_id: true, tenant_id: true }).extend({
  device_id: z.string().nullish(),
  network_id: z.string(),
});
type RouterRow = z.infer<typeof Router> & { readonly hasForeignPort: boolean };

const PORT_COLLECTION = { path: '/v2.0/ports', collection: 'ports', row: Port } as const;

/**
 * Returns the routers of the project. `hasForeignPort` is true if a port of another project is on a
 * network of the router.
 */
async function listRouters({ api, project }: ProjectContext): Promise<RouterRow[]> {
  const routers = await rowsOf(api, { path: '/v2.0/routers', collection: 'routers', row: Router }, [
    ['project_id', project],
  ]);
  const interfaces = await rowsWhere(
    api,
    PORT_COLLECTION,
    'device_id',
    routers.map(({ id }) => id),
    INTERFACE_DEVICE_OWNERS.map((owner) => ['device_owner', owner] as const),
  );
  const networkIds = [...new Set(interfaces.map((port) => port.network_id))];
  const portsOnNetworks = await rowsWhere(api, PORT_COLLECTION, 'network_id', networkIds);
  // A port without an owner belongs to Neutron itself.
  const networkIdsWithForeignPort = new Set(
    portsOnNetworks
      .filter((port) => ownerOf(port) && ownerOf(port) !== project)
      .map((port) => port.network_id),
  );
  return routers.map((router) => ({
    ...router,
    hasForeignPort: interfaces.some(
      (port) => port.device_id === router.id && networkIdsWithForeignPort.has(port.network_id),
    ),
  }));
}

const updateRouter = (
  row: RouterRow,
  router: { readonly admin_state_up: boolean },
  { api }: ProjectContext,
) =>
  api.request('PUT', `/v2.0/routers/${urlEncode(row.id)}`, {
    json: { router },
  });

const compare = (row: RouterRow): Comparison =>
  row.admin_state_up ? { kind: 'as-recorded' } : { kind: 'suspended' };

/**
 * Sets routers administratively down. A router stays up if another project would lose its
 * connection.
 */
export const routerSuspension = defineSuspension<RouterRow, object>({
  name: 'router',
  options: ['routers-down'],
  summary: {
    suspend: 'Option `routers-down`: routers that are up are set administratively down.',
    record: 'The id of the router.',
    resume: 'The router is set administratively up again.',
    unchanged: [
      'A router that is already down stays down.',
      'A router stays up and is reported while a port of another project is on one of its ' +
        'networks.',
    ],
  },
  recordedState: z.object({}),
  list: listRouters,
  id: (row) => row.id,
  owner: (row) => ownerOf(row),
  assess(row) {
    if (!row.admin_state_up) return { kind: 'at-rest' };
    if (row.hasForeignPort)
      return {
        kind: 'report-only',
        message:
          'a router stays up, because a port of another project is on one of its networks ' +
          'and would lose its connection',
        advice: 'If the router must not route, set it down: openstack router set --disable ID.',
      };
    return { kind: 'suspend', recordedState: {} };
  },
  async suspend(row, _recordedState, context) {
    await updateRouter(row, { admin_state_up: false }, context);
  },
  compare,
  async resume(row, _recordedState, context) {
    await updateRouter(row, { admin_state_up: true }, context);
  },
});

export const quotaSuspension = defineQuotaSuspension({
  limitNames: ['network', 'subnet', 'router', 'floatingip'],
  unchangedReasons: [
    'The limit of ports is not changed, because Octavia needs new ports in the project to repair ' +
      'a load balancer.',
    'The limits of security groups and rules are not changed, because Neutron must be able to ' +
      'create the group `default`.',
  ],
  read: quotaSet.readLimits,
  // With the extension `quota-check-limit-default` (since 2025.1), Neutron refuses a limit below
  // the usage unless the call has `force`. Without the extension, Neutron does not check the usage.
  // Before 2022.1, Neutron refuses `force`.
  async write(limits, context) {
    const checksUsage = (await extensionsOf(context)).has('quota-check-limit-default');
    await quotaSet.write(checksUsage ? { ...limits, force: true } : limits, context);
  },
});
