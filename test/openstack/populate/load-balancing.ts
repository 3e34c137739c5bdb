import { CLOUD_SECONDS, text, until } from '../cloud.ts';
import type { Wiring } from './network.ts';
import { make, prefixedName, type SeedProject } from './seed.ts';

/**
 * Creates a load balancer with a listener, a pool, a member and a monitor on the project's network,
 * an empty one, and limits of the project. The administrator creates them for the project: members
 * often lack Octavia's own role.
 */
export async function fullLoadBalancing(seedProject: SeedProject, wiring: Wiring): Promise<void> {
  const { admin, project } = seedProject;
  const member = { address: '10.10.0.50', protocol_port: 80, subnet_id: wiring.subnetId };
  const pool = {
    name: prefixedName(seedProject, 'web'),
    protocol: 'HTTP',
    lb_algorithm: 'ROUND_ROBIN',
    members: [member],
  };
  const healthmonitor = { type: 'HTTP', delay: 5, timeout: 2, max_retries: 2 };
  const listener = {
    name: prefixedName(seedProject, 'web'),
    protocol: 'HTTP',
    protocol_port: 80,
    default_pool: { ...pool, healthmonitor },
  };
  const ids = await Promise.all([
    loadBalancer(seedProject, wiring, {
      name: prefixedName(seedProject, 'web'),
      listeners: [listener],
    }),
    loadBalancer(seedProject, wiring, { name: prefixedName(seedProject, 'bare') }),
  ]);
  await Promise.all(ids.map((id) => vipPort(seedProject, wiring, id)));
  await admin.call('load-balancer', 'PUT', `/lbaas/quotas/${project.id}`, {
    json: { quota: { loadbalancer: 77 } },
  });
}

async function loadBalancer(
  { admin, project }: SeedProject,
  { subnetId }: Wiring,
  body: object,
): Promise<string> {
  const whole = { vip_subnet_id: subnetId, project_id: project.id, ...body };
  const { id } = await make(admin, 'load-balancer', '/lbaas/loadbalancers', 'loadbalancer', whole);
  return until(`load balancer ${id} is made`, CLOUD_SECONDS, async () => {
    const { json } = await admin.call('load-balancer', 'GET', `/lbaas/loadbalancers/${id}`);
    return text(json, 'loadbalancer', 'provisioning_status').startsWith('PENDING_')
      ? undefined
      : id;
  });
}

/**
 * If Octavia's network driver is a no-op, Octavia does not create the port that a load balancer has
 * elsewhere.
 */
async function vipPort(
  { admin, project }: SeedProject,
  { networkId }: Wiring,
  id: string,
): Promise<void> {
  const device = { device_owner: 'Octavia', device_id: `lb-${id}` };
  const { length } = await admin.rows('network', `/ports?device_id=${device.device_id}`, 'ports');
  if (length > 0) return;
  const port = {
    name: `octavia-lb-${id}`,
    network_id: networkId,
    project_id: project.id,
    admin_state_up: false,
    ...device,
  };
  await make(admin, 'network', '/ports', 'port', port);
}
