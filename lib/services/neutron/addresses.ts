import * as z from 'zod';
import { defineType, type ProjectContext } from '../../task/service.ts';
import {
  definePlainType,
  deleteResource,
  extensionsOf,
  INDEPENDENT_OF_NOVA,
  labelOf,
  OwnedRow,
  ownerOf,
  requireExtension,
  rowsOf,
  urlEncode,
} from './collection.ts';

const Forwarding = z.object({ id: z.string() });
const FloatingIp = OwnedRow.extend({
  floating_ip_address: z.string().nullish(),
  port_id: z.string().nullish(),
  /** Neutron shows this field only with the extension expose-port-forwarding-in-fip. */
  port_forwardings: z.array(z.object({ id: z.string().optional() })).optional(),
});
type FloatingIp = z.infer<typeof FloatingIp>;

const FLOATING_IPS_PATH = '/v2.0/floatingips';

/** Lists the floating IPs once for the types `port-forwarding` and `floating-ip`. */
const floatingIpsOf = async (context: ProjectContext): Promise<FloatingIp[]> => {
  await requireExtension(context, 'router');
  return context.memoize('neutron.floatingips', () =>
    rowsOf(context.api, { path: FLOATING_IPS_PATH, collection: 'floatingips', row: FloatingIp }, [
      ['project_id', context.project],
    ]),
  );
};

/**
 * Returns the ids of a floating IP's port forwardings. Reads them from `row` if the row shows all
 * of them, and from Neutron otherwise.
 */
async function forwardingIds(row: FloatingIp, context: ProjectContext): Promise<string[]> {
  // Neutron allows no port forwarding on a floating IP that is bound to a port (pf_plugin,
  // FipInUseByPortForwarding).
  if (row.port_id) return [];
  const rowShowsForwardings = (await extensionsOf(context)).has('expose-port-forwarding-in-fip');
  if (rowShowsForwardings && row.port_forwardings) {
    const ids = row.port_forwardings.flatMap(({ id }) => (id === undefined ? [] : [id]));
    const haveAllAnId = ids.length === row.port_forwardings.length;
    if (haveAllAnId) return ids;
  }
  const forwardingCollection = {
    path: `${FLOATING_IPS_PATH}/${urlEncode(row.id)}/port_forwardings`,
    collection: 'port_forwardings',
    row: Forwarding,
  };
  return (await rowsOf(context.api, forwardingCollection, [])).map(({ id }) => id);
}

/**
 * Port forwardings. Neutron refuses to delete a floating IP with forwardings. A forwarding has no
 * owner field, so its owner is the owner of its floating IP.
 */
const portForwarding = defineType({
  name: 'port-forwarding',
  independentOf: INDEPENDENT_OF_NOVA,
  async list(context) {
    await requireExtension(context, 'floating-ip-port-forwarding');
    const forwardings = (await floatingIpsOf(context)).map(async (row) =>
      (await forwardingIds(row, context)).map((id) => ({ id, floatingIp: row })),
    );
    return (await Promise.all(forwardings)).flat();
  },
  id: (row) => row.id,
  owner: (row) => ownerOf(row.floatingIp),
  label: (row) => row.floatingIp.floating_ip_address ?? undefined,
  remove: (row, { api }) =>
    deleteResource(
      api,
      `${FLOATING_IPS_PATH}/${urlEncode(row.floatingIp.id)}/port_forwardings`,
      row,
    ),
});

const floatingIp = defineType({
  name: 'floating-ip',
  independentOf: INDEPENDENT_OF_NOVA,
  dependsOn: [{ types: ['port-forwarding'], strength: 'required', until: 'empty' }],
  // Neutron first removes the DNS record of the floating IP from Designate, with the caller's
  // token. If Designate answers 400, Neutron answers 500.
  blockers: [
    'If Neutron publishes the name of the floating IP in a Designate zone that is ' +
      'being deleted, Neutron answers 500 until the zone is gone.',
  ],
  list: floatingIpsOf,
  id: (row) => row.id,
  owner: (row) => ownerOf(row),
  label: (row) => row.floating_ip_address ?? undefined,
  remove: (row, { api }) => deleteResource(api, FLOATING_IPS_PATH, row),
});

/**
 * NDP proxies. While a proxy exists, Neutron refuses to remove the interface and the gateway of its
 * router.
 */
const ndpProxy = definePlainType({
  name: 'ndp-proxy',
  independentOf: INDEPENDENT_OF_NOVA,
  path: '/v2.0/ndp_proxies',
  collection: 'ndp_proxies',
  extension: 'l3-ndp-proxy',
});

const LOCAL_IPS_PATH = '/v2.0/local_ips';
const Association = z.object({ fixed_port_id: z.string() });

const localIpsOf = async (context: ProjectContext): Promise<OwnedRow[]> => {
  await requireExtension(context, 'local_ip');
  return context.memoize('neutron.local_ips', () =>
    rowsOf(context.api, { path: LOCAL_IPS_PATH, collection: 'local_ips', row: OwnedRow }, [
      ['project_id', context.project],
    ]),
  );
};

/**
 * The associations of a local IP with ports. An association has no owner field, so its owner is the
 * owner of its local IP.
 */
const localIpAssociation = defineType({
  name: 'local-ip-association',
  async list(context) {
    const associationsOf = async (localIp: OwnedRow) => {
      const associationCollection = {
        path: `${LOCAL_IPS_PATH}/${urlEncode(localIp.id)}/port_associations`,
        collection: 'port_associations',
        row: Association,
      };
      return (await rowsOf(context.api, associationCollection, [])).map((row) => ({
        id: row.fixed_port_id,
        localIp,
      }));
    };
    return (await Promise.all((await localIpsOf(context)).map(associationsOf))).flat();
  },
  id: (row) => row.id,
  owner: (row) => ownerOf(row.localIp),
  label: (row) => labelOf(row.localIp),
  remove: (row, { api }) =>
    deleteResource(api, `${LOCAL_IPS_PATH}/${urlEncode(row.localIp.id)}/port_associations`, row),
});

const localIp = defineType({
  name: 'local-ip',
  dependsOn: [{ types: ['local-ip-association'], strength: 'required', until: 'empty' }],
  list: localIpsOf,
  id: (row) => row.id,
  owner: (row) => ownerOf(row),
  label: (row) => labelOf(row),
  remove: (row, { api }) => deleteResource(api, LOCAL_IPS_PATH, row),
});

export const ADDRESS_TYPES = [portForwarding, floatingIp, ndpProxy, localIpAssociation, localIp];
