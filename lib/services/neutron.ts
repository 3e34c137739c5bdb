import { defineService } from '../task/service.ts';
import { ADD_ONS } from './neutron/add-ons.ts';
import { ADDRESSES } from './neutron/addresses.ts';
import { NETWORKS } from './neutron/networks.ts';
import { PORTS } from './neutron/ports.ts';
import { quota } from './neutron/quota.ts';
import { ROUTING } from './neutron/routing.ts';
import { SECURITY } from './neutron/security.ts';
import { SHARING } from './neutron/sharing.ts';

/**
 * Neutron, Networking API v2.0; everything in it is synchronous. No call of it asks Keystone
 * whether the project exists. Never called: `GET /auto-allocated-topology/P`, which builds one
 * (safety rule: listing must not create). The topology is an ordinary network, subnet and router of
 * the project and goes with them. After Nova, which unbinds and removes the ports of its servers.
 * Six at a time: parallel deletes deadlock in its database beyond that.
 */
export const neutron = defineService({
  name: 'neutron',
  catalogTypes: ['network'],
  after: ['nova'],
  concurrency: 6,
  resourceTypes: [
    ...ADD_ONS,
    ...ADDRESSES,
    ...ROUTING,
    ...PORTS,
    ...NETWORKS,
    ...SECURITY,
    ...SHARING,
    quota,
  ],
});
