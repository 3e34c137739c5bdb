import { parseArgs } from 'node:util';
import { Cloud, Row, rowsOf, type ServiceKey, text } from './cloud.ts';
import { IN_ALL_PROJECTS, LISTINGS, list } from './snapshot/table.ts';
import { type Line, label, snapshot } from './snapshot.ts';

/** The prefix of the names that the test runs give to their resources. */
const RUN_PREFIX = /^kp-[0-9a-f]{6}/;
type Remove = (cloud: Cloud, line: Line, projectId: string) => Promise<unknown>;

const ignoreErrors = (work: Promise<unknown>) => work.catch(() => undefined);
const deleteAt =
  (service: ServiceKey, collection: string): Remove =>
  (cloud, line) =>
    cloud.admin.call(service, 'DELETE', `${collection}/${line.id}`);
/** Cinder: first sets a state in which the resource can be deleted. */
const forceDelete =
  (collection: string, reset: object): Remove =>
  async (cloud, line) => {
    const volumeAction = (json: object) =>
      cloud.admin.call('volume', 'POST', `${collection}/${line.id}/action`, { json });
    await ignoreErrors(volumeAction({ 'os-reset_status': reset }));
    await volumeAction({ 'os-force_delete': {} });
  };
const networkResource = (collection: string) => deleteAt('network', collection);

const router: Remove = async (cloud, line) => {
  await ignoreErrors(
    cloud.admin.call('network', 'PUT', `/routers/${line.id}`, { json: { router: { routes: [] } } }),
  );
  for (const port of await cloud.admin.rows('network', `/ports?device_id=${line.id}`, 'ports')) {
    const json = { port_id: text(port, 'id') };
    await ignoreErrors(
      cloud.admin.call('network', 'PUT', `/routers/${line.id}/remove_router_interface`, { json }),
    );
  }
  await cloud.admin.call('network', 'DELETE', `/routers/${line.id}`);
};

/** Designate, for a resource of another project. */
const dnsResource =
  (collection: string): Remove =>
  (cloud, line) =>
    cloud.admin.call('dns', 'DELETE', `${collection}/${line.id}`, { headers: IN_ALL_PROJECTS });

/** Manila, for a resource in any state. */
const shareResource =
  (collection: string): Remove =>
  (cloud, line) =>
    cloud.admin.call('share', 'POST', `${collection}/${line.id}/action`, {
      json: { force_delete: null },
    });
const shareNetwork: Remove = async (cloud, line) => {
  const { json } = await cloud.admin.call('share', 'GET', `/share-networks/${line.id}`);
  const subnets = rowsOf(Row.parse(json).share_network, 'share_network_subnets');
  for (const subnet of subnets.slice(1))
    await ignoreErrors(
      cloud.admin.call(
        'share',
        'DELETE',
        `/share-networks/${line.id}/subnets/${text(subnet, 'id')}`,
      ),
    );
  await cloud.admin.call('share', 'DELETE', `/share-networks/${line.id}`);
};
const shareAccess =
  (collection: string): Remove =>
  (cloud, line, project) =>
    cloud.admin.call('share', 'POST', `${collection}/${line.id.split('/')[0]}/action`, {
      json: { removeProjectAccess: { project } },
    });

/** In an order that the dependencies allow. */
const REMOVALS: readonly (readonly [string, Remove])[] = [
  [
    'heat.stack',
    (cloud, line) => cloud.admin.call('orchestration', 'DELETE', `/stacks/${line.name}/${line.id}`),
  ],
  ['heat.software-deployment', deleteAt('orchestration', '/software_deployments')],
  ['heat.software-config', deleteAt('orchestration', '/software_configs')],
  ['manila.group-snapshot', shareResource('/share-group-snapshots')],
  ['manila.snapshot', shareResource('/snapshots')],
  ['manila.share', shareResource('/shares')],
  ['manila.group', shareResource('/share-groups')],
  ['manila.share-server', deleteAt('share', '/share-servers')],
  ['manila.share-network', shareNetwork],
  ['manila.security-service', deleteAt('share', '/security-services')],
  ['manila.type-access', shareAccess('/types')],
  ['manila.group-type-access', shareAccess('/share-group-types')],
  ['manila.quota', (cloud, _line, id) => cloud.admin.call('share', 'DELETE', `/quota-sets/${id}`)],
  [
    'nova.server',
    (cloud, line) =>
      cloud.admin.call('compute', 'POST', `/servers/${line.id}/action`, {
        json: { forceDelete: null },
      }),
  ],
  ['nova.server-group', deleteAt('compute', '/os-server-groups')],
  ['cinder.transfer', deleteAt('volume', '/volume-transfers')],
  ['cinder.attachment', deleteAt('volume', '/attachments')],
  ['cinder.backup', deleteAt('volume', '/backups')],
  ['cinder.group-snapshot', deleteAt('volume', '/group_snapshots')],
  [
    'cinder.group',
    (cloud, line) =>
      cloud.admin.call('volume', 'POST', `/groups/${line.id}/action`, {
        json: { delete: { 'delete-volumes': true } },
      }),
  ],
  ['cinder.snapshot', forceDelete('/snapshots', { status: 'error' })],
  ['cinder.volume', forceDelete('/volumes', { status: 'error', attach_status: 'detached' })],
  [
    'octavia.load-balancer',
    (cloud, line) =>
      cloud.admin.call('load-balancer', 'DELETE', `/lbaas/loadbalancers/${line.id}?cascade=true`),
  ],
  [
    'octavia.quota',
    (cloud, _line, id) => cloud.admin.call('load-balancer', 'DELETE', `/lbaas/quotas/${id}`),
  ],
  [
    'designate.ptr-record',
    (cloud, line) => {
      const headers = { ...IN_ALL_PROJECTS, 'x-designate-edit-managed-records': 'true' };
      return cloud.admin.call(
        'dns',
        'DELETE',
        `/zones/${text(JSON.parse(line.row), 'zone_id')}/recordsets/${line.id}`,
        { headers },
      );
    },
  ],
  ['designate.zone-transfer-request', dnsResource('/zones/tasks/transfer_requests')],
  ['designate.zone-import', dnsResource('/zones/tasks/imports')],
  ['designate.zone-export', dnsResource('/zones/tasks/exports')],
  ['designate.zone', dnsResource('/zones')],
  ['designate.quota', dnsResource('/quotas')],
  [
    'neutron.port-forwarding',
    (cloud, line) =>
      cloud.admin.call(
        'network',
        'DELETE',
        `/floatingips/${line.name}/port_forwardings/${line.id}`,
      ),
  ],
  ['neutron.floating-ip', networkResource('/floatingips')],
  [
    'neutron.trunk',
    async (cloud, line) => {
      await ignoreErrors(
        cloud.admin.call('network', 'PUT', `/trunks/${line.id}`, {
          json: { trunk: { admin_state_up: true } },
        }),
      );
      await cloud.admin.call('network', 'DELETE', `/trunks/${line.id}`);
    },
  ],
  ['neutron.router', router],
  ['neutron.port', networkResource('/ports')],
  ['neutron.rbac-policy', networkResource('/rbac-policies')],
  ['neutron.subnet', networkResource('/subnets')],
  ['neutron.network', networkResource('/networks')],
  ['neutron.subnet-pool', networkResource('/subnetpools')],
  ['neutron.address-scope', networkResource('/address-scopes')],
  ['neutron.security-group', networkResource('/security-groups')],
  ['neutron.address-group', networkResource('/address-groups')],
  ['neutron.qos-policy', networkResource('/qos/policies')],
  ['neutron.metering-label', networkResource('/metering/metering-labels')],
  ['neutron.local-ip', networkResource('/local_ips')],
  ['neutron.quota', networkResource('/quotas')],
  [
    'glance.image-member',
    (cloud, line) =>
      cloud.admin.call('image', 'DELETE', `/images/${line.id.replace('/', '/members/')}`),
  ],
  [
    'glance.image',
    async (cloud, line) => {
      const headers = { 'content-type': 'application/openstack-images-v2.1-json-patch' };
      const body = JSON.stringify([{ op: 'replace', path: '/protected', value: false }]);
      await ignoreErrors(
        cloud.admin.call('image', 'PATCH', `/images/${line.id}`, { headers, body }),
      );
      await cloud.admin.call('image', 'DELETE', `/images/${line.id}`);
    },
  ],
  [
    'glance.metadef-namespace',
    async (cloud, line, owner) => {
      const json = { namespace: line.id, protected: false, owner };
      await ignoreErrors(
        cloud.admin.call('image', 'PUT', `/metadefs/namespaces/${line.id}`, { json }),
      );
      await cloud.admin.call('image', 'DELETE', `/metadefs/namespaces/${line.id}`);
    },
  ],
  [
    'swift.account',
    (cloud, _line, id) => cloud.admin.call('object', 'DELETE', cloud.admin.endpoint('object', id)),
  ],
  [
    'nova.quota',
    (cloud, _line, id) => cloud.admin.call('compute', 'DELETE', `/os-quota-sets/${id}`),
  ],
  [
    'cinder.quota',
    (cloud, _line, id) => cloud.admin.call('volume', 'DELETE', `/os-quota-sets/${id}`),
  ],
  [
    'cinder.default-type',
    (cloud, _line, id) =>
      cloud.admin.call(
        'volume',
        'DELETE',
        `${cloud.admin.endpoint('volume').replace(`/${cloud.admin.projectId}`, '')}/default-types/${id}`,
      ),
  ],
  [
    'nova.flavor-access',
    (cloud, line, id) =>
      cloud.admin.call('compute', 'POST', `/flavors/${line.id.split('/')[0]}/action`, {
        json: { removeTenantAccess: { tenant: id } },
      }),
  ],
  [
    'cinder.type-access',
    (cloud, line, id) =>
      cloud.admin.call('volume', 'POST', `/types/${line.id.split('/')[0]}/action`, {
        json: { removeProjectAccess: { project: id } },
      }),
  ],
  ['keystone.credential', deleteAt('identity', '/credentials')],
  ['keystone.trust', deleteAt('identity', '/OS-TRUST/trusts')],
];

/**
 * Returns the projects with these prefixes, also deleted ones: the owners of resources with such
 * names, unless Keystone knows the project by another name.
 */
async function projectsOf(cloud: Cloud, prefixes: readonly string[]): Promise<string[]> {
  const hasPrefix = (name: string) => prefixes.some((prefix) => name.startsWith(prefix));
  const alive = new Map(
    (await cloud.admin.rows('identity', '/projects', 'projects')).map(
      (row) => [text(row, 'id'), text(row, 'name')] as const,
    ),
  );
  const projects = new Set([...alive].filter(([, name]) => hasPrefix(name)).map(([id]) => id));
  for (const listing of LISTINGS) {
    const found = await list(cloud, listing).catch(() => []);
    for (const resource of found)
      if (hasPrefix(resource.name) && resource.owner !== '' && !alive.has(resource.owner))
        projects.add(resource.owner);
  }
  return [...projects];
}

/**
 * Removes all resources of the given prefixes and projects, in any state. Ignores a failed removal,
 * and repeats the removals until no resources are left. Returns the resources that remain.
 */
export async function removeLeftovers(
  cloud: Cloud,
  prefixes: readonly string[],
  projectIds: readonly string[] = [],
): Promise<string[]> {
  const { admin } = cloud;
  const projects = [...new Set([...(await projectsOf(cloud, prefixes)), ...projectIds])].filter(
    (id) => id !== admin.projectId,
  );
  let left: string[] = [];
  // Designate deletes a zone only after it polled the name servers, and after the zones below it.
  const zonesUntil = Date.now() + 180_000;
  const areZonesPending = (): boolean =>
    Date.now() < zonesUntil && left.some((one) => one.startsWith('designate.zone '));
  for (let iteration = 1; iteration <= 12 || areZonesPending(); iteration++) {
    const now = await snapshot(cloud, projects);
    // Cinder before 2026.2 keeps the default type of a deleted project, and with it the volume
    // type.
    const known = new Set(
      REMOVALS.map(([resourceType]) => resourceType).filter(
        (resourceType) => resourceType !== 'cinder.default-type',
      ),
    );
    left = projects.flatMap((id) =>
      (now.projects.get(id) ?? [])
        .filter((one) => one.owned && known.has(one.resourceType))
        .map(label),
    );
    if (left.length === 0) break;
    for (const [resourceType, remove] of REMOVALS) {
      const lines = projects.flatMap((id) =>
        (now.projects.get(id) ?? [])
          .filter((one) => one.resourceType === resourceType)
          .map((one) => ({ one, id })),
      );
      await Promise.all(lines.map(({ one, id }) => ignoreErrors(remove(cloud, one, id))));
    }
    await new Promise((resolve) => setTimeout(resolve, 1500));
  }
  if (admin.has('key-manager'))
    for (const id of projects) await ignoreErrors(removeKeys(cloud, id));
  const hasPrefix = (row: object) =>
    prefixes.some((prefix) => text(row, 'name').startsWith(prefix));
  const deleteWithPrefix = async (
    service: ServiceKey,
    listing: string,
    key: string,
    collection = listing.split('?')[0],
  ) => {
    for (const row of rowsOf((await admin.call(service, 'GET', listing)).json, key).filter(
      hasPrefix,
    )) {
      if (key === 'domains')
        await ignoreErrors(
          admin.call(service, 'PATCH', `/domains/${text(row, 'id')}`, {
            json: { domain: { enabled: false } },
          }),
        );
      await ignoreErrors(admin.call(service, 'DELETE', `${collection}/${text(row, 'id')}`));
    }
  };
  await deleteWithPrefix('compute', '/flavors?is_public=none', 'flavors');
  await deleteWithPrefix('volume', '/types?is_public=None', 'volume_types');
  await deleteWithPrefix('volume', '/group_types', 'group_types');
  if (admin.has('share')) {
    await deleteWithPrefix('share', '/share-group-types?is_public=all', 'share_group_types');
    await deleteWithPrefix('share', '/types?is_public=all', 'share_types');
  }
  for (const key of ['projects', 'users', 'groups', 'domains'])
    await deleteWithPrefix('identity', `/${key}`, key);
  return left;
}

/** Removes the resources in Barbican. For this, the administrator gets a role on the project. */
async function removeKeys(cloud: Cloud, id: string): Promise<void> {
  const { admin } = cloud;
  const roles = await admin.rows('identity', '/roles?name=admin', 'roles');
  const grant = `/projects/${id}/users/${admin.userId}/roles/${text(roles[0] ?? {}, 'id')}`;
  await admin.call('identity', 'PUT', grant);
  const projectSession = await cloud.adminSessionWith({ project: { id } });
  for (const resourceType of ['order', 'container', 'secret'])
    for (
      let pages = 0, rows: Row[] | undefined;
      pages < 50 && (rows === undefined || rows.length > 0);
      pages += 1
    ) {
      rows = rowsOf(
        (await projectSession.call('key-manager', 'GET', `/${resourceType}s?limit=100`)).json,
        `${resourceType}s`,
      );
      for (const row of rows)
        await projectSession.call(
          'key-manager',
          'DELETE',
          `/${resourceType}s/${text(row, `${resourceType}_ref`).split('/').at(-1)}`,
        );
    }
  await admin.call('identity', 'DELETE', grant);
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    options: { all: { type: 'boolean' } },
    allowPositionals: true,
  });
  const cloud = await Cloud.connect();
  const names = (await Promise.all(LISTINGS.map((listing) => list(cloud, listing).catch(() => []))))
    .flat()
    .map((resource) => resource.name);
  const found = [
    ...new Set(
      names.map((name) => RUN_PREFIX.exec(name)?.[0]).filter((prefix) => prefix !== undefined),
    ),
  ];
  const chosen = values.all ? found : positionals;
  if (chosen.length === 0)
    console.log(
      `left by earlier runs: ${found.join(' ') || 'nothing'}. Name those to remove, or pass --all.`,
    );
  for (const prefix of chosen) {
    const left = await removeLeftovers(cloud, [prefix]);
    console.log(
      left.length === 0 ? `${prefix}: nothing left` : `${prefix}: still there\n${left.join('\n')}`,
    );
  }
}
