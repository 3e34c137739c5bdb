import * as z from 'zod';
import { defineType, type ResourceTypeFactory } from '../../task/service.ts';
import { bgpPeer, bgpSpeaker } from './bgp.ts';
import { bgpVpn } from './bgpvpn.ts';
import {
  definePlainType,
  deleteResource,
  INDEPENDENT_OF_NOVA,
  labelOf,
  OwnedRow,
  ownerOf,
  requireExtension,
  rowsOf,
} from './collection.ts';
import { FIREWALL_TYPES } from './firewall.ts';

/**
 * Defines a resource type of a Neutron extension. `typesRemovedFirst`: the types that must be empty
 * before this one is removed.
 */
const defineExtensionType = (
  name: string,
  path: string,
  collection: string,
  extension: string,
  typesRemovedFirst: readonly string[] = [],
  independentOf: readonly string[] = [],
): ResourceTypeFactory =>
  definePlainType({
    name,
    path: `/v2.0${path}`,
    collection,
    extension,
    dependsOn: [{ types: typesRemovedFirst, strength: 'required', until: 'empty' }],
    independentOf,
  });

const VPN_TYPES = [
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

const BGP_TYPES = [bgpSpeaker, bgpPeer, bgpVpn];

/*
 * Service chains and L2 gateway connections must be removed before ports and networks. Ports and
 * networks do not wait for Nova, so service chains and L2 gateway connections do not wait either.
 * When Neutron deletes a network, it also deletes the L2 gateway connections of the network in the
 * database, and does not inform the gateway (networking-l2gw: `ON DELETE CASCADE`).
 */
const SERVICE_CHAIN_TYPES = [
  defineExtensionType(
    'service-graph',
    '/sfc/service_graphs',
    'service_graphs',
    'service_graph',
    [],
    INDEPENDENT_OF_NOVA,
  ),
  defineExtensionType(
    'port-chain',
    '/sfc/port_chains',
    'port_chains',
    'sfc',
    ['service-graph'],
    INDEPENDENT_OF_NOVA,
  ),
  defineExtensionType(
    'port-pair-group',
    '/sfc/port_pair_groups',
    'port_pair_groups',
    'sfc',
    ['port-chain'],
    INDEPENDENT_OF_NOVA,
  ),
  defineExtensionType(
    'port-pair',
    '/sfc/port_pairs',
    'port_pairs',
    'sfc',
    ['port-pair-group'],
    INDEPENDENT_OF_NOVA,
  ),
  defineExtensionType(
    'flow-classifier',
    '/sfc/flow_classifiers',
    'flow_classifiers',
    'flow_classifier',
    ['port-chain'],
    INDEPENDENT_OF_NOVA,
  ),
];

const TAP_TYPES = [
  defineExtensionType('tap-flow', '/taas/tap_flows', 'tap_flows', 'taas'),
  defineExtensionType('tap-service', '/taas/tap_services', 'tap_services', 'taas', ['tap-flow']),
  defineExtensionType('tap-mirror', '/taas/tap_mirrors', 'tap_mirrors', 'tap-mirror'),
];

const L2_GATEWAY_TYPES = [
  defineExtensionType(
    'l2-gateway-connection',
    '/l2-gateway-connections',
    'l2_gateway_connections',
    'l2-gateway-connection',
    [],
    INDEPENDENT_OF_NOVA,
  ),
  defineExtensionType('l2-gateway', '/l2-gateways', 'l2_gateways', 'l2-gateway', [
    'l2-gateway-connection',
  ]),
];

const MeteringLabel = OwnedRow.extend({ shared: z.boolean().nullish() });

const MONITORING_TYPES = [
  defineExtensionType('log', '/log/logs', 'logs', 'logging'),
  defineType({
    name: 'metering-label',
    async list(context) {
      await requireExtension(context, 'metering');
      const labelCollection = {
        path: '/v2.0/metering/metering-labels',
        collection: 'metering_labels',
        row: MeteringLabel,
      };
      return rowsOf(context.api, labelCollection, [['project_id', context.project]]);
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

export const ADD_ON_TYPES = [
  ...VPN_TYPES,
  ...FIREWALL_TYPES,
  ...BGP_TYPES,
  ...SERVICE_CHAIN_TYPES,
  ...TAP_TYPES,
  ...L2_GATEWAY_TYPES,
  ...MONITORING_TYPES,
];
