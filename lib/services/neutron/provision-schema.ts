import * as z from 'zod';
import { limitsSchema } from '../kit/provision-quota.ts';

const cidr = z.union([z.cidrv4(), z.cidrv6()], {
  error: 'write a range of addresses: 10.0.0.0/24',
});
const address = z.union([z.ipv4(), z.ipv6()], { error: 'write an IP address' });
const name = z.string().min(1).max(255);
const port = z.number().int().min(0).max(65_535);

const network = z.strictObject({
  name,
  cidr,
  /** Name servers of the subnet. */
  dns: z.array(address).optional(),
  router: z
    .strictObject({
      /** The default is the name of the network. */
      name: name.optional(),
      /** The name or id of the external network of the gateway. */
      external: name,
    })
    .optional(),
});
export type ProfileNetwork = z.infer<typeof network>;

const rule = z.strictObject({
  direction: z.enum(['ingress', 'egress']).default('ingress'),
  ethertype: z.enum(['IPv4', 'IPv6']).default('IPv4'),
  /** The name or number of a protocol. The default is any protocol. */
  protocol: z.string().min(1).optional(),
  /** One port, or the first and the last port of a range. */
  port: z.union([port, z.tuple([port, port])]).optional(),
  /** The default is any address. */
  remote: cidr.optional(),
});
export type ProfileRule = z.infer<typeof rule>;

/** The section of Neutron in a profile. */
export const schema = z.strictObject({
  quota: limitsSchema([
    'network',
    'subnet',
    'subnetpool',
    'port',
    'router',
    'floatingip',
    'security_group',
    'security_group_rule',
    'rbac_policy',
    'trunk',
  ]).optional(),
  network: network.optional(),
  sharedNetworks: z.array(name).min(1).optional(),
  securityGroupRules: z.array(rule).min(1).optional(),
});
export type NeutronSection = z.infer<typeof schema>;
