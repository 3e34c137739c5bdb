import { randomUUID } from 'node:crypto';
import { connectCloud } from '../../lib/openstack/connect.ts';
import { keystone } from '../../lib/services/keystone.ts';
import type { ServiceApi } from '../../lib/task/service.ts';
import { type RehearsalCloud, startCloud } from '../cloud/cloud.ts';
import { designate } from '../cloud/documented/designate.ts';
import { heat } from '../cloud/documented/heat.ts';
import { octavia, octaviaIn } from '../cloud/documented/octavia.ts';
import { loginOf } from '../cloud/login.ts';
import { resourceStatesOf } from '../cloud/resource-states.ts';

/** Suspends projects whose names begin with `trial-`, and provisions those with `new-`. */
export const TRIAL_POLICY = `version: 1
rules:
  - match: { name: 'trial-*' }
    on:
      project.disabled: { action: suspend, mode: enforce }
      project.enabled: { action: resume, mode: enforce }
  - match: { name: 'new-*' }
    on:
      project.created: { action: provision, profile: small, mode: enforce }
profiles:
  small:
    cinder: { quota: { volumes: 7 } }
    neutron:
      quota: { network: 8 }
      network: { name: default, cidr: 10.77.0.0/24 }
      securityGroupRules: [{ protocol: tcp, port: 22 }]
`;

/** Starts the rehearsal cloud that the deployed stack works on. */
export const rehearsalCloud = (): Promise<RehearsalCloud> =>
  startCloud({ with: [heat, octavia, designate], durations: { documented: 100 } });

/**
 * Creates a project in its own domain, with resources of every type and a public container.
 * `created`: the notification of its creation. The propagator holds the deletion of a project that
 * it has never seen alive.
 */
export function customerOf(
  cloud: RehearsalCloud,
  name = 'production',
): { id: string; created: string } {
  const sent: string[] = [];
  const silence = cloud.onNotification((one) => sent.push(JSON.stringify(one)));
  const { seed } = cloud;
  const id = seed.makeProject(seed.makeDomain(`customer-${randomUUID()}`), name);
  silence();
  seed.fill(id, 'small');
  const [container] = cloud.state.accounts.get(`AUTH_${id}`)?.containers.values() ?? [];
  if (!container) throw new TypeError('the project has no container');
  container.headers['x-container-read'] = '.r:*';
  const created = sent.find((text) => text.includes(id));
  if (created === undefined) throw new TypeError('the cloud sent no notification of the project');
  return { id, created };
}

/** Creates an empty project in its own domain. `created`: the notification of its creation. */
export function newProjectIn(cloud: RehearsalCloud, name: string): { id: string; created: string } {
  const sent: string[] = [];
  const silence = cloud.onNotification((one) => sent.push(JSON.stringify(one)));
  const id = cloud.seed.makeProject(cloud.seed.makeDomain(`customer-${randomUUID()}`), name);
  silence();
  const created = sent.find((text) => text.includes(id));
  if (created === undefined) throw new TypeError('the cloud sent no notification of the project');
  return { id, created };
}

/** The fields of a project that a provision by {@link TRIAL_POLICY} may change. */
export function provisionedIn({ state }: RehearsalCloud, project: string) {
  const of = <Row extends { readonly project_id?: unknown }>(table: { all(): readonly Row[] }) =>
    table.all().filter((row) => row.project_id === project);
  const { network, storage } = state;
  const rules = of(network.securityGroupRules).filter((row) => row.protocol !== null);
  return {
    volumes: storage.quotas.get(project)?.values.volumes,
    networkLimit: network.quotas.get(project)?.values.network,
    networks: of(network.networks).map(({ name }) => name),
    subnets: of(network.subnets).map(({ cidr }) => cidr),
    rules: rules.map((row) => [row.direction, row.protocol, row.port_range_min]),
  };
}

/** The result of {@link provisionedIn} after a provision. */
export const PROVISIONED = {
  volumes: 7,
  networkLimit: 8,
  networks: ['default'],
  subnets: ['10.77.0.0/24'],
  rules: [['ingress', 'tcp', 22]],
};

/** Deletes a project in Keystone. Returns its notification as Keystone sent it. */
export const deletedIn = (cloud: RehearsalCloud, project: string): Promise<string> =>
  notified(cloud, (admin) => admin.request('DELETE', `/v3/projects/${project}`));

/** Disables or enables a project in Keystone. Returns its notification as Keystone sent it. */
export const setEnabledIn = (
  cloud: RehearsalCloud,
  project: string,
  enabled: boolean,
): Promise<string> =>
  notified(cloud, (admin) =>
    admin.request('PATCH', `/v3/projects/${project}`, { json: { project: { enabled } } }),
  );

/** The fields of {@link resourceStatesOf}, and those of the load balancers. */
export function allResourceStatesOf(cloud: RehearsalCloud, project: string) {
  const balancers = octaviaIn(cloud.state).loadBalancers.where((row) => row.project_id === project);
  return {
    ...resourceStatesOf(cloud, project),
    loadBalancers: balancers.map(({ id, admin_state_up, provisioning_status }) => ({
      id,
      admin_state_up,
      provisioning_status,
    })),
  };
}

/** Calls Keystone as an administrator. Returns the notification that Keystone sends about it. */
async function notified(
  cloud: RehearsalCloud,
  change: (admin: ServiceApi) => Promise<unknown>,
): Promise<string> {
  const sent = Promise.withResolvers<string>();
  const silence = cloud.onNotification((notification) =>
    sent.resolve(JSON.stringify(notification)),
  );
  const admin = connectCloud(loginOf(cloud.credentials));
  try {
    const api = await admin.api(keystone, 'RegionOne');
    if (!api) throw new TypeError('the rehearsal cloud has no Keystone');
    await change(api);
    return await sent.promise;
  } finally {
    silence();
    await admin.close();
  }
}
