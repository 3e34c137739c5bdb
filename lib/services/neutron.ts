import { defineService } from '../task/service.ts';
import { ADD_ON_TYPES } from './neutron/add-ons.ts';
import { ADDRESS_TYPES } from './neutron/addresses.ts';
import { NETWORK_TYPES } from './neutron/networks.ts';
import { PORT_TYPES } from './neutron/ports.ts';
import { provision } from './neutron/provision.ts';
import { quota } from './neutron/quota.ts';
import { ROUTER_TYPES } from './neutron/routing.ts';
import { SECURITY_TYPES } from './neutron/security.ts';
import { SHARING_TYPES } from './neutron/sharing.ts';
import { quotaSuspension, routerSuspension } from './neutron/suspend.ts';

/**
 * Neutron, Networking API v2.0. All calls are synchronous, and Neutron does not ask Keystone
 * whether the project exists. Never call `GET /auto-allocated-topology/PROJECT`: this call creates
 * an auto-allocated topology (safety rule: listing must not create). Such a topology consists of an
 * ordinary network, subnet and router, which the cleanup removes. Neutron's cleanup runs after
 * Nova's, because Nova unbinds and removes the ports of its servers. At most six calls run in
 * parallel, because more parallel deletions deadlock in Neutron's database.
 */
export const neutron = defineService({
  name: 'neutron',
  catalogTypes: ['network'],
  dependsOn: [
    { services: ['nova'], strength: 'required', until: 'done' },
    // Designate finds the owner of a PTR record by its floating IP.
    { types: ['designate.ptr-record'], strength: 'preferred', until: 'empty' },
  ],
  concurrency: 6,
  resourceTypes: [
    ...ADD_ON_TYPES,
    ...ADDRESS_TYPES,
    ...ROUTER_TYPES,
    ...PORT_TYPES,
    ...NETWORK_TYPES,
    ...SECURITY_TYPES,
    ...SHARING_TYPES,
    quota,
  ],
  provision,
  suspension: {
    suspendAfter: ['nova', 'zun', 'trove'],
    types: [routerSuspension, quotaSuspension],
  },
  leftBySuspend: [
    {
      types: [
        'floating-ip',
        'port',
        'network',
        'subnet',
        'trunk',
        'port-forwarding',
        'ndp-proxy',
        'local-ip',
        'local-ip-association',
        'router-interface',
        'router-route',
      ],
      because:
        'The servers that use these resources are stopped, and no other project may get the ' +
        'addresses.',
    },
    {
      types: [
        'ipsec-site-connection',
        'vpnservice',
        'vpn-endpoint-group',
        'ikepolicy',
        'ipsecpolicy',
        'bgpvpn',
        'bgp-speaker',
        'bgp-peer',
        'l2-gateway',
        'l2-gateway-connection',
      ],
      because:
        'It only connects networks whose servers are stopped. If it were disabled, external ' +
        'peers might report a lost connection.',
    },
    {
      types: [
        'firewall-group',
        'firewall-policy',
        'firewall-rule',
        'security-group',
        'address-group',
        'qos-policy',
      ],
      because: 'It restricts traffic. Without it more traffic would pass.',
    },
    {
      types: ['default-statefulness'],
      because: 'It applies only to new security groups.',
    },
    {
      types: [
        'service-graph',
        'port-chain',
        'port-pair-group',
        'port-pair',
        'flow-classifier',
        'tap-flow',
        'tap-service',
        'tap-mirror',
        'log',
        'metering-label',
      ],
      because: 'It only handles traffic of the servers, which are stopped.',
    },
    {
      types: ['subnet-pool', 'address-scope', 'network-segment-range'],
      because: 'It only defines ranges of addresses or segment ids, and runs nothing.',
    },
    {
      types: ['rbac-policy', 'rbac-grant'],
      because: 'Without the policy, the receiving project could not use the shared resource.',
    },
  ],
});
