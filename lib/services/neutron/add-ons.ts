import * as z from 'zod';
import { type DefinedType, defineType, type Removal } from '../../task/service.ts';
import { bgpPeer, bgpSpeaker } from './bgp.ts';
import { bgpVpn } from './bgpvpn.ts';
import {
  definePlainType,
  deleteResource,
  escaped,
  labelOf,
  Owned,
  ownerOf,
  projectFilterWithoutSideEffect,
  requireExtension,
  rowsOf,
} from './collection.ts';

/**
 * Defines a resource type of a Neutron extension. `removedFirst`: the types that must be empty
 * before this one is removed.
 */
const defineExtensionType = (
  name: string,
  path: string,
  collection: string,
  extension: string,
  removedFirst: readonly string[] = [],
): DefinedType =>
  definePlainType({
    name,
    path: `/v2.0${path}`,
    collection,
    extension,
    dependsOn: [{ types: removedFirst, strength: 'required', until: 'empty' }],
  });

const VPN = [
  defineExtensionType(
    'ipsec-site-connection',
    '/vpn/ipsec-site-connections',
    'ipsec_site_connections',
    'vpnaas',
  ),
  defineExtensionType('vpnservice', '/vpn/vpnservices', 'vpnservices', 'vpnaas', [
    'ipsec-site-connection',
  ]),
  defineExtensionType(
    'vpn-endpoint-group',
    '/vpn/endpoint-groups',
    'endpoint_groups',
    'vpn-endpoint-groups',
    ['ipsec-site-connection'],
  ),
  defineExtensionType('ikepolicy', '/vpn/ikepolicies', 'ikepolicies', 'vpnaas', [
    'ipsec-site-connection',
  ]),
  defineExtensionType('ipsecpolicy', '/vpn/ipsecpolicies', 'ipsecpolicies', 'vpnaas', [
    'ipsec-site-connection',
  ]),
];

const FirewallGroup = Owned.extend({ ports: z.array(z.string()).nullish() });

interface FirewallType<S> {
  readonly name: string;
  readonly collection: string;
  readonly row: S;
  /** The types that must be empty before this one is removed. */
  readonly removedFirst: readonly string[];
  /** Returns the body that detaches the resource from its ports, if it has any. */
  detachPorts?(row: z.infer<S>): object | undefined;
}

/**
 * Defines a type of FWaaS v2. A plain listing by project would create a default group, two policies
 * and four rules in that project (safety rule: listing must not create).
 */
const defineFirewallType = <S extends typeof Owned | typeof FirewallGroup>({
  name,
  collection,
  row,
  removedFirst,
  detachPorts,
}: FirewallType<S>): DefinedType => {
  const path = `/v2.0/fwaas/${collection}`;
  return defineType({
    name,
    dependsOn: [{ types: removedFirst, strength: 'required', until: 'empty' }],
    async list(context) {
      await requireExtension(context, 'fwaas_v2');
      const rows = await rowsOf(
        context.api,
        { path, collection, row },
        projectFilterWithoutSideEffect(context),
      );
      return rows.filter((one) => ownerOf(one) !== context.api.ownProject);
    },
    id: (one) => one.id,
    owner: (one) => ownerOf(one),
    label: (one) => labelOf(one),
    async remove(one, { api }): Promise<Removal> {
      const detachment = detachPorts?.(one);
      if (detachment)
        await api.request('PUT', `${path}/${escaped(one.id)}`, { json: detachment, accept: [404] });
      const removal = await deleteResource(api, path, one);
      // Neutron answers 409 (FirewallGroupInPendingState) until its agents have removed the rules
      // from the ports.
      return detachment && removal.kind === 'blocked' ? { kind: 'accepted' } : removal;
    },
  });
};

const FIREWALL = [
  defineFirewallType({
    name: 'firewall-group',
    collection: 'firewall_groups',
    row: FirewallGroup,
    removedFirst: [],
    detachPorts: ({ ports }) =>
      (ports ?? []).length > 0 ? { firewall_group: { ports: [] } } : undefined,
  }),
  defineFirewallType({
    name: 'firewall-policy',
    collection: 'firewall_policies',
    row: Owned,
    removedFirst: ['firewall-group'],
  }),
  defineFirewallType({
    name: 'firewall-rule',
    collection: 'firewall_rules',
    row: Owned,
    removedFirst: ['firewall-policy', 'firewall-group'],
  }),
];

const BGP = [bgpSpeaker, bgpPeer, bgpVpn];

const CHAINS = [
  defineExtensionType('service-graph', '/sfc/service_graphs', 'service_graphs', 'service_graph'),
  defineExtensionType('port-chain', '/sfc/port_chains', 'port_chains', 'sfc', ['service-graph']),
  defineExtensionType('port-pair-group', '/sfc/port_pair_groups', 'port_pair_groups', 'sfc', [
    'port-chain',
  ]),
  defineExtensionType('port-pair', '/sfc/port_pairs', 'port_pairs', 'sfc', ['port-pair-group']),
  defineExtensionType(
    'flow-classifier',
    '/sfc/flow_classifiers',
    'flow_classifiers',
    'flow_classifier',
    ['port-chain'],
  ),
];

const TAPS = [
  defineExtensionType('tap-flow', '/taas/tap_flows', 'tap_flows', 'taas'),
  defineExtensionType('tap-service', '/taas/tap_services', 'tap_services', 'taas', ['tap-flow']),
  defineExtensionType('tap-mirror', '/taas/tap_mirrors', 'tap_mirrors', 'tap-mirror'),
];

const L2_GATEWAYS = [
  defineExtensionType(
    'l2-gateway-connection',
    '/l2-gateway-connections',
    'l2_gateway_connections',
    'l2-gateway-connection',
  ),
  defineExtensionType('l2-gateway', '/l2-gateways', 'l2_gateways', 'l2-gateway', [
    'l2-gateway-connection',
  ]),
];

const MeteringLabel = Owned.extend({ shared: z.boolean().nullish() });

const MONITORING = [
  defineExtensionType('log', '/log/logs', 'logs', 'logging'),
  defineType({
    name: 'metering-label',
    async list(context) {
      await requireExtension(context, 'metering');
      const from = {
        path: '/v2.0/metering/metering-labels',
        collection: 'metering_labels',
        row: MeteringLabel,
      };
      return rowsOf(context.api, from, [['project_id', context.project]]);
    },
    id: (row) => row.id,
    owner: (row) => ownerOf(row),
    label: (row) => labelOf(row),
    blocked: (row) =>
      row.shared
        ? {
            message: 'the metering label is shared: it counts the traffic of every project',
            actor: 'operator',
            advice:
              'Create an equivalent label in another project. Then delete this label: openstack ' +
              'network meter delete METER',
          }
        : undefined,
    remove: (row, { api }) => deleteResource(api, '/v2.0/metering/metering-labels', row),
  }),
];

export const ADD_ONS = [
  ...VPN,
  ...FIREWALL,
  ...BGP,
  ...CHAINS,
  ...TAPS,
  ...L2_GATEWAYS,
  ...MONITORING,
];
