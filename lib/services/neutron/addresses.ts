import * as z from 'zod';
import { defineType, type ProjectContext } from '../../task/service.ts';
import {
  deleteResource,
  escaped,
  extensionsOf,
  labelOf,
  NOVA,
  Owned,
  ownerOf,
  plainType,
  requireExtension,
  rowsOf,
} from './collection.ts';

const Forwarding = z.object({ id: z.string() });
const FloatingIp = Owned.extend({
  floating_ip_address: z.string().nullish(),
  port_id: z.string().nullish(),
  /** Neutron shows this field only with the extension expose-port-forwarding-in-fip. */
  port_forwardings: z.array(z.object({ id: z.string().optional() })).optional(),
});
type FloatingIp = z.infer<typeof FloatingIp>;

const path = '/v2.0/floatingips';

/** Lists the floating IPs once for both resource types. */
const floatingIps = async (context: ProjectContext): Promise<FloatingIp[]> => {
  await requireExtension(context, 'router');
  return context.memoize('neutron.floatingips', () =>
    rowsOf(context.api, { path, collection: 'floatingips', row: FloatingIp }, [
      ['project_id', context.project],
    ]),
  );
};

/**
 * Port forwardings. Neutron refuses to delete a floating IP with forwardings. The owner of the
 * floating IP is the owner of its forwardings. If the rows of floating IPs do not contain the
 * forwardings, the listing needs one call for each floating IP.
 */
const portForwarding = defineType({
  name: 'port-forwarding',
  independentOf: NOVA,
  async list(context) {
    await requireExtension(context, 'floating-ip-port-forwarding');
    const exposed = (await extensionsOf(context)).has('expose-port-forwarding-in-fip');
    const forwardingsOf = async (
      floatingIp: FloatingIp,
    ): Promise<{ id: string; floatingIp: FloatingIp }[]> => {
      // A floating IP that is bound to a port cannot have forwardings (pf_plugin,
      // FipInUseByPortForwarding).
      if (floatingIp.port_id || (exposed && floatingIp.port_forwardings?.length === 0)) return [];
      const shownForwardings = (floatingIp.port_forwardings ?? []).flatMap(({ id }) =>
        id === undefined ? [] : [{ id }],
      );
      const complete = exposed && shownForwardings.length === floatingIp.port_forwardings?.length;
      const rows = complete
        ? shownForwardings
        : await rowsOf(
            context.api,
            {
              path: `${path}/${escaped(floatingIp.id)}/port_forwardings`,
              collection: 'port_forwardings',
              row: Forwarding,
            },
            [],
          );
      return rows.map(({ id }) => ({ id, floatingIp }));
    };
    return (await Promise.all((await floatingIps(context)).map(forwardingsOf))).flat();
  },
  id: (row) => row.id,
  owner: (row) => ownerOf(row.floatingIp),
  label: (row) => row.floatingIp.floating_ip_address ?? undefined,
  remove: (row, { api }) =>
    deleteResource(api, `${path}/${escaped(row.floatingIp.id)}/port_forwardings`, row),
});

const floatingIp = defineType({
  name: 'floating-ip',
  independentOf: NOVA,
  dependsOn: [{ types: ['port-forwarding'], strength: 'required', until: 'empty' }],
  // Neutron first removes the DNS record with the caller's token, and fails if Designate answers
  // 400.
  blockers: [
    'If Neutron publishes the name of the floating IP in a Designate zone that is ' +
      'being deleted, Neutron answers 500 until the zone is gone.',
  ],
  list: floatingIps,
  id: (row) => row.id,
  owner: (row) => ownerOf(row),
  label: (row) => row.floating_ip_address ?? undefined,
  remove: (row, { api }) => deleteResource(api, path, row),
});

/**
 * NDP proxies. While they exist, Neutron refuses to remove the interface and the gateway of their
 * router.
 */
const ndpProxy = plainType({
  name: 'ndp-proxy',
  independentOf: NOVA,
  path: '/v2.0/ndp_proxies',
  collection: 'ndp_proxies',
  extension: 'l3-ndp-proxy',
});

const localIps = '/v2.0/local_ips';
const Association = z.object({ fixed_port_id: z.string() });

const localIpsOf = async (context: ProjectContext): Promise<Owned[]> => {
  await requireExtension(context, 'local_ip');
  return context.memoize('neutron.local_ips', () =>
    rowsOf(context.api, { path: localIps, collection: 'local_ips', row: Owned }, [
      ['project_id', context.project],
    ]),
  );
};

/** The ports of a local IP. The owner of the local IP is the owner of an association. */
const localIpAssociation = defineType({
  name: 'local-ip-association',
  async list(context) {
    const associationsOf = async (localIp: Owned) => {
      const from = {
        path: `${localIps}/${escaped(localIp.id)}/port_associations`,
        collection: 'port_associations',
        row: Association,
      };
      return (await rowsOf(context.api, from, [])).map((row) => ({
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
    deleteResource(api, `${localIps}/${escaped(row.localIp.id)}/port_associations`, row),
});

const localIp = defineType({
  name: 'local-ip',
  dependsOn: [{ types: ['local-ip-association'], strength: 'required', until: 'empty' }],
  list: localIpsOf,
  id: (row) => row.id,
  owner: (row) => ownerOf(row),
  label: (row) => labelOf(row),
  remove: (row, { api }) => deleteResource(api, localIps, row),
});

export const ADDRESSES = [portForwarding, floatingIp, ndpProxy, localIpAssociation, localIp];
